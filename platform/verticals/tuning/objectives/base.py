"""What an objective must say for its heads to be trained, calibrated and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch

from verticals.contract import BadInput, Extent, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import Head
from verticals.tuning.outcomes import Outcomes
from verticals.tuning.prepared import Data, Prepared

Example = Mapping[str, Any]
T = TypeVar("T")
_ROWS_LISTED = 5


class Objective(ABC):
    """One kind of task.

    Features come as [rows, views, dimension]: the encoder's vectors of an example's texts; or, where the objective
    reads words, [rows, words, dimension].

    Args:
        inputs, target: fields of an example, as its head declares them.

    Attributes:
        recipe: how it will be trained; set before it learns.
        labels: in order; stays empty where the targets are none.
    """

    metric: str  # the figure that versions are compared by; higher is better
    views: ClassVar[int] = 1  # texts per example
    reads: str = "text"  # what its heads read of the encoder: see `Head`
    without_rows: ClassVar[bool] = False  # whether it can do without training rows, from its labels' names alone
    compared: ClassVar[bool] = False  # whether the loss compares the rows of a batch with each other

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        self.inputs, self.target = tuple(inputs), target
        self.recipe = Recipe()
        self.labels: tuple[str, ...] = ()

    @property
    def convex(self) -> bool:
        """Whether the loss of a head alone is convex in its weights, as that of a linear head is."""
        return True

    @abstractmethod
    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """Take what there is to know before training from the training examples, and check them all.

        Args:
            examples: may be none where ``labels`` are given, which some objectives can do with.
            labels: the closed list of labels; empty where the data decides.

        Raises:
            BadInput: they don't fit the objective.
        """

    def begin(self, recipe: Recipe) -> None:
        """Take from the recipe what examples are prepared by; called once, after `learn`.

        Raises:
            BadInput: the recipe does not fit the objective.
        """
        return

    @property
    def windowed(self) -> bool:
        """Whether long texts are read in windows: pairs of texts are not."""
        return self.reads == "text" and len(self.inputs) == 1

    def room(self, encoder: Encoder, extent: Extent) -> int:
        """Tokens that an example may have: those of all windows, or as many as are taken at all."""
        return min(extent.max_tokens, encoder.tokenizer.limit) * (extent.windows if self.windowed else 1)

    def rate(self, recipe: Recipe) -> float:
        """Usual peak learning rate of a head's own network, where it has one."""
        return 1e-3

    @abstractmethod
    def adopt(self, head: Any) -> None:
        """Take the same from a trained head, to measure it."""

    @abstractmethod
    def head(self, dimension: int, recipe: Recipe) -> Head:
        """A new head that fits the data."""

    @abstractmethod
    def texts(self, example: Example) -> list[Any]:
        """The ``views`` texts of one example; its words, where the objective reads words."""

    @abstractmethod
    def target_of(self, example: Example) -> Any:
        """What should be predicted of one example, as a tensor takes it; raises `BadInput` where its target is none."""

    @abstractmethod
    def losses(self, head: Any, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Loss of each row of a batch, [rows]; their mean is what training makes small."""

    @abstractmethod
    def metrics(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Figures on held-out features, ``metric`` among them."""

    @abstractmethod
    def calibrate(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Set what turns the head's outputs into probabilities, from held-out features."""

    def flat(self, features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and targets as `losses` takes them for a head alone, with no padding in them."""
        return features, targets

    def familiarise(
        self, head: Any, train: tuple[torch.Tensor, torch.Tensor], held_out: torch.Tensor, coverage: float
    ) -> None:
        """Set when the head abstains, from training features with targets and held-out features.

        Objectives whose heads never abstain leave it as it is.
        """
        return

    def outcomes(self, head: Any, features: Any, targets: torch.Tensor) -> Outcomes | None:
        """Row by row what the head says of held-out features; `None` where only whole splits can be measured."""
        return None

    def vectors(self, features: Any) -> torch.Tensor | None:
        """One vector per row, [rows, dimension], by which rows resemble each other; `None` where there is none."""
        return features[:, 0] if isinstance(features, torch.Tensor) and features.ndim == 3 else None

    def explained(self, head: Any, features: torch.Tensor, label: str) -> tuple[torch.Tensor, str, str]:
        """What a prediction is explained by: a number per row [rows] that gradients flow through, and its names.

        Args:
            features: [rows, views, dimension].
            label: the label to explain; empty for the one the head gives the first row.

        Returns:
            The numbers, the label (empty where there is none), and what the numbers are, in a few words.

        Raises:
            BadInput: the objective cannot be explained so, or has no such label.
        """
        raise BadInput(
            f"Answers of the objective {type(self).__name__.lower()!r} cannot be taken apart by words.",
            "Heads that classify or score can.",
        )

    def recalibrate(self, head: Any, measured: Any) -> None:
        """Take over what `calibrate` and `familiarise` have set in a head of the same kind.

        For objectives that frugal methods can train.
        """
        raise NotImplementedError

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> Data:
        """Make the examples of a split ready.

        Raises:
            BadInput: an example has no usable text or target; the message says which.
        """
        texts = [text for several in of_each(examples, split, self.texts) for text in several]
        targets = torch.tensor(of_each(examples, split, self.target_of))
        return Prepared(encoder.tokens(texts, extent, self.reads), targets, self.views, self.reads)


def figures_of(right: int, said: int, actual: int) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 where there is nothing to divide by."""
    precision, recall = right / said if said else 0.0, right / actual if actual else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def of_each(examples: Sequence[Example], split: str, read: Callable[[Example], T]) -> list[T]:
    """What ``read`` gives of each example.

    Raises:
        BadInput: as ``read`` raises it; the message names the row, or all rows that cannot be read.
    """
    values, problems = [], []
    for number, example in enumerate(examples, 1):
        try:
            values.append(read(example))
        except BadInput as error:
            problems.append((number, error))
    if not problems:
        return values
    number, first = problems[0]
    if len(problems) == 1:
        raise BadInput(f"Row {number} of the split {split!r}: {first.message}", first.remedy)
    listed = "".join(f"\n  row {number}: {error.message}" for number, error in problems[:_ROWS_LISTED])
    more = f"\n  … and {len(problems) - _ROWS_LISTED:,} more" if len(problems) > _ROWS_LISTED else ""
    told = f"{len(problems):,} of {len(examples):,} rows of the split {split!r} cannot be used:"
    raise BadInput(f"{told}{listed}{more}\n", first.remedy)
