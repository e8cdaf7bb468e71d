"""Exact search for many queries at once, over vectors that need not be in memory together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .libraries import load_faiss
from .truth import Rows, Vectors

# So many vectors are compared at once; only those of a block in which some are passed over have to be copied.
_BLOCK = 65_536


class Nearest:
    """The best rows for each of many queries among all vectors shown so far.

    The comparing is faiss's, by matrix products (see `load_faiss`): products of numpy's with a selection of our own
    took half as long again. Where several rows are equally near at the limit, any of them may be given.

    Args:
        queries: [queries, dimension].
        limit: how many rows to keep for each.
    """

    def __init__(self, queries: Vectors, limit: int) -> None:
        self.queries = np.ascontiguousarray(queries, np.float32)
        #: The rows [queries, limit], best first; -1 where fewer were shown.
        self.rows: Rows = np.full((len(queries), limit), -1, np.int64)
        #: Their similarities [queries, limit].
        self.similarities: Vectors = np.full((len(queries), limit), -np.inf, np.float32)

    def show(self, rows: Rows, vectors: Vectors, gone: npt.NDArray[np.bool_] | None = None) -> None:
        """Take vectors into account.

        Args:
            rows: their numbers [n].
            vectors: [n, dimension].
            gone: which of them to pass over [n].
        """
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            some, compared = rows[part], vectors[part]
            if gone is not None and gone[part].any():
                some, compared = some[~gone[part]], compared[~gone[part]]
            if some.size:
                self._compare(some, np.ascontiguousarray(compared))

    def _compare(self, rows: Rows, vectors: Vectors) -> None:
        faiss = load_faiss()
        limit = self.rows.shape[1]
        values, places = faiss.knn(self.queries, vectors, min(limit, rows.size), metric=faiss.METRIC_INNER_PRODUCT)
        self.take(rows[places], values)

    def take(self, rows: Rows, similarities: Vectors) -> None:
        """Take into account what another search found among vectors that were not shown.

        Args:
            rows: of each query, -1 for none [queries, n].
            similarities: theirs [queries, n].
        """
        limit = self.rows.shape[1]
        found = np.concatenate([self.rows, rows], axis=1)
        similarities = np.concatenate([self.similarities, similarities], axis=1)
        best = np.lexsort((found, -similarities))[:, :limit]
        self.rows = np.take_along_axis(found, best, axis=1)
        self.similarities = np.take_along_axis(similarities, best, axis=1)
