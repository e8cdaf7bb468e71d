"""One of several labels."""

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


class ClassifyHead(Head):
    """A linear layer on the normalised features.

    Probabilities are calibrated by one temperature (Guo et al., 2017, arXiv:1706.04599). An input abstains when its
    features lie farther from every training row than those of all but a few familiar inputs: a score of distance,
    which an over-confident softmax cannot give. A row counts the less, the less sure the head is of it (as in Park et
    al., 2023, arXiv:2309.14888).

    Args:
        labels: in order.
        temperature: divides the logits.
        threshold: least familiarity (cosine to the nearest training row) that is answered.
    """

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        temperature: float = 1.0,
        threshold: float = -1.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.labels = tuple(labels)
        self.temperature, self.threshold = temperature, threshold
        self.linear = nn.Linear(dimension, len(self.labels))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("known", torch.zeros(1, dimension))
        self.known: torch.Tensor

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {
            "labels": list(self.labels), "temperature": self.temperature, "threshold": self.threshold,
            "fields": list(self.fields),
        }  # fmt: skip

    def texts(self, value: Any) -> list[Text]:
        """See `Head.texts`."""
        return [texts_of(value, self.fields)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [rows, labels]."""
        logits: torch.Tensor = self.linear(self.dropout(self.scaled(self.embed(features))))
        return logits

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """The vectors that labels are told apart by, [rows, dimension]; vectors stay what they are."""
        return features

    def scaled(self, features: torch.Tensor) -> torch.Tensor:
        """Features of unit variance: what the linear layer reads."""
        return functional.normalize(features, dim=-1) * math.sqrt(self.dimension)

    def know(self, vectors: torch.Tensor) -> None:
        """Take note of training rows [n, dimension], by which inputs are familiar or not."""
        sureness = torch.logsumexp(self(vectors), dim=-1).clamp_min(0)
        highest = sureness.amax()
        weights = sureness / highest if highest > 0 else torch.ones_like(sureness)
        self.known = functional.normalize(vectors, dim=-1) * weights[:, None]

    def familiarity(self, vectors: torch.Tensor) -> torch.Tensor:
        """Cosine of such vectors to the nearest training row, less where the head is not sure of that, [rows]."""
        return (functional.normalize(vectors, dim=-1) @ self.known.T).amax(dim=-1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Versions of before knew the mean of each label; any number of rows is a head's own.
        if f"{prefix}means" in state_dict:
            state_dict[f"{prefix}known"] = state_dict.pop(f"{prefix}means")
        if f"{prefix}known" in state_dict:
            self.known = torch.empty_like(state_dict[f"{prefix}known"], device=self.known.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        vectors = self.embed(features)
        probabilities = torch.softmax(self(vectors) / self.temperature, dim=-1)
        ordered, places = probabilities.sort(dim=-1, descending=True)
        return [
            Prediction(
                label=self.labels[place[0]],
                confidence=row[0],
                ranking=tuple((self.labels[at], probability) for at, probability in zip(place, row, strict=True)),
                abstained=near < self.threshold,
                familiarity=near,
            )
            for row, place, near in zip(
                ordered.tolist(), places.tolist(), self.familiarity(vectors).tolist(), strict=True
            )
        ]

    def undecided(self, answer: Prediction, margin: float) -> bool:
        """See `Head.undecided`: two labels are nearly as likely, or it nearly abstains."""
        near = answer.familiarity is not None and abs(answer.familiarity - self.threshold) < margin
        return near or (len(answer.ranking) > 1 and answer.ranking[0][1] - answer.ranking[1][1] < margin)
