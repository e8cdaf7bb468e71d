"""Exact search for many queries at once, over vectors that need not be in memory together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .truth import Rows, Vectors

# One matrix product takes so many vectors: its result, and what is compared in it, stays in the processor's cache.
_BLOCK = 8192


class Nearest:
    """The best rows for each of many queries among all vectors shown so far.

    One matrix product per block gives all similarities; only those that beat the worst of the best so far are looked
    at, which soon are few. Equal similarities go to the lower row.

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
        """Take ``vectors`` [n, dimension] into account; ``rows`` [n] grow from call to call.

        Args:
            rows: their numbers.
            vectors: of length 1.
            gone: which of them to pass over [n].
        """
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            similarities = self.queries @ vectors[part].T
            if gone is not None:
                similarities[:, gone[part]] = -np.inf
            self._take(rows[part], similarities)

    def _take(self, rows: Rows, similarities: Vectors) -> None:
        count, limit = self.rows.shape
        better = similarities > self.similarities[:, -1:]
        if similarities.shape[1] > limit and not np.isfinite(self.similarities[:, -1]).all():
            worst = np.partition(similarities, -limit, axis=1)[:, -limit, np.newaxis]
            better &= similarities >= worst
        queries, columns = np.nonzero(better)
        if not queries.size:
            return
        held = np.repeat(np.arange(count), limit)
        whose = np.concatenate([held, queries])
        found = np.concatenate([self.rows.ravel(), rows[columns]])
        values = np.concatenate([self.similarities.ravel(), similarities[queries, columns]])
        order = np.lexsort((found, -values, whose))
        first = np.searchsorted(whose[order], np.arange(count))
        best = order[first[:, np.newaxis] + np.arange(limit)]
        self.rows, self.similarities = found[best], values[best]
