"""Which words an answer rests on: integrated gradients over the input's word vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from verticals.contract import BadInput, Extent, TaskHead
from verticals.encoder import Encoder, TokenRows
from verticals.encoder.heads import Head
from verticals.encoder.tokens import Word

from .objectives import Objective, objective_of

_STEPS = (16, 32, 64, 128, 256)
_ACCURATE = 0.02  # of what is to be explained; more steps are taken until the words sum to it this closely
_TOKENS = 2048  # in memory at once, with what gradients need


@dataclass(frozen=True, slots=True)
class WordWeight:
    """A word of the input.

    Args:
        word: as it stands in the text.
        start, end: its place there, in characters.
        part: 0, or 1 in the second text of a pair.
        weight: by how much it raises (above 0) or lowers what is explained, in its unit.
    """

    word: str
    start: int
    end: int
    part: int
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction taken apart by words: the weights and ``rest`` sum to ``value`` less ``baseline``.

    Args:
        version: that answered, as ``vertical/head@v3``.
        texts: what was read: one, or the two of a pair.
        label: the label that is explained; empty where the head gives a number.
        measure: what ``value`` is: ``log-odds`` of the label against all others, or the name of the target.
        value: for this input.
        baseline: the same with every word blanked out.
        words: in reading order, without those that were cut off.
        rest: what falls to the special tokens.
        error: by how much weights, rest and baseline together miss the value: what the sum leaves unexplained.
        steps: points between the blank and the real input at which gradients were taken.
        tokens_cut: how many tokens at the end were not read.
    """

    version: str
    texts: tuple[str, ...]
    label: str
    measure: str
    value: float
    baseline: float
    words: tuple[WordWeight, ...]
    rest: float
    error: float
    steps: int
    tokens_cut: int = 0


def explain(
    head: Head,
    encoder: Encoder,
    slot: int,
    version: str,
    noun: TaskHead,
    value: Any,
    label: str = "",
    extent: Extent = Extent(128),  # noqa: B008 - never changed
) -> Explanation:
    """Take one prediction of a loaded version apart by words.

    Integrated gradients (Sundararajan et al., 2017, arXiv:1703.01365) from a blank input, in which every word piece is
    the mask token (the padding token where there is none), to the real one. The path integral is taken by
    Gauss-Legendre quadrature, with more points until the attributions sum to the difference of the two outputs
    (completeness) within 2 %; what is missing is reported. It is computed in fp32 whatever the platform serves in.

    Args:
        head, encoder, slot, version: the version, loaded.
        noun: the head's declaration.
        value: an input, as `predict` takes it.
        label: to explain; the answered one when empty.
        extent: how much of a text is read, as in training.

    Raises:
        BadInput: the input does not fit the head, there is no such label, or the objective cannot be explained so.
    """
    objective = objective_of(noun.objective)(noun.inputs, noun.target)
    objective.adopt(head)
    texts = head.texts(value)
    if len(texts) != objective.views or objective.views != 1:
        objective.explained(head, torch.zeros(1, 1, head.dimension), label)
        raise BadInput(f"Answers of the objective {noun.objective!r} cannot be taken apart by words.")
    exact = encoder.computing_in("fp32")
    rows, words = exact.tokenizer.words(texts[0], extent)
    path = _Path(exact, slot, objective, head, rows, words)
    label, measure = path.choose(label)
    for steps in _STEPS:
        weights, ends = path.integrate(label, steps)
        error = ends[1] - ends[0] - float(weights.sum())
        if abs(error) <= _ACCURATE * abs(ends[1] - ends[0]):
            break
    parts = (texts[0],) if isinstance(texts[0], str) else texts[0]
    found = tuple(
        WordWeight(parts[word.part][word.start : word.end], word.start, word.end, word.part,
                   float(weights[list(word.tokens)].sum()))
        for word in words
    )  # fmt: skip
    cut = int(rows.cut[0])
    rest = float(weights.sum()) - sum(word.weight for word in found)
    return Explanation(version, tuple(parts), label, measure, ends[1], ends[0], found, rest, abs(error), steps, cut)


