"""Training of `ClassifyHead`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe, suggest
from verticals.encoder.heads import ClassifyHead, VerbaliserHead, texts_of
from verticals.encoder.heads.verbaliser import prompt_of
from verticals.tuning.losses import cross_entropy
from verticals.tuning.outcomes import Outcomes

from .base import Example, Objective, of_each
from .outcomes import of_labels


class Classify(Objective):
    """One of several labels; compared by accuracy."""

    metric = "accuracy"
    without_rows = True

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._places: dict[str, int] = {}
        self._counts: torch.Tensor | None = None  # training rows per label
        self.template = ""  # of a head that answers by a masked language model

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        counts = Counter(of_each(examples, "train", self._label))
        found = set(counts)
        self._take(tuple(labels) or tuple(sorted(found)))
        self._counts = torch.tensor([counts[label] for label in self.labels])
        unknown = sorted(found - set(self.labels))
        if unknown:
            message = f"{self.target}: {unknown[0]!r} is not a label of this head."
            raise BadInput(message, suggest(unknown[0], self.labels))
        if len(found) < 2 and examples:
            raise BadInput(
                f"{self.target}: every training row has the label {next(iter(found))!r}.",
                "A classifier needs rows of at least two labels.",
            )

    def adopt(self, head: ClassifyHead) -> None:
        """See `Objective.adopt`."""
        self._take(head.labels)
        if isinstance(head, VerbaliserHead):
            self.ask_by(head.template)

    def ask_by(self, template: str) -> None:
        """Read texts within a template from now on, at its mask."""
        self.template, self.reads = template, "mask"

    def _take(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._places = {label: place for place, label in enumerate(labels)}

    def head(self, dimension: int, recipe: Recipe) -> ClassifyHead:
        """See `Objective.head`."""
        return ClassifyHead(dimension, self.labels, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Any]:
        """See `Objective.texts`."""
        text = texts_of(example, self.inputs)
        return [prompt_of(self.template, text) if self.template else text]

    def target_of(self, example: Example) -> int:
        """Place of the label; -100, which no loss counts, for a label that training never saw."""
        return self._places.get(self._label(example), -100)

    def _label(self, example: Example) -> str:
        value = example[self.target]
        if value is None or value != value or not str(value).strip():  # NaN is not itself
            raise BadInput(f"{self.target!r} is empty.", "Give each row a label, or leave the row out.")
        return str(value)

    def losses(self, head: ClassifyHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Cross entropy, weighted as the recipe says."""
        return cross_entropy(head(features[:, 0]), targets, recipe, self._counts)

    def metrics(self, head: ClassifyHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Accuracy, macro F1, log loss, expected calibration error (15 equal bins); of two labels the AUC."""
        known = targets >= 0
        probabilities = torch.softmax(head(features[known, 0]) / head.temperature, dim=-1).cpu()
        truth = targets[known]
        confidence, said = probabilities.max(dim=-1)
        right = (said == truth).float()
        bins = (confidence * 15).long().clamp(max=14)
        gaps = [
            (right[bins == place].mean() - confidence[bins == place].mean()).abs() * (bins == place).float().mean()
            for place in bins.unique()
        ]
        curve = {"auc": area(probabilities[:, 1], truth == 1)} if len(self.labels) == 2 else {}
        return {
            # A label that training never saw counts as an error.
            "accuracy": float(right.sum() / len(targets)),
            "macro_f1": macro_f1(said, truth, len(self.labels)),
            "log_loss": float(functional.nll_loss(probabilities.clamp_min(1e-12).log(), truth)),
            "calibration_error": float(sum(gaps)),
            **curve,
        }

    def calibrate(self, head: ClassifyHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Find the temperature of least log loss."""
        known = targets >= 0
        if not known.any():
            return
        logits, truth = head(features[known, 0]).detach().cpu(), targets[known]
        candidates = torch.logspace(-1.3, 1.0, 93).tolist()
        head.temperature = min(candidates, key=lambda value: float(functional.cross_entropy(logits / value, truth)))

    def familiarise(
        self, head: ClassifyHead, train: tuple[torch.Tensor, torch.Tensor], held_out: torch.Tensor, coverage: float
    ) -> None:
        """Take note of training rows, and of the familiarity that ``coverage`` of held-out rows reach."""
        features, targets = train
        known = targets >= 0
        if known.any():
            head.know(head.embed(features[known, 0]), targets[known])
        vectors = head.embed(held_out[:, 0])
        familiarity = head.familiarity(vectors, head(vectors))
        if len(familiarity):
            head.threshold = float(torch.quantile(familiarity, 1 - coverage, interpolation="lower"))

    def recalibrate(self, head: ClassifyHead, measured: ClassifyHead) -> None:
        """See `Objective.recalibrate`."""
        head.temperature, head.threshold = measured.temperature, measured.threshold

    def outcomes(self, head: ClassifyHead, features: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """See `Objective.outcomes`."""
        return of_labels(torch.softmax(head(features[:, 0]) / head.temperature, dim=-1), targets, self.labels)

    def explained(self, head: ClassifyHead, features: torch.Tensor, label: str) -> tuple[torch.Tensor, str, str]:
        """Log-odds of a label against all others: what speaks for it and not for another one."""
        if label and label not in self._places:
            raise BadInput(f"{label!r} is not a label of this head.", suggest(label, self.labels))
        logits = head(features[:, 0]) / head.temperature
        place = self._places[label] if label else int(logits[0].argmax())
        others = torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1)
        return logits[:, place] - others.logsumexp(dim=1), self.labels[place], "log-odds"


def area(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """Area under the ROC curve: how often a true row scores above a false one; ties count half, 0.5 if one lacks."""
    true, false = scores[truth].double(), scores[~truth].double().sort().values
    if not len(true) or not len(false):
        return 0.5
    below, up_to = torch.searchsorted(false, true), torch.searchsorted(false, true, right=True)
    return float((below + up_to).double().mean() / (2 * len(false)))


def macro_f1(said: torch.Tensor, truth: torch.Tensor, labels: int) -> float:
    """Mean over the labels that occur of the harmonic mean of precision and recall."""
    matrix = torch.bincount(truth * labels + said, minlength=labels * labels).view(labels, labels).float()
    right, predicted, actual = matrix.diag(), matrix.sum(dim=0), matrix.sum(dim=1)
    occurs = (predicted + actual) > 0
    return float((2 * right / (predicted + actual).clamp_min(1))[occurs].mean())
