"""Learning from unlabelled rows: the head labels those it is sure of, and is trained again on them too."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import torch

from verticals.contract import BadInput, Prediction

from .interruption import counter
from .methods import Fitted, Task
from .objectives import Example, of_each
from .prepared import Prepared
from .preparing import with_rows


def with_pseudo_labels(task: Task, fitted: Fitted) -> Task:
    """The task with those unlabelled rows that the calibrated head is sure of (Lee, 2013).

    A row is taken when the head's confidence reaches ``recipe.pseudo_labels`` and it does not abstain. Held-out rows
    stay as they are. A note says how many were taken of each label.

    Raises:
        BadInput: the objective's heads give no labels, or there are no unlabelled rows.
    """
    job, gate = task.job, task.recipe.pseudo_labels
    if not task.objective.labels or task.objective.reads == "words":
        raise BadInput(
            f"recipe: pseudo_labels is {gate}; a {job.objective!r} head gives a row no single label.",
            "Leave it at 0.",
        )
    if not job.unlabelled:
        raise BadInput(
            f"recipe: pseudo_labels is {gate}, but {job.vertical}/{job.head} has no unlabelled training rows.",
            f"Import rows whose {job.target!r} is empty, or leave pseudo_labels at 0.",
        )
    answers = _answers(task, fitted, job.unlabelled)
    sure = [
        {**example, job.target: answer.label}
        for example, answer in zip(job.unlabelled, answers, strict=True)
        if answer.confidence >= gate and not answer.abstained and answer.label is not None
    ]
    taken = Counter(str(example[job.target]) for example in sure)
    per_label = ", ".join(f"{label} {taken[label]}" for label in task.objective.labels if taken[label])
    task.notes.append(
        f"{len(sure)} of {len(answers)} unlabelled rows were learned from, with labels the head gave with a confidence "
        f"of {gate} or more" + (f": {per_label}" if per_label else "")
    )
    return dataclasses.replace(with_rows(task, sure), checkpoint=task.checkpoint.with_name("checkpoint-pseudo.pt"))


def _answers(task: Task, fitted: Fitted, examples: Sequence[Example]) -> list[Prediction]:
    head = fitted.head
    texts = [text for several in of_each(examples, "train (unlabelled)", head.texts) for text in several]
    rows = task.encoder.tokens(texts, task.recipe.extent, head.reads)
    data = Prepared(rows, torch.zeros(len(examples), dtype=torch.long), len(texts) // len(examples), head.reads)
    features = fitted.body.encode(data, counter(task.report, "labelling", len(texts), task.stop))
    with torch.inference_mode():
        return head.answer(features.flatten(0, 1), examples)
