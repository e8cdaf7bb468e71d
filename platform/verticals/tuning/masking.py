"""Masked language modelling: which words are hidden, and what is learned from guessing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Prediction, Recipe
from verticals.encoder import Encoder, TokenBatch, TokenRows, bucketed
from verticals.encoder.heads import Head
from verticals.encoder.masked import MaskedWeights

from .objectives import Objective
from .prepared import Change

_SHARE = 0.15  # of the words are to be guessed
_HIDDEN, _RANDOM = 0.8, 0.1  # of these show the mask or another piece; the rest stay, so that no token can be trusted
_BATCH_TOKENS = 4096


@dataclass(slots=True)
class MaskedRows:
    """Texts of which whole words are masked, anew each time or always the same (Devlin et al., 2019, arXiv:1810.04805).

    Args:
        rows: texts given as words.
        seed: of the masks; `None`: drawn anew from the global random state each time.
        targets: the pieces that the last pass asked for, int64 [masked pieces].
    """

    rows: TokenRows
    seed: int | None = None
    targets: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    groups: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """See `Data.lengths`."""
        return self.rows.lengths

    @property
    def cut(self) -> int:
        """See `Data.cut`."""
        return int((self.rows.cut > 0).sum())

    def part(self, which: np.ndarray) -> MaskedRows:
        """See `Data.part`."""
        return MaskedRows(self.rows.part(which), self.seed)

    def forward(self, encoder: Encoder, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """See `Data.forward`: the vectors at the masked pieces, [masked pieces, dimension]."""
        return self._guessed(encoder, which, None, change)

    def targets_of(self, which: np.ndarray, features: torch.Tensor) -> torch.Tensor:
        """See `Data.targets_of`: what stood at those places in the pass just made."""
        return self.targets.to(features.device)

    def encode(self, encoder: Encoder, progress: Callable[[int], None] | None = None, slot: int = 0) -> torch.Tensor:
        """See `Data.encode`: [masked pieces, dimension]; sets ``targets`` to all that was asked for."""
        generator = torch.Generator().manual_seed(self.seed or 0)
        vectors, targets = [torch.zeros(0, encoder.dimension)], [torch.zeros(0, dtype=torch.long)]
        for which in bucketed(self.lengths, rows=512, tokens=_BATCH_TOKENS):
            with torch.inference_mode():
                vectors.append(self._guessed(encoder, which, generator, None).cpu())
            targets.append(self.targets.cpu())
        self.targets = torch.cat(targets)
        return torch.cat(vectors)

    def _guessed(
        self, encoder: Encoder, which: np.ndarray, generator: torch.Generator | None, change: Change | None
    ) -> torch.Tensor:
        batch = encoder.batch(self.rows, which)
        asked = whole_words(batch, generator).to(batch.ids.device)
        self.targets = batch.ids[asked]
        ids = batch.ids.clone()
        ids[asked] = _disguised(self.targets, encoder, generator)
        hidden_batch = TokenBatch(ids, batch.lengths, batch.second, batch.words)
        with encoder.precision.autocast():
            changed = None if change is None else change(encoder.vectors(hidden_batch))
            hidden = encoder.model(hidden_batch, changed)
        vectors: torch.Tensor = hidden[asked].float()
        return vectors


def whole_words(batch: TokenBatch, generator: torch.Generator | None) -> torch.Tensor:
    """Which pieces are to be guessed: all those of 15 % of each row's words, one word at least; bool [rows, length]."""
    starts = batch.words.cpu()  # [rows, words], -1 where there is none
    rows, length = batch.ids.shape
    there = starts >= 0
    order = torch.rand(starts.shape, generator=generator).masked_fill(~there, 2.0).argsort(dim=1).argsort(dim=1)
    wanted = (there.sum(dim=1) * _SHARE).round().clamp_min(1)
    chosen = (order < wanted[:, None]) & there
    # The word of a piece is the last that starts at or before it.
    begins = torch.zeros(rows, length + 1, dtype=torch.long)
    begins.scatter_add_(1, torch.where(there, starts, length), torch.ones_like(starts))
    word = begins[:, :length].cumsum(dim=1) - 1
    positions = torch.arange(length)
    inside = (word >= 0) & (positions < batch.lengths.cpu()[:, None] - 1)  # the last token is the separator
    if not chosen.shape[1]:
        return torch.zeros(rows, length, dtype=torch.bool)
    return torch.gather(chosen, 1, word.clamp(0, chosen.shape[1] - 1)) & inside


