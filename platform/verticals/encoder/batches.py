"""Batches of rows of nearly the same length, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from .tokens import TokenRows

_PARTS, _FEWEST = 4, 4  # that a batch is computed in, and rows in one


@dataclass(slots=True)
class TokenBatch:
    """One padded batch.

    Args:
        ids: int64 [rows, length], padded at the end.
        lengths: int64 [rows].
        second: int64 [rows], where the second segment begins.
        words: int64 [rows, words], where each word's first piece is, -1 where there is none; empty where the texts
            did not come as words.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    second: torch.Tensor
    words: torch.Tensor = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.int64))

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
        tensors = [torch.from_numpy(array) for array in (ids, lengths, rows.second[list(which)], words)]
        if device.type == "cuda":
            tensors = [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
        return cls(*tensors)


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


def alike(lengths: np.ndarray) -> list[np.ndarray]:
    """The rows of one batch in parts of similar length, where that spares a third of what is computed; else in one.

    Args:
        lengths: tokens per row, [rows].

    Returns:
        Places of the rows, each once.
    """
    whole = np.arange(len(lengths))
    if len(lengths) < _PARTS * _FEWEST:
        return [whole]
    parts = np.array_split(np.argsort(-lengths, kind="stable"), _PARTS)
    spared = sum(len(part) * int(lengths[part].max()) for part in parts) <= len(lengths) * int(lengths.max()) * 2 / 3
    return parts if spared else [whole]
