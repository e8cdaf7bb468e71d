"""The training side of each objective.

`OBJECTIVES` is a registry that plugins extend, next to `encoder.heads.HEADS`.
"""

from __future__ import annotations

from verticals.contract import NotFound

from .base import Example, Objective, of_each
from .classify import Classify
from .rank import Rank
from .score import Score

OBJECTIVES: dict[str, type[Objective]] = {"classify": Classify, "score": Score, "rank": Rank}


def objective_of(name: str) -> type[Objective]:
    """The objective of that name.

    Raises:
        NotFound: no such objective.
    """
    if name not in OBJECTIVES:
        raise NotFound.named("objective", name, OBJECTIVES)
    return OBJECTIVES[name]


__all__ = ["OBJECTIVES", "Classify", "Example", "Objective", "Rank", "Score", "objective_of", "of_each"]
