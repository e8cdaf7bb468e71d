"""Which kind of faiss index holds the vectors. The one place that decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from verticals.contract import BadInput, suggest

#: Chosen by size.
AUTO = "auto"
EXACT, IVF_SQ8, IVF_PQ, HNSW = "exact", "ivf-sq8", "ivf-pq", "hnsw"
SETTINGS = (AUTO, EXACT, IVF_SQ8, IVF_PQ, HNSW)

#: About where an exact search of one query, which reads all vectors, takes 5 ms on two quiet cores (77 MB at a width of
#: 384); beside other work it took 29 ms, so no later than here.
EXACT_UP_TO = 50_000
# A kind that is trained needs something to learn from; below, every setting means exact.
_LEAST = 256
# How much an index may grow on the lists, or lose from the graph, that it was built with.
_GROWTH = 4
_GONE = 0.25
# The training of the lists sees so many vectors per list.
_SAMPLE_PER_LIST = 20
# More than the asked for are taken from quantised vectors, and ordered by the exact ones. With 8 bits two more were
# enough for the exact ten on SciFact, three at 200,000 made ones.
_SPARE = {IVF_SQ8: 0.2, HNSW: 0.2, IVF_PQ: 4.0}
_LEAST_SPARE = 5
# Where fewer of its vectors than this share may be found, a graph is no way to find them.
_SPARSE = 0.2
_WIDENING = 2 / 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index with its parameters.

    Args:
        name: ``exact``; ``ivf-sq8``, lists of vectors in 8 bits a number; ``ivf-pq``, lists of vectors in 2 bits a
            number; ``hnsw``, a graph over vectors in 8 bits a number.
        lists: how many lists there are.
        effort: how much of it one search looks at: lists (faiss: nprobe), or candidates in the graph (efSearch).
        built_for: how many vectors it was built for.
    """

    name: str = EXACT
    lists: int = 0
    effort: int = 0
    built_for: int = 0

    @property
    def exact(self) -> bool:
        """Whether it gives just what a comparison with every vector gives."""
        return self.name == EXACT

    @property
    def removes(self) -> bool:
        """Whether vectors can be taken out; out of a graph they cannot."""
        return self.name != HNSW

    @property
    def sample(self) -> int:
        """How many vectors it is trained on."""
        return max(_SAMPLE_PER_LIST * self.lists, 20_000)

    @property
    def most_effort(self) -> int:
        """The effort beyond which there is nothing to gain."""
        return self.lists or max(self.built_for, 1)

    def widened(self, share: float) -> int:
        """The effort where only this share of the vectors may be found: the more, the fewer they are.

        Divided by the share itself, as many as ever would be compared, which is more than recall needs: at a million
        its two-thirds power gave 0.98 where a tenth was allowed, against 0.96 without a filter.
        """
        if self.name == HNSW and share < _SPARSE:
            return self.most_effort
        return min(math.ceil(self.effort / math.pow(share, _WIDENING)), self.most_effort)

    def candidates(self, limit: int) -> int:
        """How many quantised vectors to compare with the exact ones for ``limit`` hits."""
        return limit if self.exact else limit + max(_LEAST_SPARE, int(limit * _SPARE[self.name]))


def checked(setting: str) -> str:
    """The setting, if it is one.

    Raises:
        BadInput: it is none.
    """
    if setting not in SETTINGS:
        raise BadInput(f"There is no kind of index {setting!r}.", suggest(str(setting), SETTINGS))
    return setting


def wanted(setting: str, count: int, present: str = EXACT) -> str:
    """The kind that ``count`` vectors should be kept in; by size it takes a half to go back to exact."""
    if count < _LEAST:
        return EXACT
    if setting != AUTO:
        return setting
    if present == EXACT:
        return EXACT if count <= EXACT_UP_TO else IVF_SQ8
    return EXACT if count <= EXACT_UP_TO // 2 else IVF_SQ8


def due(setting: str, present: Kind, count: int, gone: int) -> bool:
    """Whether to build it again: as another kind, or because it has outgrown what it was built for.

    Args:
        setting: one of `SETTINGS`.
        present: what there is.
        count: vectors that can be found.
        gone: vectors that are kept out of searches but could not be taken out.
    """
    if wanted(setting, count, present.name) != present.name:
        return True
    return not present.exact and (count > _GROWTH * present.built_for or gone > _GONE * (count + gone))


def planned(name: str, count: int) -> Kind:
    """A kind for ``count`` vectors, before its effort is measured."""
    if name == EXACT:
        return Kind()
    if name == HNSW:
        return Kind(name, effort=64, built_for=count)
    lists = max(1, min(int(4 * math.sqrt(count)), count // _SAMPLE_PER_LIST))
    return Kind(name, lists, max(1, lists // 64), count)
