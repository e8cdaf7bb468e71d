"""A dense part built from the stored vectors, which are read twice and never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from . import bases, kinds
from .calibration import NEIGHBOURS, QUERIES, Measured, calibrated, perturbed
from .dense import Dense
from .exact import Nearest
from .truth import Rows, Vectors

_AT_ONCE = 10_000


class Source(Protocol):
    """Where vectors come from, in one unchanging state; a `Reading` is one."""

    change: int

    def rows(self) -> Rows:
        """All rows, ascending."""

    def vectors_in(self, rows: Sequence[int]) -> tuple[Rows, Vectors]:
        """Those of these rows that there are, ascending, and their vectors."""

    def vector_batches(self) -> Iterator[tuple[Rows, Vectors]]:
        """All rows and vectors, ascending."""


def build(
    name: str, source: Source, recall: float, stop: Callable[[], bool] = lambda: False
) -> tuple[Dense, list[Measured]] | None:
    """All vectors of ``source`` in an index of the kind ``name`` that reaches ``recall``, and what was measured.

    Args:
        name: of the kind; see `kinds.Kind`.
        source: the vectors.
        recall: of the ten nearest neighbours, which decides how much of the index a search looks at.
        stop: asked now and then; once it says so, the answer is `None`.
    """
    rows = source.rows()
    kind = kinds.planned(name, rows.size)
    generator = np.random.default_rng(0)
    sample = sampled(source, rows, kind.sample, generator)
    base = bases.trained(kind, sample, stop)
    queries = perturbed(sample[generator.permutation(len(sample))[:QUERIES]], generator)
    del sample
    nearest = Nearest(queries, NEIGHBOURS)
    for some, vectors in source.vector_batches():
        if base is None or stop():
            return None
        base.add_with_ids(np.ascontiguousarray(vectors), some)
        if not kind.exact:
            nearest.show(some, vectors)
    dense = Dense(source.change, bases.compact(base), rows, kind=kind)
    return calibrated(dense, queries, nearest.rows, recall, source.vectors_in)


def sampled(source: Source, rows: Rows, count: int, generator: np.random.Generator) -> Vectors:
    """``count`` of the vectors in ``rows``, or all, drawn at random [n, dimension]."""
    chosen = rows if rows.size <= count else np.sort(generator.choice(rows, count, replace=False))
    parts = []
    for start in range(0, chosen.size, _AT_ONCE):
        _rows, vectors = source.vectors_in(chosen[start : start + _AT_ONCE].tolist())
        parts.append(vectors)
    return np.concatenate(parts)
