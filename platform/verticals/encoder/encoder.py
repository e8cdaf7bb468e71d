"""The encoder as the rest of the platform sees it: texts in, one vector per text out."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import Extent

from . import auto, bert
from .bank import Bank, remove_bank
from .batches import TokenBatch, bucketed, tokens_at_once
from .precision import Precision, choose_precision, keep_freed_memory
from .source import EncoderSource
from .tokens import Text, Tokenizer, TokenRows

EMBEDDED_TOKENS = 256  # of a text whose vector is to be compared with others


class Encoder:
    """A base model, its tokenizer, its pooling and the bank of adapters on it.

    Args:
        source: where the weights lie.
        model: token ids to token vectors.
        precision: where and how to compute.
    """

    def __init__(self, source: EncoderSource, model: bert.Bert | auto.Auto, precision: Precision) -> None:
        self.source, self.precision = source, precision
        self.tokenizer = Tokenizer(source)
        self.model = model.to(precision.device).eval().requires_grad_(False)
        self.dimension = model.width
        self.bank = Bank(self.model.adaptable, stored=precision.compute)
        self.lock = threading.RLock()  # one computation at a time: the routing of the bank is shared
        self._cls = source.pooling == "cls"

    @classmethod
    def open(cls, source: EncoderSource, precision: str = "auto", device: str = "auto") -> Encoder:
        """Load an encoder; one that is not BERT's kind is loaded by the transformers library."""
        keep_freed_memory()
        chosen = choose_precision(precision, device)
        if bert.supports(source.config):
            return cls(source, bert.load(source.config, source.weights), chosen)
        return cls(source, auto.load(source), chosen)

    @property
    def identity(self) -> str:
        """What the vectors depend on; vectors of encoders with different identities must not be compared."""
        return self.source.identity

    def private_copy(self, model: auto.Auto | None = None) -> Encoder:
        """An encoder with weights of its own, or with a ``model`` of its own; its bank is empty."""
        twin = copy.copy(self)
        if model is None:
            twin.model = copy.deepcopy(self.model)
            remove_bank(twin.model)
        else:
            twin.model = model.to(self.precision.device).eval().requires_grad_(False)
        twin.bank = Bank(twin.model.adaptable, stored=self.precision.compute)
        twin.lock = threading.RLock()
        return twin

    def computing_in(self, precision: str) -> Encoder:
        """This encoder, with the same weights and the same bank, computing in another number format."""
        twin = copy.copy(self)
        twin.precision = choose_precision(precision, str(self.precision.device))
        return twin

    def fill(self, weights: Path) -> None:
        """Replace a private copy's weights by those of a safetensors file."""
        from safetensors.torch import load_file

        self.model.load_state_dict(load_file(weights), strict=True)

    def tokens(self, texts: Sequence[Any], extent: Extent | int, reads: str = "text") -> TokenRows:
        """Tokenise what a head reads: texts or pairs of texts, words (``words``) or prompts (``mask``).

        Args:
            texts: to read.
            extent: how much of each; a number: so many tokens in one window.
            reads: see `features`. Words and prompts are read in one window.
        """
        extent = Extent(extent) if isinstance(extent, int) else extent
        if reads == "words":
            return self.tokenizer.encode_words(texts, extent.max_tokens)
        if reads == "mask":
            return self.tokenizer.encode_prompts(texts, extent.max_tokens)
        return self.tokenizer.encode(texts, extent)

    def batch(self, rows: TokenRows, which: Sequence[int] | np.ndarray) -> TokenBatch:
        """The rows ``which`` as one padded batch on the encoder's device."""
        rounded = 0 if self.precision.compute == torch.float32 else self.tokenizer.limit
        return TokenBatch.of(rows, which, self.tokenizer.pad_id, self.precision.device, rounded)

    @property
    def word_vectors(self) -> torch.Tensor:
        """One vector per piece of the vocabulary, [vocabulary, width]."""
        return self.model.word_vectors

    def vectors(self, batch: TokenBatch) -> torch.Tensor:
        """What the encoder computes a batch from, [rows, length, width]."""
        return self.model.vectors(batch)

    def routed(self, batch: TokenBatch, slots: Sequence[int]) -> AbstractContextManager[None]:
        """Send each text of a batch through the adapter in its slot within the block; equal slots must lie together."""
        rows, length = batch.ids.shape
        if batch.places and self.model.packs:
            return self.bank.route(batch.slots(slots), batch.lengths.tolist(), batch.places)
        return self.bank.route(batch.slots(slots), [length] * rows, rows * length)

    def computing(self) -> AbstractContextManager[Any]:
        """A context in which the model's matrix products run in the encoder's number format."""
        if torch.is_grad_enabled() or not isinstance(self.model, bert.Bert):
            return self.precision.autocast()
        return self.bank.computing(self.precision.compute)

    def features(
        self, batch: TokenBatch, reads: str = "text", hidden: torch.Tensor | None = None, first: int = 0
    ) -> torch.Tensor:
        """What a head reads of a batch, fp32, not normalised. Gradients flow.

        Args:
            batch: of texts.
            reads: ``text``: one vector per text, pooled as the encoder's authors do, [texts, dimension]; ``words``: the
                mean of each word's pieces, zeros for a word left out, [rows, words, dimension]; ``mask``: that of the
                mask token, [rows, dimension].
            hidden: stands in for what the layer ``first`` takes; of `vectors` where that is the lowest.
            first: the lowest layer to go through.
        """
        return self.pooled(self._through(batch, hidden, first), batch, reads)

    def _through(
        self, batch: TokenBatch, hidden: torch.Tensor | None = None, first: int = 0, *, short_sums: bool = False
    ) -> torch.Tensor:
        """The token vectors of a batch, [rows, length, dimension]; see `features` and `encode`."""
        options: dict[str, Any] = {"first": first} if first else {}
        if short_sums and self.precision.device.type == "cpu" and isinstance(self.model, bert.Bert):
            options["between"] = self.precision.compute
        with self.computing():
            vectors: torch.Tensor = self.model(batch, hidden, **options)
        return vectors

    def pooled(self, hidden: torch.Tensor, batch: TokenBatch, reads: str) -> torch.Tensor:
        """What a head reads of the token vectors ``hidden`` [rows, length, dimension]; see `features`."""
        if reads == "words":
            return _mean_of_pieces(hidden.float(), batch.words, batch.lengths - self.tokenizer.specials[1])
        if reads == "mask":
            masks = (batch.ids == self.tokenizer.mask_id).int().argmax(dim=1)
            return hidden[torch.arange(len(masks), device=hidden.device), masks].float()
        if self._cls:
            return batch.merged(hidden[:, 0].float())
        positions = torch.arange(batch.ids.shape[1], device=batch.ids.device)
        weights = (positions < batch.lengths[:, None]).float() / batch.lengths[:, None]
        return batch.merged(torch.einsum("rlw,rl->rw", hidden.float(), weights))

    def encode(
        self,
        rows: TokenRows,
        slots: Sequence[int] | None = None,
        batch_tokens: int = 0,
        progress: Callable[[int], None] | None = None,
        reads: str = "text",
        *,
        short_sums: bool = False,
    ) -> torch.Tensor:
        """What a head reads of many rows, on the CPU, in the order given. Equal rows are computed once.

        The shape is that of `features`; rows of fewer words than the longest end in zeros.

        Args:
            rows: tokenised texts.
            slots: per row, the bank's slot to go through; all through the bare encoder by default.
            batch_tokens: padded tokens computed at once, at most; 0: as many as the device computes best.
            progress: called with the number of rows done in each batch.
            reads: see `features`.
            short_sums: on a CPU, let layers hand on what they sum up in the format that is multiplied in: in bf16 a
                seventh faster, for vectors that are compared and not for answers that a rounding may turn.
        """
        routed = np.zeros(len(rows), dtype=np.int64) if slots is None else np.asarray(slots, dtype=np.int64)
        first, places = _distinct(rows, routed)
        counts = np.bincount(places, minlength=len(first))
        width = [max(map(len, rows.words), default=0)] if reads == "words" and rows.words is not None else []
        computed = torch.zeros(len(first), *width, self.dimension)
        for which in self._buckets(rows, first, routed, batch_tokens):
            batch = self.batch(rows, first[which])
            with self.lock, torch.inference_mode(), self.routed(batch, routed[first[which]].tolist()):
                hidden = self._through(batch, short_sums=short_sums)
                features = self.pooled(hidden, batch, reads).cpu()
            if width:
                computed[which, : features.shape[1]] = features
            else:
                computed[which] = features
            if progress is not None:
                progress(int(counts[which].sum()))
        return computed if len(first) == len(rows) else computed[torch.from_numpy(places)]

    def encode_each(self, rows: TokenRows, slots: Sequence[int], reads: Sequence[str]) -> list[torch.Tensor]:
        """What heads of any kind read of rows, on the CPU, in the order given: [dimension] or [words, dimension] each.

        Rows that differ only in what is read of them go through the encoder once.

        Args:
            rows, slots: see `encode`.
            reads: per row; see `features`.
        """
        routed = np.asarray(slots, dtype=np.int64)
        first, places = _distinct(replace(rows, words=None), routed)
        found: dict[int, torch.Tensor] = {}
        for which in self._buckets(rows, first, routed):
            batch = self.batch(rows, first[which])
            place = {text: at for at, text in enumerate(which.tolist())}
            read = [at for at, text in enumerate(places.tolist()) if text in place]
            with self.lock, torch.inference_mode(), self.routed(batch, routed[first[which]].tolist()):
                hidden = self._through(batch)
                for kind in dict.fromkeys(reads[at] for at in read):
                    own = [at for at in read if reads[at] == kind]
                    part = TokenBatch.of(rows, own, self.tokenizer.pad_id, self.precision.device)
                    lines = batch.rows_of([place[places[at]] for at in own])
                    found |= zip(own, self.pooled(hidden[lines, : part.ids.shape[1]], part, kind).cpu(), strict=True)
        words = rows.words or []
        return [found[at][: len(words[at])] if reads[at] == "words" else found[at] for at in range(len(rows))]

    def _buckets(self, rows: TokenRows, first: np.ndarray, routed: np.ndarray, tokens: int = 0) -> Iterator[np.ndarray]:
        """Which of the rows ``first`` are computed together, those of one slot side by side."""
        tokens = tokens or tokens_at_once(self.precision.device, self.precision.compute)
        for chosen in bucketed(rows.lengths[first], rows=512, tokens=tokens) if len(first) else ():
            yield chosen[np.argsort(routed[first[chosen]], kind="stable")]

    def embed(self, texts: Sequence[Text], max_tokens: int = EMBEDDED_TOKENS) -> np.ndarray:
        """Normalised vectors, float32 [n, dimension]."""
        features = self.encode(self.tokens(texts, max_tokens), short_sums=True)
        vectors: np.ndarray = functional.normalize(features, dim=1).numpy()
        return vectors

    def state(self) -> dict[str, Any]:
        """The model's weights by their usual names."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}


def _mean_of_pieces(hidden: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Mean vector of each word, [rows, words, dimension]; zeros for a word without pieces.

    Args:
        hidden: token vectors, [rows, length, dimension].
        starts: each word's first piece, -1 for none, [rows, words].
        ends: where the last word of each row ends, [rows].
    """
    none = starts < 0
    begins = torch.where(none, ends[:, None], starts)
    following = torch.cat([begins[:, 1:], ends[:, None]], dim=1)
    stops = following.flip(1).cummin(dim=1).values.flip(1)
    sums = functional.pad(hidden.cumsum(dim=1), (0, 0, 1, 0))
    width = hidden.shape[-1]
    upper, lower = (sums.gather(1, at[..., None].expand(-1, -1, width)) for at in (stops, begins))
    counts = (stops - begins).clamp_min(1)[..., None]
    return ((upper - lower) / counts).masked_fill(none[..., None], 0.0)


def _distinct(rows: TokenRows, routed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each group of equal ones, and for every row the place of its group."""
    seen: dict[tuple[int, int, bytes, bytes], int] = {}
    first: list[int] = []
    places = np.empty(len(rows), dtype=np.int64)
    for at, ids in enumerate(rows.ids):
        words = b"" if rows.words is None else rows.words[at].tobytes()
        key = (int(routed[at]), int(rows.second[at]), ids.tobytes(), words)
        if key not in seen:
            seen[key] = len(first)
            first.append(at)
        places[at] = seen[key]
    return np.array(first, dtype=np.int64), places
