"""Any number of labels at once."""

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


class MultilabelHead(Head):
    """A linear layer on the normalised features; each label has a probability of its own, and may apply or not.

    Args:
        labels: in order.
        temperature: divides the logits.
        thresholds: per label, the least probability at which it applies; half for all where not given.
    """

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        temperature: float = 1.0,
        thresholds: Sequence[float] = (),
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.labels = tuple(labels)
        self.temperature = temperature
        self.thresholds = list(thresholds) or [0.5] * len(self.labels)
        self.linear = nn.Linear(dimension, len(self.labels))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {
            "labels": list(self.labels), "temperature": self.temperature, "thresholds": list(self.thresholds),
            "fields": list(self.fields),
        }  # fmt: skip

    def texts(self, value: Any) -> list[Text]:
        """See `Head.texts`."""
        return [texts_of(value, self.fields)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [rows, labels]."""
        scaled = functional.normalize(features, dim=-1) * math.sqrt(self.dimension)
        logits: torch.Tensor = self.linear(self.dropout(scaled))
        return logits

    def probabilities(self, features: torch.Tensor) -> torch.Tensor:
        """Calibrated, [rows, labels]."""
        return torch.sigmoid(self(features) / self.temperature)

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`. Where no label applies the confidence is that of the best one not applying."""
        probabilities = self.probabilities(features)
        ordered, places = probabilities.sort(dim=-1, descending=True)
        answers = []
        for row, place in zip(ordered.tolist(), places.tolist(), strict=True):
            labels = tuple(
                self.labels[at] for at, probability in zip(place, row, strict=True)
                if probability >= self.thresholds[at]
            )  # fmt: skip
            ranking = tuple((self.labels[at], probability) for at, probability in zip(place, row, strict=True))
            best = labels[0] if labels else None
            sure = 1.0 - row[0] if best is None else dict(ranking)[best]
            answers.append(Prediction(label=best, confidence=sure, ranking=ranking, labels=labels))
        return answers

    def undecided(self, answer: Prediction, margin: float, value: Any, features: torch.Tensor) -> bool:
        """See `Head.undecided`: a label nearly applies, or nearly does not."""
        del value, features
        likely = dict(answer.ranking)
        limits = zip(self.labels, self.thresholds, strict=True)
        return any(abs(likely[label] - threshold) < margin for label, threshold in limits)
