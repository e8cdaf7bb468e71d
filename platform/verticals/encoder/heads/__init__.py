"""What sits on top of the encoder: one module per objective, the same in training and in serving.

`HEADS` is a registry: a plugin adds an objective by adding its head here and its training side in `verticals.tuning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verticals.contract import NotFound

from .base import Head, texts_of
from .classify import ClassifyHead
from .embed import EmbedHead
from .multilabel import MultilabelHead
from .rank import CrossHead, RankHead
from .score import ScoreHead
from .tag import TagHead

HEADS: dict[str, type[Head]] = {
    "classify": ClassifyHead, "multilabel": MultilabelHead, "tag": TagHead, "score": ScoreHead, "rank": RankHead,
    "embed": EmbedHead,
}  # fmt: skip


def build_head(objective: str, dimension: int, config: Mapping[str, Any]) -> Head:
    """A new head for an objective, as ``config`` (of a manifest) describes it.

    Raises:
        NotFound: no such objective.
    """
    if objective not in HEADS:
        raise NotFound.named("objective", objective, HEADS)
    return HEADS[objective].build(dimension, config)


__all__ = [
    "HEADS",
    "ClassifyHead",
    "CrossHead",
    "EmbedHead",
    "Head",
    "MultilabelHead",
    "RankHead",
    "ScoreHead",
    "TagHead",
    "build_head",
    "texts_of",
]
