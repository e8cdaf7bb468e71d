"""A number for a text or a pair of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Prediction
from verticals.encoder.tokens import Text

from .base import Head, texts_of


class ScoreHead(Head):
    """A linear regression on the normalised features.

    Args:
        mean, deviation: of the targets in training; the layer predicts standardised values.
        error: root mean square error on held-out rows, in the target's unit.
    """

    def __init__(
        self,
        dimension: int,
        mean: float = 0.0,
        deviation: float = 1.0,
        error: float = 0.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.mean, self.deviation, self.error = mean, deviation, error
        self.linear = nn.Linear(dimension, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {"mean": self.mean, "deviation": self.deviation, "error": self.error, "fields": list(self.fields)}

    def texts(self, value: Any) -> list[Text]:
        """See `Head.texts`."""
        return [texts_of(value, self.fields)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Standardised values [rows]."""
        scaled = functional.normalize(features, dim=-1) * math.sqrt(self.dimension)
        values: torch.Tensor = self.linear(self.dropout(scaled)).squeeze(-1)
        return values

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`. The confidence is the share of the targets' variance that the head explains."""
        confidence = max(0.0, 1.0 - (self.error / self.deviation) ** 2) if self.deviation else 0.0
        return [
            Prediction(label=None, confidence=confidence, value=value)
            for value in (self(features) * self.deviation + self.mean).tolist()
        ]
