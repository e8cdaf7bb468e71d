"""Features of texts seen lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

_BLOCK = 4096  # vectors


@dataclass(frozen=True, slots=True)
class Features:
    """What a head reads of one text.

    Args:
        vectors: [1, dimension], or [words, dimension] for a head that reads words.
        cut: tokens at the text's end that were not read.
        exact: whether they were computed in fp32.
    """

    vectors: torch.Tensor
    cut: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """`Features` whose vectors are in ``rows`` of the memory for their dimension."""

    dimension: int
    rows: list[int]
    cut: int
    exact: bool


class FeatureCache:
    """The features of the texts used last; a repeated text, such as a catalogue's item, is not encoded again.

    The vectors lie together in one piece of memory. Each by itself, among the large and short-lived ones that an
    encoder makes, would keep that from being used again: five times what the vectors take.

    Args:
        capacity: vectors kept, at most: a text's one, or one for each of its words; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._rows: dict[int, _Rows] = {}  # by dimension
        self._used = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Features | None:
        """The features kept for a key."""
        with self._lock:
            if (found := self._kept.get(key)) is None:
                return None
            self._kept.move_to_end(key)
            return Features(self._rows[found.dimension].read(found.rows), found.cut, found.exact)

    def put(self, key: Hashable, features: Features) -> None:
        """Keep features; the longest unused ones make room."""
        count, dimension = features.vectors.shape
        with self._lock:
            if key in self._kept:
                self._drop(key)
            if not 0 < count <= self.capacity:
                return
            while self._used + count > self.capacity:
                self._drop(next(iter(self._kept)))
            if dimension not in self._rows:
                self._rows[dimension] = _Rows(dimension)
            rows = self._rows[dimension].fill(features.vectors)
            self._kept[key] = _Kept(dimension, rows, features.cut, features.exact)
            self._used += count

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key)
        self._rows[gone.dimension].free += gone.rows
        self._used -= len(gone.rows)


class _Rows:
    """Memory for vectors of one dimension; it grows by blocks and is filled again when vectors have gone."""

    def __init__(self, dimension: int) -> None:
        self.free: list[int] = []
        self._dimension = dimension
        self._blocks: list[torch.Tensor] = []

    def read(self, rows: Sequence[int]) -> torch.Tensor:
        """Copies of vectors, [rows, dimension]."""
        return torch.stack([self._blocks[row // _BLOCK][row % _BLOCK] for row in rows])

    def fill(self, vectors: torch.Tensor) -> list[int]:
        """Copy vectors into rows that are free: which ones."""
        while len(self.free) < len(vectors):
            start = len(self._blocks) * _BLOCK
            self._blocks.append(torch.empty(_BLOCK, self._dimension))
            self.free += range(start + _BLOCK - 1, start - 1, -1)
        rows = [self.free.pop() for _ in vectors]
        for row, vector in zip(rows, vectors, strict=True):
            self._blocks[row // _BLOCK][row % _BLOCK] = vector
        return rows
