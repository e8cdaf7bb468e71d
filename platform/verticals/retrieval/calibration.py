"""How much of an index a search has to look at: measured against exact search, for a recall that is asked for."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from verticals.files import write_file

from .dense import Dense, VectorsIn
from .kinds import Kind
from .truth import Rows, Vectors

#: What an index is built for unless `DocumentIndex.tune` was told otherwise. Stored vectors that were turned away are a
#: little easier than fresh ones: at a million, where they reach 0.97 fresh draws reached 0.971; at 0.95, 0.940.
RECALL = 0.97
#: So many neighbours recall is asked about, of so many queries.
NEIGHBOURS = 10
QUERIES = 256

# A query that resembles a stored vector as a question does the text that answers it.
_RESEMBLANCE = 0.8
_FILE = "search.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """What searches with one effort gave.

    Args:
        effort: lists or candidates that a search looked at.
        recall: share of the exact ten nearest neighbours that it found.
        error: standard error of the recall.
        p50_ms: median time of a search, in milliseconds.
        p95_ms: what 19 of 20 searches stay below.
    """

    effort: int
    recall: float
    error: float
    p50_ms: float
    p95_ms: float


def perturbed(vectors: Vectors, generator: np.random.Generator) -> Vectors:
    """Queries near ``vectors`` [n, dimension]: turned away, in a random direction, to a cosine of 0.8."""
    noise = generator.standard_normal(vectors.shape).astype(np.float32)
    noise -= (noise * vectors).sum(1, keepdims=True) * vectors
    noise /= np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-9)
    queries = _RESEMBLANCE * vectors + math.sqrt(1 - _RESEMBLANCE**2) * noise
    scaled: Vectors = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)
    return scaled


def measured(dense: Dense, queries: Vectors, expected: Rows, vectors_in: VectorsIn) -> Measured:
    """Ask single queries [n, dimension] and compare with the rows that exact search gave [n, neighbours]."""
    shares, seconds = [], []
    for query, neighbours in zip(queries, expected, strict=True):
        began = time.perf_counter()
        hits = dense.search(query, expected.shape[1], None, vectors_in)
        seconds.append(time.perf_counter() - began)
        there = set(neighbours[neighbours >= 0].tolist())
        shares.append(len(there & {row for row, _ in hits}) / max(len(there), 1))
    error = float(np.std(shares) / math.sqrt(len(shares)))
    return Measured(dense.kind.effort, float(np.mean(shares)), error, *milliseconds(seconds))


def milliseconds(seconds: list[float]) -> tuple[float, float]:
    """Their median and 95th percentile."""
    return float(np.percentile(seconds, 50)) * 1e3, float(np.percentile(seconds, 95)) * 1e3


def calibrated(
    dense: Dense, queries: Vectors, expected: Rows, recall: float, vectors_in: VectorsIn
) -> tuple[Dense, list[Measured]]:
    """``dense`` with the least effort that reaches ``recall``, and what was measured on the way.

    The recall counts as reached when it is so even where these queries were lucky (one-sided, 95 %).

    Args:
        dense: the index.
        queries: to measure with [n, dimension].
        expected: the rows that exact search gives for them, best first [n, neighbours].
        recall: what to reach, from 0 to 1.
        vectors_in: gives exact vectors.
    """
    if dense.kind.exact or not len(queries):
        return dense, []
    steps: list[Measured] = []

    def reaches(effort: int) -> bool:
        steps.append(measured(with_effort(dense, effort), queries, expected, vectors_in))
        return steps[-1].recall - 1.64 * steps[-1].error >= recall

    effort = _least(reaches, dense.kind.most_effort)
    return with_effort(dense, effort), steps


def _least(reaches: Callable[[int], bool], most: int) -> int:
    """The least whole number that ``reaches``, to within an eighth: doubled until it does, then halved between."""
    above = 1
    while above < most and not reaches(above):
        above = min(2 * above, most)
    below = above // 2
    while above - below > max(1, above // 8):
        middle = (above + below) // 2
        above, below = (middle, below) if reaches(middle) else (above, middle)
    return above


def with_effort(dense: Dense, effort: int) -> Dense:
    """The same index, of which searches look at so much."""
    return replace(dense, kind=replace(dense.kind, effort=effort))


@dataclass(frozen=True, slots=True)
class Tuned:
    """What `DocumentIndex.tune` settled, kept beside the snapshots: the recall asked for, and for which kind what
    effort gave it. Another build of the index is measured again, for the same recall."""

    recall: float = RECALL
    kind: str = ""
    lists: int = 0
    effort: int = 0

    @classmethod
    def read(cls, folder: Path) -> Tuned:
        """What is kept in the index's folder; what cannot be read counts as nothing."""
        try:
            return cls(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Keep it."""
        write_file(folder / _FILE, json.dumps(asdict(self), indent=2).encode())

    def applied(self, dense: Dense) -> Dense:
        """``dense`` with the effort that was settled, if it was for this kind."""
        kind: Kind = dense.kind
        return with_effort(dense, self.effort) if (self.kind, self.lists) == (kind.name, kind.lists) else dense
