"""One of several labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Prediction
from verticals.encoder.tokens import Text

from .base import Head, texts_of
from .familiarity import nearness, voted, votes_of

NEIGHBOURS = 3  # 2 to 5 told strangers of BANKING77 equally well, 1 and 10 worse
_NEARNESS = 2 / 3  # what the nearest rows count, against the others; from 0.6 to 0.8 the AUROC is about the same
_STEADY = 5  # times as steady as a lead is familiarity when numbers are rounded


class ClassifyHead(Head):
    """A linear layer on the normalised features.

    Probabilities are calibrated by one temperature (Guo et al., 2017, arXiv:1706.04599). An input abstains when it is
    less familiar than all but a few inputs of the kind that was learned. Three witnesses are heard: the training rows
    of the label said that are nearest (as in Sun et al., 2022, arXiv:2204.06507), how sure the head is, and a vote of
    all rows. An over-confident softmax is not believed without the rows, nor are rows that lie near where labels meet.

    Args:
        labels: in order.
        temperature: divides the logits.
        threshold: least familiarity that is answered.
        neighbours: training rows of the label that is said, the nearest ones, that familiarity rests on; 0: it is the
            cosine to the nearest row of any label, as versions have it that were made before.
    """

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        temperature: float = 1.0,
        threshold: float = -1.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
        neighbours: int = NEIGHBOURS,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.labels = tuple(labels)
        self.temperature, self.threshold, self.neighbours = temperature, threshold, neighbours
        self.linear = nn.Linear(dimension, len(self.labels))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("known", torch.zeros(1, dimension))
        self.register_buffer("owners", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("votes", torch.zeros(len(self.labels), 0))
        self.known: torch.Tensor
        self.owners: torch.Tensor
        self.votes: torch.Tensor

    @classmethod
    def build(cls, dimension: int, config: Mapping[str, Any]) -> ClassifyHead:
        """See `Head.build`."""
        return cls(dimension, **{"neighbours": 0, **config})

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {
            "labels": list(self.labels), "temperature": self.temperature, "threshold": self.threshold,
            "fields": list(self.fields), "neighbours": self.neighbours,
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

    def know(self, vectors: torch.Tensor, owners: torch.Tensor) -> None:
        """Take note of training rows [n, dimension] and their labels' places [n], by which inputs are familiar."""
        self.owners, order = owners.sort(stable=True)
        self.known = functional.normalize(vectors, dim=-1)[order].half()
        self.votes = votes_of(self.known, self.owners, len(self.labels))

    def familiarity(self, vectors: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """How much such vectors are like what was learned, -1 to 1, [rows].

        The mean cosine to the nearest training rows of the label that is said counts two thirds. The rest is the mean
        of that label's probability and of what all rows vote for it; the probability alone where rows cast no votes
        (too many of them, or a version made before). The probability is the one before calibration, which tells
        strangers better: calibrated, it is near 1 for most inputs.

        Args:
            vectors: [rows, dimension].
            logits: what the head says of them, [rows, labels].
        """
        directions = functional.normalize(vectors, dim=-1)
        if not self.neighbours:
            return (directions @ self.known.T).amax(dim=-1)
        others, said = torch.softmax(logits, dim=-1).max(dim=-1)
        if self.votes.numel():
            others = (others + voted(directions, said, self.known, self.votes)) / 2
        near = nearness(directions, said, self.known, self.owners, self.neighbours)
        return _NEARNESS * near + (1 - _NEARNESS) * others

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Versions of before knew the mean of each label, or rows without their labels, or rows that cast no votes.
        if f"{prefix}means" in state_dict:
            state_dict[f"{prefix}known"] = state_dict.pop(f"{prefix}means")
        if (known := state_dict.get(f"{prefix}known")) is not None:
            owners = state_dict.setdefault(f"{prefix}owners", torch.zeros(len(known), dtype=torch.int64))
            votes = state_dict.setdefault(f"{prefix}votes", torch.zeros(len(self.labels), 0))
            # Any number of rows is a head's own.
            self.known = torch.empty_like(known, device=self.known.device)
            self.owners = torch.empty_like(owners, device=self.owners.device)
            self.votes = torch.empty_like(votes, device=self.votes.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        vectors = self.embed(features)
        logits = self(vectors)
        probabilities = torch.softmax(logits / self.temperature, dim=-1)
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
                ordered.tolist(), places.tolist(), self.familiarity(vectors, logits).tolist(), strict=True
            )
        ]

    def undecided(self, answer: Prediction, margin: float, value: Any, features: torch.Tensor) -> bool:
        """See `Head.undecided`: two labels are nearly as likely, or it nearly abstains."""
        del value, features
        near = answer.familiarity is not None and abs(answer.familiarity - self.threshold) < margin / _STEADY
        return near or (len(answer.ranking) > 1 and answer.ranking[0][1] - answer.ranking[1][1] < margin)
