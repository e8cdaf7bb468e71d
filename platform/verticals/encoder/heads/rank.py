"""Which of many candidates belongs to a query."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import BadInput, Prediction
from verticals.encoder.tokens import Text

from .base import Head, check_text


class RankHead(Head):
    """Two towers over one encoder: query and candidate each get a projection; their cosine is the match.

    The projections start as the identity, so an untrained head ranks by the encoder's own similarity. A match becomes
    the probability that a candidate is a true one rather than a random one by a logistic curve (Platt, 1999).

    Args:
        slope, offset: of that curve.
    """

    def __init__(
        self,
        dimension: int,
        slope: float = 10.0,
        offset: float = -5.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.slope, self.offset = slope, offset
        self.query = nn.Linear(dimension, dimension, bias=False)
        self.candidate = nn.Linear(dimension, dimension, bias=False)
        for layer in (self.query, self.candidate):
            nn.init.zeros_(layer.weight)

    @classmethod
    def build(cls, dimension: int, config: Mapping[str, Any]) -> Head:
        """One tower where the configuration says so; see `Head.build`."""
        towers = config.get("towers", "two")
        rest = {name: value for name, value in config.items() if name != "towers"}
        return CrossHead(dimension, **rest) if towers == "one" else cls(dimension, **rest)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {"slope": self.slope, "offset": self.offset, "fields": list(self.fields)}

    def texts(self, value: Any) -> list[Text]:
        """See `Head.texts`; an input is ``{"query": text, "candidates": {id: text}}``."""
        query, candidates = _read(value)
        return [query, *candidates.values()]

    def towers(self, queries: torch.Tensor, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised vectors of both sides."""
        queries, candidates = functional.normalize(queries, dim=-1), functional.normalize(candidates, dim=-1)
        return (
            functional.normalize(queries + self.query(self.dropout(queries)), dim=-1),
            functional.normalize(candidates + self.candidate(self.dropout(candidates)), dim=-1),
        )

    def forward(self, queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Cosines [queries, candidates]."""
        left, right = self.towers(queries, candidates)
        return left @ right.T

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        answers, start = [], 0
        for value in values:
            names = list(value["candidates"])
            rows = features[start : start + 1 + len(names)]
            start += 1 + len(names)
            answers.append(_ranked(names, torch.sigmoid(self(rows[:1], rows[1:])[0] * self.slope + self.offset)))
        return answers


class CrossHead(Head):
    """One tower: query and candidate are read together as a pair, and a linear layer gives how well they match.

    It sees what of the one fits what of the other, which two separate vectors cannot tell; but nothing of it can be
    computed before the query is known. The match becomes a probability as that of `RankHead`.
    """

    def __init__(
        self,
        dimension: int,
        slope: float = 1.0,
        offset: float = 0.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.slope, self.offset = slope, offset
        self.linear = nn.Linear(dimension, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {"towers": "one", "slope": self.slope, "offset": self.offset, "fields": list(self.fields)}

    def texts(self, value: Any) -> list[Text]:
        """See `RankHead.texts`; here each candidate makes a pair with the query."""
        query, candidates = _read(value)
        return [(query, text) for text in candidates.values()]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Matches [...] of the features [..., dimension] of pairs."""
        scaled = functional.normalize(features, dim=-1) * math.sqrt(self.dimension)
        matches: torch.Tensor = self.linear(self.dropout(scaled)).squeeze(-1)
        return matches

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        answers, start = [], 0
        matches = torch.sigmoid(self(features) * self.slope + self.offset)
        for value in values:
            names = list(value["candidates"])
            answers.append(_ranked(names, matches[start : start + len(names)]))
            start += len(names)
        return answers


def _read(value: Any) -> tuple[str, Mapping[str, str]]:
    """Query and candidates of an input."""
    if not isinstance(value, Mapping) or "query" not in value or "candidates" not in value:
        raise BadInput("The input has no 'query' or no 'candidates'.", "Give {query: text, candidates: {id: text}}.")
    candidates = value["candidates"]
    if not isinstance(candidates, Mapping) or not candidates:
        raise BadInput("'candidates' is empty or no mapping.", "Give at least one, as {id: text}.")
    for name, text in (("query", value["query"]), *candidates.items()):
        check_text(text, f"The text of {name!r}")
    return value["query"], candidates


def _ranked(names: Sequence[str], matches: torch.Tensor) -> Prediction:
    ordered, places = matches.sort(descending=True)
    ranking = tuple((names[at], match) for at, match in zip(places.tolist(), ordered.tolist(), strict=True))
    return Prediction(label=ranking[0][0], confidence=ranking[0][1], ranking=ranking)
