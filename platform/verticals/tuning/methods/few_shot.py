"""Contrastive tuning for a handful of rows per label."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe
from verticals.encoder.heads import ClassifyHead
from verticals.tuning.body import Body, lora_body
from verticals.tuning.label_texts import alternatives
from verticals.tuning.linear import fit_head
from verticals.tuning.loop import train
from verticals.tuning.losses import SHARPNESS
from verticals.tuning.objectives import Classify, Example
from verticals.tuning.prepared import Data
from verticals.tuning.work import Work

from .base import Fitted, Method, Task

_STEPS = 70  # that training takes unless the recipe says how many epochs
_LARGEST_BATCH = 64
_SHRINK = 1e-2  # of the head's squared weights; smoothing its labels costs 2 to 4 points with 10 or 5 rows of each


class Directions(Classify):
    """Cosines with one learned direction per label, beside the contrast between the rows of a batch."""

    @classmethod
    def of(cls, objective: Classify) -> Directions:
        """For the labels of another objective."""
        own = cls(objective.inputs, objective.target)
        own._take(objective.labels)
        return own

    def losses(self, head: ClassifyHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """See `Objective.losses`."""
        directions = functional.normalize(features[:, 0], dim=-1)
        own = functional.linear(directions, functional.normalize(head.linear.weight, dim=-1)) * SHARPNESS
        return functional.cross_entropy(own, targets, label_smoothing=recipe.label_smoothing / 2, reduction="none")


class FewShot(Method):
    """Tune an adapter by contrast, then fit the head to what it gives.

    As in SetFit (Tunstall et al., 2022, arXiv:2209.11055), but with batches instead of pairs, an adapter in the shared
    bank instead of a copy of the encoder, and the labels' names and descriptions as further rows.
    """

    name = "few_shot"
    summary = "contrastive tuning of an adapter, for 2 to 20 rows per label"
    frugal = True

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        objective = task.objective
        if not isinstance(objective, Classify):
            raise BadInput(f"The method 'few_shot' does not fit the objective {task.job.objective!r}.", "Use another.")
        rows = [*task.rows, *_named(task)]
        data = objective.prepare(rows, "train", task.encoder, task.recipe.extent)
        recipe = _recipe(task, len(data))
        body = lora_body(task.encoder, recipe)
        head = objective.head(task.encoder.dimension, recipe)
        with torch.no_grad():
            head.linear.weight.copy_(_means(data.encode(task.encoder)[:, 0], data.targets, len(objective.labels)))
        work = Work(body, head, Directions.of(objective), data, task.held_out, recipe)
        state, outcome = train(
            work, recipe, task.checkpoint,
            resume=task.job.resume, stop=task.stop, report=task.report, processes=task.processes,
            note=task.notes.append, choose=False,
        )  # fmt: skip
        if outcome == "interrupted":
            return Fitted(head, body, state.history, state.best_figure, outcome)
        head, figures = _fitted(task, objective, body, data)
        return Fitted(
            head, body, [*state.history, {**state.history[-1], **figures}], figures[objective.metric], outcome
        )


def _named(task: Task) -> list[Example]:
    """Rows made of the labels' texts, where the head reads a single text."""
    job = task.job
    if len(job.inputs) != 1:
        return []
    return [
        {job.inputs[0]: text, job.target: label}
        for label in task.objective.labels
        for text in alternatives(label, job.label_texts)
    ]


def _recipe(task: Task, rows: int) -> Recipe:
    """The recipe, with small batches for few rows, and as many epochs as make the usual number of steps."""
    batch = min(_LARGEST_BATCH, max(8, rows // 8))
    epochs = task.job.recipe.epochs or math.ceil(_STEPS / math.ceil(rows / batch))
    return dataclasses.replace(
        task.recipe, batch_size=batch, epochs=epochs, sampling="pairs", patience=0, contrastive=1.0,
        head_learning_rate=task.recipe.head_learning_rate or 1e-2,
    )  # fmt: skip


def _fitted(task: Task, objective: Classify, body: Body, data: Data) -> tuple[ClassifyHead, dict[str, Any]]:
    """The head on the adapted features, and its figures."""
    features, held = body.encode(data), body.encode(task.held_out)
    head = objective.head(task.encoder.dimension, task.recipe)
    recipe = dataclasses.replace(task.recipe, label_smoothing=0.0)
    (figures,) = fit_head(
        head, objective, (features, data.targets), (held, task.held_out.targets), recipe, shrink=_SHRINK
    )
    return head, figures


def _means(features: torch.Tensor, targets: torch.Tensor, labels: int) -> torch.Tensor:
    """The mean direction of each label's rows, zeros for a label without, [labels, dimension]."""
    sums = torch.zeros(labels, features.shape[-1])
    sums.index_add_(0, targets, functional.normalize(features, dim=-1))
    return functional.normalize(sums, dim=-1)
