"""Training of `MultilabelHead`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe, suggest
from verticals.encoder.heads import MultilabelHead, texts_of
from verticals.encoder.tokens import Text
from verticals.tuning.outcomes import Outcomes

from .base import Example, Objective, figures_of, of_each

_FEW = 5  # held-out rows of a label; with fewer a threshold of its own would follow chance
_HEAVIEST = 100.0


class Multilabel(Objective):
    """Several labels, or none; compared by mean average precision, for which no threshold has to be chosen yet.

    Targets are [rows, labels + 1]: 1 for each label that applies, and in the last column how many do that training
    never saw, which count as missed. The loss knows no label smoothing: it would lift the rare labels of all rows.
    """

    metric = "mean_average_precision"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._weights: torch.Tensor | None = None  # how much a row counts that has the label, [labels]

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        sets = of_each(examples, "train", self._labels)
        found = set().union(*sets)
        unknown = sorted(found - set(labels)) if labels else []
        if unknown:
            message = f"{self.target}: {unknown[0]!r} is not a label of this head."
            raise BadInput(message, suggest(unknown[0], labels))
        if all(one == sets[0] for one in sets):
            told = ", ".join(sorted(sets[0])) or "none"
            raise BadInput(
                f"{self.target}: every training row has the same labels ({told}).",
                "Give rows that differ in what applies to them; an empty list says that nothing does.",
            )
        self.labels = tuple(labels) or tuple(sorted(found))
        self._weights = _weights(torch.tensor([[label in one for label in self.labels] for one in sets]), self.recipe)

    def adopt(self, head: MultilabelHead) -> None:
        """See `Objective.adopt`."""
        self.labels = head.labels

    def head(self, dimension: int, recipe: Recipe) -> MultilabelHead:
        """See `Objective.head`."""
        return MultilabelHead(dimension, self.labels, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Text]:
        """See `Objective.texts`."""
        return [texts_of(example, self.inputs)]

    def target_of(self, example: Example) -> list[float]:
        """1 for each label that applies, and how many apply that are not known."""
        own = self._labels(example)
        return [*(float(label in own) for label in self.labels), float(len(own - set(self.labels)))]

    def _labels(self, example: Example) -> set[str]:
        given = example[self.target]
        if not isinstance(given, list | tuple | set | frozenset):
            kind = "empty" if given is None else f"a {type(given).__name__}"
            raise BadInput(f"{self.target!r} is {kind}, not a list of labels.", 'Give a list: ["a", "b"], ["a"] or [].')
        for label in given:
            if not isinstance(label, str) or not label.strip():
                raise BadInput(f"{self.target!r} holds {label!r}, which is no label.", "Give texts, or leave it out.")
        return set(given)

    def losses(
        self, head: MultilabelHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe
    ) -> torch.Tensor:
        """Binary cross entropy, summed over the labels of a row; focal and weighted as the recipe says.

        With class weights a row that has a label counts by the number (or its square root) of rows without the label
        for each with it.
        """
        logits, truth = head(features[:, 0]), targets[:, :-1]
        weights = None if self._weights is None else self._weights.to(logits.device)
        each = functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weights, reduction="none")
        if recipe.loss == "focal":
            chances = torch.sigmoid(logits.detach())
            each = each * torch.where(truth > 0, 1 - chances, chances) ** recipe.focal_gamma
        return each.sum(dim=1)

    def metrics(self, head: MultilabelHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Mean average precision over the labels that occur, micro and macro F1, exact match of all labels."""
        chances, truth = head.probabilities(features[:, 0]), targets[:, :-1] > 0
        unseen = targets[:, -1]
        said = chances >= torch.tensor(head.thresholds)
        right, found, actual = (one.sum(dim=0).tolist() for one in (said & truth, said, truth))
        each = [figures_of(*counts)[2] for counts in zip(right, found, actual, strict=True) if counts[1] or counts[2]]
        occurring = [at for at, count in enumerate(actual) if count]
        precisions = [average_precision(chances[:, at], truth[:, at]) for at in occurring]
        return {
            "mean_average_precision": sum(precisions) / max(1, len(precisions)),
            "micro_f1": figures_of(sum(right), sum(found), sum(actual) + int(unseen.sum()))[2],
            "macro_f1": sum(each) / max(1, len(each)),
            "exact_match": float(((said == truth).all(dim=1) & (unseen == 0)).float().mean()),
            "log_loss": float(functional.binary_cross_entropy(chances.clamp(1e-7, 1 - 1e-7), truth.float())),
        }

    def outcomes(self, head: MultilabelHead, features: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """See `Objective.outcomes`: a row is right when exactly its labels are answered."""
        chances, truth = head.probabilities(features[:, 0]), targets[:, :-1] > 0
        said, known = chances >= torch.tensor(head.thresholds), targets[:, -1] == 0
        loss = functional.binary_cross_entropy(chances.clamp(1e-7, 1 - 1e-7), truth.float(), reduction="none")
        return Outcomes(
            said=[[label for label, one in zip(self.labels, row, strict=True) if one] for row in said.tolist()],
            loss=loss.sum(dim=1), right=(said == truth).all(dim=1) & known, known=known, labels=self.labels,
            statistics={"hits": said & truth, "said": said, "actual": truth},
        )  # fmt: skip

    def calibrate(self, head: MultilabelHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Find the temperature of least log loss, then per label the threshold of best F1.

        A label of few held-out rows takes the one threshold that is best for all labels together.
        """
        logits, truth = head(features[:, 0]).detach(), targets[:, :-1]
        candidates = torch.logspace(-1.3, 1.0, 93).tolist()
        loss = functional.binary_cross_entropy_with_logits
        head.temperature = min(candidates, key=lambda value: float(loss(logits / value, truth)))
        chances = torch.sigmoid(logits / head.temperature)
        shared = best_threshold(chances.flatten(), truth.flatten() > 0) if truth.any() else 0.5
        head.thresholds = [
            best_threshold(chances[:, at], truth[:, at] > 0) if truth[:, at].sum() >= _FEW else shared
            for at in range(len(self.labels))
        ]


def average_precision(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean over the true rows of the precision at their score, rows of equal score taken together."""
    ordered, order = scores.sort(descending=True, stable=True)
    right = truth[order].double().cumsum(0)
    last = torch.cat([ordered[1:] != ordered[:-1], torch.tensor([True])])  # of each run of equal scores
    precision = (right / torch.arange(1, len(scores) + 1))[last]
    recall = right[last] / right[-1]
    steps = torch.diff(recall, prepend=torch.zeros(1, dtype=recall.dtype))
    return float((steps * precision).sum())


def best_threshold(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """The threshold of best F1, half-way between the scores on both sides of it."""
    ordered, order = scores.sort(descending=True)
    right = truth[order].double().cumsum(0)
    f1 = 2 * right / (torch.arange(1, len(scores) + 1) + truth.sum())
    f1[:-1][ordered[1:] == ordered[:-1]] = 0.0  # no threshold lies between equal scores
    at = int(f1.argmax())
    below = float(ordered[at + 1]) if at + 1 < len(ordered) else 0.0
    return (float(ordered[at]) + below) / 2


def _weights(truth: torch.Tensor, recipe: Recipe) -> torch.Tensor | None:
    if recipe.class_weights == "none":
        return None
    with_label = truth.sum(dim=0).float()
    ratio = (len(truth) - with_label) / with_label.clamp_min(1)
    return (ratio if recipe.class_weights == "balanced" else ratio.sqrt()).clamp(1 / _HEAVIEST, _HEAVIEST)
