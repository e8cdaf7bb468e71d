"""The training side of each objective.

`OBJECTIVES` is a registry that plugins extend, next to `encoder.heads.HEADS`.
"""

from __future__ import annotations

from verticals.contract import NotFound

from .base import Example, Objective, of_each
from .classify import Classify
from .classify_image import ClassifyImage
from .generate import Generate
from .rank import Rank
from .score import Score

OBJECTIVES: dict[str, type[Objective]] = {
    "classify": Classify, "score": Score, "rank": Rank, "classify_image": ClassifyImage, "generate": Generate,
}  # fmt: skip


def objective_of(name: str) -> type[Objective]:
    """The objective of that name.

    Raises:
        NotFound: no such objective.
    """
    if name not in OBJECTIVES:
        raise NotFound.named("objective", name, OBJECTIVES)
    return OBJECTIVES[name]


__all__ = [
    "OBJECTIVES", "Classify", "ClassifyImage", "Example", "Generate", "Objective", "Rank", "Score", "objective_of",
    "of_each",
]  # fmt: skip
