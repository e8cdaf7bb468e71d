"""Prompts and a verbaliser, for encoders that are masked language models."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import torch

from verticals.contract import BadInput
from verticals.encoder import Encoder
from verticals.encoder.heads import VerbaliserHead
from verticals.encoder.heads.verbaliser import FIELD
from verticals.encoder.masked import needed_weights
from verticals.encoder.tokens import MASK
from verticals.tuning.body import Body, lora_body
from verticals.tuning.label_texts import alternatives, split
from verticals.tuning.loop import train
from verticals.tuning.objectives import Classify
from verticals.tuning.prepared import Data
from verticals.tuning.work import Work

from .base import Fitted, Method, Task

_TEMPLATE = f"{FIELD} It was {MASK}."
_HEAD_RATE = 1e-4  # of pretrained weights, which the usual rate of new heads would spoil


class Verbaliser(Method):
    """The encoder fills in a template's mask; the label whose words it finds likeliest is the answer.

    Works without rows; with some, an adapter and the language-model head's words for the labels are tuned on them. Of
    several templates the one that does best before any training is kept.
    """

    name = "verbaliser"
    summary = "prompts for a masked language model, without rows or with few"
    needs_rows = False

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        if not isinstance(task.objective, Classify):
            raise BadInput(
                f"The method 'verbaliser' does not fit the objective {task.job.objective!r}.", "Use another."
            )
        words = {label: _pieces(task.encoder, label, alternatives(label, task.job.label_texts))
                 for label in task.objective.labels}  # fmt: skip
        tried = [
            _ask(task, task.objective, words, template) for template in split(task.recipe.templates) or [_TEMPLATE]
        ]
        objective, head, data, held_out, figure = max(tried, key=lambda each: each[-1])
        if len(tried) > 1:
            task.notes.append(f"of {len(tried)} templates {head.template!r} did best before training")
        if not len(data):
            return Fitted(head, Body(task.encoder), [], figure, data=data, held_out=held_out)
        recipe = dataclasses.replace(task.recipe, head_learning_rate=task.recipe.head_learning_rate or _HEAD_RATE)
        body = lora_body(task.encoder, recipe)
        work = Work(body, head, objective, data, held_out, recipe)
        state, outcome = train(
            work, recipe, task.checkpoint,
            resume=task.job.resume, stop=task.stop, report=task.report, processes=task.processes,
            note=task.notes.append,
        )  # fmt: skip
        return Fitted(head, body, state.history, state.best_figure, outcome, data, held_out)


def _ask(
    task: Task, plain: Classify, words: dict[str, list[int]], template: str
) -> tuple[Classify, VerbaliserHead, Data, Data, float]:
    """Everything as the template has it, and the untrained head's figure on the held-out rows."""
    if template.count(FIELD) != 1 or template.count(MASK) != 1:
        raise BadInput(
            f"recipe: the template {template!r} must hold {FIELD} and {MASK} once each.", f"Write it as {_TEMPLATE!r}."
        )
    objective = copy.copy(plain)
    objective.ask_by(template)
    limit = task.recipe.extent
    data = objective.prepare(task.rows, "train", task.encoder, limit)
    held_out = objective.prepare(task.held_rows, "validation", task.encoder, limit)
    head = _head(task, objective, words, template)
    if not len(held_out):
        return objective, head, data, held_out, 0.0
    with torch.inference_mode():
        figures = objective.metrics(head, held_out.encode(task.encoder), held_out.targets)
    return objective, head, data, held_out, figures[objective.metric]


def _head(task: Task, objective: Classify, words: dict[str, list[int]], template: str) -> VerbaliserHead:
    weights = needed_weights(task.encoder.source)
    sizes = [len(words[label]) for label in objective.labels]
    head = VerbaliserHead(
        task.encoder.dimension, objective.labels, template, sizes, weights.activation,
        fields=objective.inputs, dropout=task.recipe.dropout,
    )  # fmt: skip
    chosen = torch.tensor([piece for label in objective.labels for piece in words[label]])
    with torch.no_grad():
        for layer, (weight, bias) in ((head.dense, weights.dense), (head.norm, weights.norm),
                                      (head.linear, (weights.words[chosen], weights.bias[chosen]))):  # fmt: skip
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return head.eval()


def _pieces(encoder: Encoder, label: str, texts: Sequence[str]) -> list[int]:
    """The pieces of all words that stand for a label."""
    pieces = [piece for text in texts for word in text.split() for piece in encoder.tokenizer.word(word)]
    if not pieces:
        raise BadInput(f"The label {label!r} has no word that the encoder knows.", "Give it one with label_texts.")
    return pieces
