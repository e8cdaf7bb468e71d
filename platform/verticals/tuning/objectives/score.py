"""Training of `ScoreHead`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe
from verticals.encoder.heads import ScoreHead, texts_of
from verticals.encoder.tokens import Text
from verticals.tuning.outcomes import Outcomes

from .base import Example, Objective, of_each
from .outcomes import of_numbers


class Score(Objective):
    """A number; compared by the share of variance explained."""

    metric = "r2"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._mean, self._deviation = 0.0, 1.0

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        values = torch.tensor(of_each(examples, "train", self._number))
        self._mean, self._deviation = float(values.mean()), float(values.std(unbiased=False)) or 1.0

    def adopt(self, head: ScoreHead) -> None:
        """See `Objective.adopt`."""
        self._mean, self._deviation = head.mean, head.deviation

    def head(self, dimension: int, recipe: Recipe) -> ScoreHead:
        """See `Objective.head`."""
        return ScoreHead(dimension, self._mean, self._deviation, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Text]:
        """See `Objective.texts`."""
        return [texts_of(example, self.inputs)]

    def target_of(self, example: Example) -> float:
        """Standardised value."""
        return (self._number(example) - self._mean) / self._deviation

    def _number(self, example: Example) -> float:
        value = example[self.target]
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise BadInput(f"{self.target!r} is {value!r}, not a finite number.", "Correct the row, or leave it out.")
        return float(value)

    def losses(self, head: ScoreHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Squared error of the standardised values."""
        return functional.mse_loss(head(features[:, 0]), targets, reduction="none")

    def metrics(self, head: ScoreHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Variance explained, root mean square and mean absolute error (target's unit), Pearson's correlation."""
        said = head(features[:, 0])
        error = said - targets
        spread = float(targets.var(unbiased=False)) or 1.0
        both = torch.stack([said, targets])
        related = float(torch.corrcoef(both)[0, 1]) if float(both.std(dim=1, unbiased=False).min()) > 0 else 0.0
        return {
            "r2": 1.0 - float(error.square().mean()) / spread,
            "rmse": float(error.square().mean().sqrt()) * self._deviation,
            "mae": float(error.abs().mean()) * self._deviation,
            "pearson": related,
        }

    def calibrate(self, head: ScoreHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Keep the error on held-out rows with the head."""
        head.error = self.metrics(head, features, targets)["rmse"]

    def outcomes(self, head: ScoreHead, features: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """See `Objective.outcomes`."""
        return of_numbers(head(features[:, 0]), targets, self._mean, self._deviation)

    def explained(self, head: ScoreHead, features: torch.Tensor, label: str) -> tuple[torch.Tensor, str, str]:
        """The value, in the target's unit."""
        if label:
            raise BadInput("This head gives a number, and has no labels.", "Leave the label out.")
        return head(features[:, 0]) * self._deviation + self._mean, "", self.target
