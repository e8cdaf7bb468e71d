"""Vectors of texts, for search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Prediction
from verticals.encoder.tokens import Text

from .base import Head, texts_of


class EmbedHead(Head):
    """A projection of the normalised features; texts that belong together get vectors near each other.

    The projection starts as the identity, so an untrained head gives the encoder's own vectors.
    """

    def __init__(self, dimension: int, fields: Sequence[str] = ("text",), dropout: float = 0.0) -> None:
        super().__init__(dimension, fields, dropout)
        self.projection = nn.Linear(dimension, dimension, bias=False)
        nn.init.zeros_(self.projection.weight)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {"fields": list(self.fields)}

    def texts(self, value: Any) -> list[Text]:
        """See `Head.texts`."""
        return [texts_of(value, self.fields)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of length 1, [..., dimension]."""
        normal = functional.normalize(features, dim=-1)
        return functional.normalize(normal + self.projection(self.dropout(normal)), dim=-1)

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`. There is nothing to be unsure of: the confidence is 1."""
        return [Prediction(label=None, confidence=1.0, vector=tuple(vector)) for vector in self(features).tolist()]
