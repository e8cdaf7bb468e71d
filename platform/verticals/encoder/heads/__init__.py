"""What sits on top of the encoder: one module per objective, the same in training and in serving.

`HEADS` is a registry: a plugin adds an objective by adding its head here and its training side in `verticals.tuning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verticals.contract import NotFound

from .base import Head, texts_of
from .classify import ClassifyHead
from .classify_image import ClassifyImageHead
from .embed import EmbedHead
from .generate import GenerateHead
from .multilabel import MultilabelHead
from .rank import CrossHead, RankHead
from .score import ScoreHead
from .tag import TagHead
from .verbaliser import VerbaliserHead

HEADS: dict[str, type[Head]] = {
    "classify": ClassifyHead, "multilabel": MultilabelHead, "tag": TagHead, "score": ScoreHead, "rank": RankHead,
    "embed": EmbedHead, "generate": GenerateHead, "classify_image": ClassifyImageHead,
}  # fmt: skip


def build_head(objective: str, dimension: int, config: Mapping[str, Any]) -> Head:
    """A new head for an objective, as ``config`` (of a manifest) describes it.

    Raises:
        NotFound: no such objective.
    """
    if objective == "classify" and "template" in config:
        return VerbaliserHead.build(dimension, config)
    return head_of(objective).build(dimension, config)


def head_of(objective: str) -> type[Head]:
    """The kind of head of an objective.

    Raises:
        NotFound: no such objective.
    """
    if objective not in HEADS:
        raise NotFound.named("objective", objective, HEADS)
    return HEADS[objective]


__all__ = [
    "HEADS", "ClassifyHead", "ClassifyImageHead", "CrossHead", "EmbedHead", "GenerateHead", "Head", "MultilabelHead",
    "RankHead", "ScoreHead", "TagHead", "VerbaliserHead", "build_head", "head_of", "texts_of",
]  # fmt: skip
