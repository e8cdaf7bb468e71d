"""The training side of each objective.

`OBJECTIVES` is a registry that plugins extend, next to `encoder.heads.HEADS`.
"""

from __future__ import annotations

from verticals.contract import NotFound

from .base import Example, Objective, of_each
from .classify import Classify
from .classify_image import ClassifyImage
from .embed import Embed
from .generate import Generate
from .multilabel import Multilabel
from .rank import Rank
from .score import Score
from .tag import Tag

OBJECTIVES: dict[str, type[Objective]] = {
    "classify": Classify, "multilabel": Multilabel, "tag": Tag, "score": Score, "rank": Rank, "embed": Embed,
    "generate": Generate, "classify_image": ClassifyImage,
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
    "OBJECTIVES", "Classify", "ClassifyImage", "Embed", "Example", "Generate", "Multilabel", "Objective", "Rank",
    "Score", "Tag", "objective_of", "of_each",
]  # fmt: skip
