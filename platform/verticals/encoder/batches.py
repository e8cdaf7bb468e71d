"""Batches of rows of nearly the same length, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from .tokens import TokenRows

_MOST_PADDING = 0.05  # of a batch; where there is more, to leave it out costs less than to compute it
_AT_ONCE = {"cpu": 1024, "cuda": 1 << 15}


def tokens_at_once(device: torch.device) -> int:
    """How many tokens are best computed together: more make a CPU slower, for they leave its caches.

    In training each token of a small encoder also keeps some 150 kB for the way back.
    """
    return _AT_ONCE.get(device.type, _AT_ONCE["cuda"])


@dataclass(slots=True)
class TokenBatch:
    """One padded batch.

    Args:
        ids: int64 [rows, length], padded at the end.
        lengths: int64 [rows].
        second: int64 [rows], where the second segment begins.
        words: int64 [rows, words], where each word's first piece is, -1 where there is none; empty where the texts
            did not come as words.
        packed: whether layers that can should compute the tokens alone, one after the other, and pad only to attend.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    second: torch.Tensor
    words: torch.Tensor = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.int64))
    packed: bool = False

    @property
    def mask(self) -> torch.Tensor:
        """True where there is a token, [rows, length]."""
        return torch.arange(self.ids.shape[1], device=self.ids.device) < self.lengths[:, None]

    @classmethod
    def of(cls, rows: TokenRows, which: Sequence[int] | np.ndarray, pad_id: int, device: torch.device) -> TokenBatch:
        """The rows ``which``, padded to the longest of them."""
        lengths = np.array([len(rows.ids[index]) for index in which], dtype=np.int64)
        ids = np.full((len(lengths), int(lengths.max())), pad_id, dtype=np.int64)
        for at, index in enumerate(which):
            ids[at, : lengths[at]] = rows.ids[index]
        words = np.empty((len(lengths), 0), dtype=np.int64)
        if rows.words is not None:
            chosen = [rows.words[index] for index in which]
            words = np.full((len(lengths), max(map(len, chosen))), -1, dtype=np.int64)
            for at, places in enumerate(chosen):
                words[at, : len(places)] = places
        # On a GPU padding costs little, and small shapes that differ from batch to batch cost more.
        packed = device.type == "cpu" and lengths.sum() < ids.size * (1 - _MOST_PADDING)
        second = rows.second[list(which)]
        return cls(_on(device, ids), _on(device, lengths), _on(device, second), _on(device, words), bool(packed))


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
