"""The dense part: vectors in FAISS, searched by inner product.

A `Dense` never changes; `advanced` gives the next one. So searches need no lock, and faiss is never searched while it
is added to. What is new sits in a small tail of plain arrays until it is worth folding into a new faiss index.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from verticals.contract import StorageError

from .libraries import load_faiss
from .truth import Rows, Vectors

#: Goes into every dense snapshot; raise it when `new_base` or the file changes its meaning.
KIND = "exact-1"

_FILE = "vectors.faiss"
_SMALLEST_FOLD = 1024
_FOLD_SHARE = 16

_NO_ROWS: Rows = np.empty(0, np.int64)
_NO_VECTORS: Vectors = np.empty((0, 0), np.float32)


def new_base(dimension: int) -> Any:
    """An empty faiss index of the kind that suits; row numbers are its ids. The one place that decides the kind."""
    faiss = load_faiss()
    return faiss.IndexIDMap(faiss.IndexFlatIP(dimension))


@dataclass(frozen=True)
class Dense:
    """All vectors as of one change.

    Args:
        change: the last change it contains.
        base: the faiss index, whose ids are row numbers; `None` while it would be empty.
        base_rows: the rows in ``base``, ascending.
        removed: the rows in ``base`` that are gone, ascending.
        tail_rows: rows not yet in ``base`` [n], ascending.
        tail_vectors: their vectors [n, dimension].
    """

    change: int = 0
    base: Any = None
    base_rows: Rows = field(default_factory=lambda: _NO_ROWS)
    removed: Rows = field(default_factory=lambda: _NO_ROWS)
    tail_rows: Rows = field(default_factory=lambda: _NO_ROWS)
    tail_vectors: Vectors = field(default_factory=lambda: _NO_VECTORS)

    @property
    def count(self) -> int:
        """How many vectors can be found."""
        return self.base_rows.size - self.removed.size + self.tail_rows.size

    def advanced(self, change: int, removed: Rows, rows: Rows, vectors: Vectors) -> Dense:
        """The state after ``change``, which gave up the rows ``removed`` and wrote ``rows`` [n] of ``vectors``."""
        kept = ~np.isin(self.tail_rows, removed)
        tail_vectors = self.tail_vectors[kept]
        result = replace(
            self,
            change=change,
            removed=np.union1d(self.removed, removed[np.isin(removed, self.base_rows)]),
            tail_rows=np.concatenate([self.tail_rows[kept], rows]),
            tail_vectors=np.concatenate([tail_vectors, vectors]) if tail_vectors.size else vectors,
        )
        pending = result.tail_rows.size + result.removed.size
        return result.folded() if pending > max(_SMALLEST_FOLD, self.base_rows.size // _FOLD_SHARE) else result

    def folded(self) -> Dense:
        """The same vectors, all of them in a new ``base``."""
        if not (self.tail_rows.size or self.removed.size):
            return self
        if not self.count:
            return Dense(self.change)
        faiss = load_faiss()
        base = new_base(self.tail_vectors.shape[1]) if self.base is None else faiss.clone_index(self.base)
        if self.removed.size:
            base.remove_ids(self.removed)
        if self.tail_rows.size:
            base.add_with_ids(np.ascontiguousarray(self.tail_vectors), self.tail_rows)
        rows = np.concatenate([np.setdiff1d(self.base_rows, self.removed, assume_unique=True), self.tail_rows])
        return Dense(self.change, base, rows)

    def search(self, query: Vectors, limit: int, allowed: Rows | None) -> list[tuple[int, float]]:
        """The ``limit`` nearest rows as ``(row, cosine)``, best first.

        Args:
            query: one vector [dimension] of length 1.
            limit: how many at most.
            allowed: the rows to search among, ascending; `None`: all.
        """
        found = [*self._search_base(query, limit, allowed), *self._search_tail(query, limit, allowed)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def _search_base(self, query: Vectors, limit: int, allowed: Rows | None) -> list[tuple[int, float]]:
        if self.base is None:
            return []
        faiss = load_faiss()
        selector = self._not_removed
        if allowed is not None:
            members = np.zeros(int(self.base_rows[-1]) + 1, bool)
            members[allowed[allowed <= self.base_rows[-1]]] = True
            selector = faiss.IDSelectorBitmap(np.packbits(members, bitorder="little"))
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        similarities, rows = self.base.search(query[np.newaxis], min(limit, self.base_rows.size), params=parameters)
        return [(row, value) for row, value in zip(rows[0].tolist(), similarities[0].tolist(), strict=True) if row >= 0]

    @functools.cached_property
    def _not_removed(self) -> Any:
        faiss = load_faiss()
        return faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed)) if self.removed.size else None

    def _search_tail(self, query: Vectors, limit: int, allowed: Rows | None) -> list[tuple[int, float]]:
        rows, vectors = self.tail_rows, self.tail_vectors
        if allowed is not None:
            kept = np.isin(rows, allowed)
            rows, vectors = rows[kept], vectors[kept]
        if not rows.size:
            return []
        similarities = vectors @ query
        best = np.lexsort((rows, -similarities))[:limit]
        return list(zip(rows[best].tolist(), similarities[best].tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write ``base``; only for what `folded` gave.

        Raises:
            StorageError: faiss could not write the file.
        """
        if self.base is not None:
            try:
                load_faiss().write_index(self.base, str(folder / _FILE))
            except RuntimeError as error:
                raise StorageError(f"{folder / _FILE} cannot be written: {error}.", "Is the disk full?") from error

    @classmethod
    def load(cls, folder: Path, change: int) -> Dense:
        """What `save` wrote, which contains everything up to ``change``.

        Raises:
            RuntimeError: faiss cannot read the file.
        """
        path = folder / _FILE
        if not path.exists():
            return cls(change)
        faiss = load_faiss()
        base = faiss.read_index(str(path))
        return cls(change, base, faiss.vector_to_array(base.id_map))