def _disguised(pieces: torch.Tensor, encoder: Encoder, generator: torch.Generator | None) -> torch.Tensor:
    """What is shown in place of the pieces that are asked for."""
    draw = torch.rand(len(pieces), generator=generator).to(pieces.device)
    others = torch.randint(encoder.tokenizer.vocabulary_size, (len(pieces),), generator=generator).to(pieces.device)
    shown = torch.where(draw < _HIDDEN + _RANDOM, others, pieces)
    return torch.where(draw < _HIDDEN, encoder.tokenizer.mask_id, shown)


class MaskedHead(Head):
    """Scores of all pieces at a token: a transform, then the encoder's own word vectors.

    Args:
        dimension: of the encoder.
        words: its word vectors, [vocabulary, dimension]; trained with the encoder, not with the head.
        start: the head in the encoder's checkpoint, where it has one.
    """

    def __init__(self, dimension: int, words: torch.Tensor, start: MaskedWeights | None = None) -> None:
        super().__init__(dimension)
        self.dense = nn.Linear(dimension, dimension)
        self.norm = nn.LayerNorm(dimension, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(len(words)))
        self._tied = (words,)  # in a tuple: as an attribute it would become a parameter of the head
        with torch.no_grad():
            if start is None:
                nn.init.eye_(self.dense.weight)
                nn.init.zeros_(self.dense.bias)
            else:
                for layer, (weight, bias) in ((self.dense, start.dense), (self.norm, start.norm)):
                    layer.weight.copy_(weight)
                    layer.bias.copy_(bias)
                self.bias.copy_(start.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scores [tokens, vocabulary]."""
        transformed = self.norm(functional.gelu(self.dense(features)))
        return functional.linear(transformed, self._tied[0].to(features.device), self.bias)

    def config(self) -> dict[str, Any]:
        """See `Head.config`; such a head is kept with its encoder, not as a version."""
        return {}

    def texts(self, value: Any) -> list[Any]:
        """See `Head.texts`."""
        return [str(value).split()]

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`: the likeliest piece's number at each token."""
        chances, pieces = torch.softmax(self(features), dim=-1).max(dim=-1)
        return [Prediction(str(piece), chance) for piece, chance in zip(pieces.tolist(), chances.tolist(), strict=True)]


class MaskedWords(Objective):
    """Guess the words that are hidden; compared by the mean log likelihood."""

    metric = "log_likelihood"
    reads = "words"

    def learn(self, examples: Sequence[Any], labels: Sequence[str]) -> None:
        """See `Objective.learn`; the texts are all there is to know."""

    def adopt(self, head: Any) -> None:
        """See `Objective.adopt`; there is nothing to take."""

    def head(self, dimension: int, recipe: Recipe) -> Head:
        """See `Objective.head`; it needs the encoder's words, so `adapt` makes it."""
        raise NotImplementedError

    def texts(self, example: Any) -> list[Any]:
        """See `Objective.texts`."""
        return [str(example).split()]

    def target_of(self, example: Any) -> int:
        """The targets are the words themselves."""
        return 0

    def losses(self, head: Any, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Cross entropy of each masked piece."""
        if not len(targets):
            return (features.sum() * 0.0)[None]
        return functional.cross_entropy(head(features), targets, reduction="none")

    def metrics(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Mean log likelihood of the masked pieces, and the share that is guessed right."""
        if not len(targets):
            return {"log_likelihood": 0.0, "guessed": 0.0}
        scores = head(features)
        return {
            "log_likelihood": -float(functional.cross_entropy(scores, targets)),
            "guessed": float((scores.argmax(dim=-1) == targets).float().mean()),
        }

    def calibrate(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> None:
        """See `Objective.calibrate`; nothing is answered."""
