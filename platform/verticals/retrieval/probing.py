"""What an index finds and costs, against exact search over the stored vectors."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from verticals.contract import BadInput, NotFound

from .building import Source, sampled
from .calibration import NEIGHBOURS, QUERIES, Measured, Tuned, calibrated, measured, milliseconds, perturbed
from .dense import Dense
from .exact import Nearest
from .truth import Rows, Vectors

# Exact search is timed on no more vectors than these, so that they fit into memory; its time grows with their number.
_TIMED = 100_000
_TIMED_QUERIES = 40


@dataclass(frozen=True, slots=True)
class Probe:
    """What `DocumentIndex.probe` measured.

    Args:
        kind: of the index, such as ``ivf-sq8``.
        lists: how many lists it has, if it has any.
        documents: how many it holds.
        queries: how many were asked.
        found: the effort, the recall@10 and the time of a search by meaning, the embedding left out.
        exact_p50_ms: median time of an exact search, in milliseconds; above 100,000 documents it is measured on so
            many and multiplied.
        exact_p95_ms: the same for 19 of 20 searches.
        memory: bytes of the index.
    """

    kind: str
    lists: int
    documents: int
    queries: int
    found: Measured
    exact_p50_ms: float
    exact_p95_ms: float
    memory: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `DocumentIndex.tune` settled.

    Args:
        kind: of the index.
        asked: the recall that was asked for.
        before: the effort until now.
        effort: the effort from now on.
        found: what it gives; `None` for an ``exact`` index, which finds everything.
        seconds: how long the measuring took.
        steps: all that was measured.
        settled: what is kept.
    """

    kind: str
    asked: float
    before: int
    effort: int
    found: Measured | None
    seconds: float
    steps: list[Measured] = field(repr=False)
    settled: Tuned = field(repr=False)


def probe(dense: Dense, source: Source, queries: Vectors | None, count: int, name: str) -> Probe:
    """Compare ``dense`` with an exact search of ``source``.

    Args:
        dense: the index.
        source: the vectors, in the same state.
        queries: to ask [n, dimension]; `None`: stored vectors that were changed a little.
        count: how many of those.
        name: of the index, for errors.

    Raises:
        NotFound: the index is empty. BadInput: the number of queries is not positive.
    """
    if count < 1:
        raise BadInput(f"{count} queries cannot be asked.", "Give at least 1.")
    rows = _rows(source, name)
    generator = np.random.default_rng(1)
    if queries is None:
        queries = perturbed(sampled(source, rows, count, generator), generator)
    found = measured(dense, queries, _expected(source, queries), source.vectors_in)
    p50, p95 = _exact_times(sampled(source, rows, _TIMED, generator), queries)
    scale = max(1.0, rows.size / _TIMED)
    kind = dense.kind
    return Probe(kind.name, kind.lists, rows.size, len(queries), found, p50 * scale, p95 * scale, dense.memory)


def tune(dense: Dense, source: Source, recall: float, name: str) -> Tuning:
    """Find the least effort with which ``dense`` reaches ``recall``.

    Raises:
        NotFound: the index is empty.
    """
    began = time.perf_counter()
    rows = _rows(source, name)
    kind = dense.kind
    if kind.exact:
        return Tuning(kind.name, recall, 0, 0, None, time.perf_counter() - began, [], Tuned(recall))
    generator = np.random.default_rng(2)
    queries = perturbed(sampled(source, rows, QUERIES, generator), generator)
    tuned, steps = calibrated(dense, queries, _expected(source, queries), recall, source.vectors_in)
    effort = tuned.kind.effort
    found = next((step for step in reversed(steps) if step.effort == effort), None)
    if found is None:  # all of it was the answer before all of it was measured
        found = measured(tuned, queries, _expected(source, queries), source.vectors_in)
    settled = Tuned(recall, kind.name, kind.lists, effort)
    return Tuning(kind.name, recall, kind.effort, effort, found, time.perf_counter() - began, steps, settled)


def check_recall(recall: float) -> None:
    """Refuse a recall that nothing can reach, or everything.

    Raises:
        BadInput: it is not above 0 and at most 1.
    """
    if not 0 < recall <= 1:
        raise BadInput(f"A recall of {recall} cannot be asked for.", "Give a share above 0 and up to 1, such as 0.95.")


def _rows(source: Source, name: str) -> Rows:
    rows = source.rows()
    if not rows.size:
        raise NotFound(f"The index {name!r} is empty: there is nothing to measure.", "Add documents first.")
    return rows


def _expected(source: Source, queries: Vectors) -> Rows:
    """The rows of the exact nearest neighbours [queries, neighbours]."""
    nearest = Nearest(queries, NEIGHBOURS)
    for rows, vectors in source.vector_batches():
        nearest.show(rows, vectors)
    return nearest.rows


def _exact_times(vectors: Vectors, queries: Vectors) -> tuple[float, float]:
    exact = replace(Dense(), tail_rows=np.arange(len(vectors)), tail_vectors=vectors).folded()
    seconds = []
    for query in queries[:_TIMED_QUERIES]:
        began = time.perf_counter()
        exact.search(query, NEIGHBOURS, None)
        seconds.append(time.perf_counter() - began)
    return milliseconds(seconds)
