"""What a training method is given, and what it gives back."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch

from verticals.contract import FitJob, Progress, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import Head
from verticals.tuning.body import Body
from verticals.tuning.continual import Continuation
from verticals.tuning.objectives import Example, Objective
from verticals.tuning.prepared import Data
from verticals.tuning.processes import ALONE, Processes

Report = Callable[[Progress], None]
History = list[dict[str, float]]


@dataclass(slots=True)
class Floor:
    """The head alone on the frozen encoder's features: what every other method must beat.

    Args:
        head: fitted.
        features, held_features: of the training and the held-out rows.
        history: its figures.
        figure: the best of them by the objective's metric.
    """

    head: Head
    features: torch.Tensor
    held_features: torch.Tensor
    history: History
    figure: float


@dataclass(slots=True)
class Task:
    """One head to train.

    Args:
        job: as the ``fit`` hook sees it.
        recipe: the job's, completed: the epochs are counted.
        objective: has learned from the training rows.
        encoder: the shared one.
        data, held_out: training and held-out rows.
        rows, held_rows: the same as examples, in the same order.
        lent: whether the held-out rows were taken from the training rows.
        checkpoint: the file that an interrupted run goes on from.
        stop: set it to end training at the next step.
        report: told how far it is.
        notes: sentences for the report and the model card.
        choose: whether the epoch that does best on the held-out rows is kept; else the last one is.
        floor: what must be beaten; `None` where the objective has none, or where a version is gone on from.
        continuation: how to go on from a version; `None` to start from the pretrained weights.
        processes: that train together.
        together: the data set versions of all heads trained in this pass, by ``vertical/head``; empty for one alone.
    """

    job: FitJob
    recipe: Recipe
    objective: Objective
    encoder: Encoder
    data: Data
    held_out: Data
    rows: Sequence[Example]
    held_rows: Sequence[Example]
    lent: bool
    checkpoint: Path
    stop: threading.Event
    report: Report
    notes: list[str] = field(default_factory=list)
    choose: bool = True
    floor: Floor | None = None
    continuation: Continuation | None = None
    processes: Processes = ALONE
    together: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fitted:
    """A trained head.

    Args:
        head: with the weights that did best on the held-out rows.
        body: what it stands on.
        history: the figures of each epoch.
        figure: the best by the objective's metric.
        outcome: ``done``, ``early`` or ``interrupted``.
        data, held_out: the rows as this head reads them, where that is otherwise than the task has them.
    """

    head: Head
    body: Body
    history: History
    figure: float
    outcome: str = "done"
    data: Data | None = None
    held_out: Data | None = None


class Method(ABC):
    """One way to train a head. A plugin adds one by adding an instance to `METHODS`.

    Attributes:
        name, summary: for lists.
        needs_rows: whether it needs labelled training rows.
        learns: whether it learns from them; if not, all labelled rows measure and calibrate.
        frugal: for so few rows that none may be wasted: it is measured on a fifth of them, then trained again on all
            where the data set names none to hold out.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs_rows: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    frugal: ClassVar[bool] = False

    @abstractmethod
    def fit(self, task: Task) -> Fitted:
        """Train the head.

        Raises:
            BadInput: the recipe or the rows don't fit the method.
        """
