"""The training side of each objective.

`OBJECTIVES` is a registry that plugins extend, next to `encoder.heads.HEADS`.
"""

from __future__ import annotations

from verticals.contract import NotFound

from .base import Objective, of_each
from .classify import Classify
from .embed import Embed
from .multilabel import Multilabel
from .rank import Rank
from .score import Score
from .tag import Tag

OBJECTIVES: dict[str, type[Objective]] = {
    "classify": Classify, "multilabel": Multilabel, "tag": Tag, "score": Score, "rank": Rank,
    "embed": Embed,
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
    "OBJECTIVES",
    "Classify",
    "Embed",
    "Multilabel",
    "Objective",
    "Rank",
    "Score",
    "Tag",
    "objective_of",
    "of_each",
]
