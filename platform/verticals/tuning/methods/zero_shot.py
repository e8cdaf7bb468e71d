"""A head from the labels' names and descriptions alone."""

from __future__ import annotations

import math

import torch

from verticals.contract import BadInput
from verticals.tuning.body import Body
from verticals.tuning.label_texts import label_vectors, split
from verticals.tuning.objectives import Classify

from .base import Fitted, Method, Task

_TEMPLATES = ("{label}", "This is about {label}.")
# Measured with the default encoder on 1,500 training questions of BANKING77 that no benchmark split holds: of 15, 20
# and 25 the log loss of its 77 labels is least at 20, and 1.3 % of its questions have no label's cosine above 0.35.
_SHARPNESS = 20.0
_THRESHOLD = 0.35


class ZeroShot(Method):
    """Each label is the direction of its name and description; the nearest by cosine answers.

    Nothing is learned: labelled rows, where there are some, only calibrate the confidence, set when to abstain, and
    measure. Without any the confidence is the softmax of 20 times the cosines, and inputs whose best cosine is below
    0.35 are declined; both suit the default encoder, and are rough.
    """

    name = "zero_shot"
    summary = "no training: the nearest label by its name and description"
    needs_rows = False
    learns = False

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        objective = task.objective
        if not isinstance(objective, Classify):
            raise BadInput(f"The method 'zero_shot' does not fit the objective {task.job.objective!r}.", "Use another.")
        templates = split(task.recipe.templates) or _TEMPLATES
        head = objective.head(task.encoder.dimension, task.recipe)
        vectors = label_vectors(task.encoder, objective.labels, task.job.label_texts, templates)
        with torch.no_grad():
            head.linear.weight.copy_(vectors * _SHARPNESS / math.sqrt(head.dimension))
            head.known, head.neighbours = vectors, 0  # the labels' own texts are all there is to be near to
        head.threshold = _THRESHOLD
        head.eval()
        if not len(task.held_out):
            task.notes.append(
                "there are no labelled rows: the figures are unknown, confidence and abstention are rough"
            )
            return Fitted(head, Body(task.encoder), [], 0.0)
        with torch.inference_mode():
            figures = objective.metrics(head, task.held_out.encode(task.encoder), task.held_out.targets)
        return Fitted(head, Body(task.encoder), [{"epoch": 0, **figures}], figures[objective.metric])
