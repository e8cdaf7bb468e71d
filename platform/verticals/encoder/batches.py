"""Batches of rows of nearly the same length, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from .packing import places_for
from .tokens import TokenRows

_MOST_PADDING = 0.05  # of a batch; where there is more, to leave it out costs less than to compute it
_WHOLE = np.zeros(1, dtype=np.int64)  # where the one window of a short text begins
_AT_ONCE = {"cpu": 1024, "cuda": 1 << 15}


def tokens_at_once(device: torch.device, computed: torch.dtype = torch.float32) -> int:
    """How many tokens are best computed together: more make a CPU slower, for they leave its caches.

    A format of half the size fits twice as many.

    In training each token of a small encoder also keeps some 150 kB for the way back.
    """
    return _AT_ONCE.get(device.type, _AT_ONCE["cuda"]) * 4 // computed.itemsize


@dataclass(slots=True)
class TokenBatch:
    """One padded batch: of each text a row, or as many as it has windows.

    Args:
        ids: int64 [rows, length], padded at the end.
        lengths: int64 [rows].
        second: int64 [rows], where the second segment begins.
        words: int64 [rows, words], where each word's first piece is, -1 where there is none; empty where the texts
            did not come as words.
        places: how many places layers that can should compute the tokens in, one after the other, and pad only to
            attend; 0: they compute what is padded.
        owners: which text of the batch each row belongs to, int64 [rows]; `None` where each text is a row.
        begins: where in its text each row begins, in tokens, int64 [rows]; `None` where each text is a row.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    second: torch.Tensor
    words: torch.Tensor = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.int64))
    places: int = 0
    owners: torch.Tensor | None = None
    begins: torch.Tensor | None = None

    def slots(self, of_texts: Sequence[int]) -> list[int]:
        """The bank's slot for each row, from those of the texts."""
        return list(of_texts) if self.owners is None else [of_texts[at] for at in self.owners.tolist()]

    def rows_of(self, texts: Sequence[int]) -> torch.Tensor:
        """The rows of some of its texts, one after the other."""
        if self.owners is None:
            return torch.tensor(texts, device=self.ids.device)
        return torch.cat([(self.owners == text).nonzero().flatten() for text in texts])

    def positions(self, starts: torch.Tensor) -> torch.Tensor:
        """Where each token is among those of all texts, one after the other, [rows, length].

        Args:
            starts: where each text of the batch begins there, [texts].
        """
        if self.owners is not None and self.begins is not None:
            starts = starts[self.owners] + self.begins
        return starts[:, None] + torch.arange(self.ids.shape[1], device=self.ids.device)

    def merged(self, pooled: torch.Tensor) -> torch.Tensor:
        """One vector per text: the mean of its windows', each by its tokens, from [rows, dimension]."""
        if self.owners is None:
            return pooled
        weights = self.lengths.to(pooled.dtype)
        texts = int(self.owners[-1]) + 1
        totals = weights.new_zeros(texts).index_add(0, self.owners, weights)
        sums = pooled.new_zeros(texts, pooled.shape[1]).index_add(0, self.owners, pooled * weights[:, None])
        return sums / totals[:, None]

    @property
    def mask(self) -> torch.Tensor:
        """True where there is a token, [rows, length]."""
        return torch.arange(self.ids.shape[1], device=self.ids.device) < self.lengths[:, None]

    @classmethod
    def of(
        cls, rows: TokenRows, which: Sequence[int] | np.ndarray, pad_id: int, device: torch.device, rounded: int = 0
    ) -> TokenBatch:
        """The texts ``which``, padded to the longest window of any.

        Args:
            rows: tokenised texts.
            which: of them.
            pad_id: what stands where there is no token.
            device: where the batch is computed.
            rounded: the longest row that the encoder takes, if numbers of tokens are to be rounded up on a CPU.
        """
        windowed = bool(rows.windows) and any(int(index) in rows.windows for index in which)
        pieces = [piece for index in which for piece in (rows.pieces(int(index)) if windowed else (rows.ids[index],))]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        length, places = _shape(lengths, device, rounded)
        ids = np.full((len(lengths), length), pad_id, dtype=np.int64)
        for at, piece in enumerate(pieces):
            ids[at, : lengths[at]] = piece
        words = np.empty((len(lengths), 0), dtype=np.int64)
        if rows.words is not None:
            chosen = [rows.words[index] for index in which]
            words = np.full((len(lengths), max(map(len, chosen))), -1, dtype=np.int64)
            for at, begun in enumerate(chosen):
                words[at, : len(begun)] = begun
        owners = begins = None
        second = rows.second[list(which)]
        if windowed:
            starts = [rows.windows.get(int(index), _WHOLE) for index in which]
            of = np.repeat(np.arange(len(starts)), [len(own) for own in starts])
            second = np.where(np.bincount(of)[of] > 1, lengths, second[of])  # windows are of single texts alone
            owners, begins = _on(device, of), _on(device, np.concatenate(starts))
        ids_, lengths_, second_, words_ = (_on(device, array) for array in (ids, lengths, second, words))
        return cls(ids_, lengths_, second_, words_, places, owners, begins)


def _shape(lengths: np.ndarray, device: torch.device, rounded: int) -> tuple[int, int]:
    """What rows are padded to, and `TokenBatch.places`."""
    longest, tokens = int(lengths.max()), int(lengths.sum())
    if device.type != "cpu":  # padding costs little there, and small shapes that differ from batch to batch cost more
        return longest, 0
    if rounded and len(lengths) == 1:
        return max(longest, min(places_for(longest), rounded)), 0
    padded = longest * len(lengths)
    dense = tokens >= padded * (1 - _MOST_PADDING)
    if rounded:
        return longest, 0 if dense and padded == places_for(padded) else places_for(tokens)
    return longest, 0 if dense else tokens


def _on(device: torch.device, array: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def bucketed(
    lengths: np.ndarray, *, rows: int, tokens: int = 1 << 30, shuffle: np.random.Generator | None = None
) -> list[np.ndarray]:
    """Indices in batches of similar length.

    Without ``shuffle`` the rows are sorted, longest first, so the largest batch fails first if memory is short. With
    it, rows are drawn at random into pools of 50 batches that are sorted within: random enough to learn from, and
    almost free of padding.

    Args:
        lengths: tokens per row, [n].
        rows: rows in a batch, at most.
        tokens: padded tokens in a batch, at most (a single longer row is a batch of its own).
        shuffle: source of the random order.
    """
    if shuffle is None:
        return _pack(np.argsort(-lengths, kind="stable"), lengths, rows, tokens)
    order = shuffle.permutation(len(lengths))
    pool = rows * 50
    batches = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        batches += _pack(part[np.argsort(-lengths[part], kind="stable")], lengths, rows, tokens)
    return [batches[at] for at in shuffle.permutation(len(batches))]


def _pack(order: np.ndarray, lengths: np.ndarray, rows: int, tokens: int) -> list[np.ndarray]:
    batches: list[np.ndarray] = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))  # sorted, longest first
        size = max(1, min(rows, tokens // longest))
        batches.append(order[start : start + size])
        start += size
    return batches