class _Path:
    """The way from the blank input to the real one.

    Args:
        encoder, slot, objective, head: what answers.
        rows: the text's tokens.
        words: whose pieces are blanked.
    """

    def __init__(
        self, encoder: Encoder, slot: int, objective: Objective, head: Head, rows: TokenRows, words: Sequence[Word]
    ) -> None:
        self._encoder, self._slot, self._objective, self._head = encoder, slot, objective, head
        self._device = encoder.precision.device
        self._rows, self._ids = rows, torch.from_numpy(rows.ids[0]).to(self._device)
        self._table = word_vectors(encoder.model)
        blank = self._ids.clone()
        blank[[at for word in words for at in word.tokens]] = encoder.tokenizer.blank_id
        with torch.no_grad():
            self._from, self._to = self._table(blank), self._table(self._ids)

    def choose(self, label: str) -> tuple[str, str]:
        """The label to explain, and what is measured."""
        with torch.no_grad():
            _, label, measure = self._outputs(self._to[None], label)
        return label, measure

    def integrate(self, label: str, steps: int) -> tuple[torch.Tensor, tuple[float, float]]:
        """What each token adds, [length], and the outputs of the blank and the real input."""
        points, shares = np.polynomial.legendre.leggauss(steps)
        alphas = torch.tensor((points + 1) / 2, dtype=torch.float32, device=self._device)
        weights = torch.tensor(shares / 2, dtype=torch.float32, device=self._device)
        way = self._to - self._from
        total = torch.zeros_like(way)
        for part in torch.arange(steps).split(max(1, _TOKENS // len(self._ids))):
            vectors = (self._from + alphas[part, None, None] * way).requires_grad_()
            outputs, _, _ = self._outputs(vectors, label)
            (gradients,) = torch.autograd.grad(outputs.sum(), vectors)
            total += (gradients * weights[part, None, None]).sum(dim=0)
        with torch.no_grad():
            ends, _, _ = self._outputs(torch.stack([self._from, self._to]), label)
        low, high = ends.tolist()
        return (total * way).sum(dim=-1).double().cpu(), (low, high)

    def _outputs(self, vectors: torch.Tensor, label: str) -> tuple[torch.Tensor, str, str]:
        """What the head makes of word vectors [rows, tokens, width]."""
        rows, encoder = len(vectors), self._encoder
        batch = encoder.batch(self._rows, [0] * rows)
        places = batch.positions(torch.arange(rows, device=self._device) * len(self._ids))
        given = vectors.flatten(0, 1)[places.clamp_max(rows * len(self._ids) - 1)]  # what pads is masked
        with encoder.lock, encoder.routed(batch, [self._slot] * rows), _giving(self._table, given):
            features = encoder.features(batch)
        return self._objective.explained(self._head, features.cpu()[:, None], label)


def word_vectors(model: nn.Module) -> nn.Module:
    """The layer that turns token ids into word vectors.

    Raises:
        BadInput: the encoder has none that is known.
    """
    adaptable: Any = getattr(model, "adaptable", model)
    if hasattr(adaptable, "get_input_embeddings"):
        layer: nn.Module = adaptable.get_input_embeddings()
        return layer
    found: nn.Module | None = dict(adaptable.named_modules()).get("embeddings.word_embeddings")
    if found is None:
        raise BadInput("This encoder has no word vectors to explain an answer by.", "Use an encoder that reads text.")
    return found


@contextmanager
def _giving(layer: nn.Module, vectors: torch.Tensor) -> Iterator[None]:
    """Let a layer give these vectors within the block, whatever it is asked for."""
    handle = layer.register_forward_hook(lambda module, inputs, output: vectors)
    try:
        yield
    finally:
        handle.remove()
