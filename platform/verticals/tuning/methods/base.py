"""What a training method is given, and what it gives back."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch

from verticals.contract import FitJob, Progress, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import Head
from verticals.tuning.body import Body
from verticals.tuning.continual import Continuation
from verticals.tuning.objectives import Objective
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
        checkpoint: the file that an interrupted run goes on from.
        stop: set it to end training at the next step.
        report: told how far it is.
        processes: that train together.
        notes: sentences for the report and the model card.
        floor: what must be beaten; `None` where the objective has none, or where a version is gone on from.
        continuation: how to go on from a version; `None` to start from the pretrained weights.
    """

    job: FitJob
    recipe: Recipe
    objective: Objective
    encoder: Encoder
    data: Data
    held_out: Data
    checkpoint: Path
    stop: threading.Event
    report: Report
    notes: list[str] = field(default_factory=list)
    floor: Floor | None = None
    continuation: Continuation | None = None
    processes: Processes = ALONE


@dataclass(slots=True)
class Fitted:
    """A trained head.

    Args:
        head: with the weights that did best on the held-out rows.
        body: what it stands on.
        history: the figures of each epoch.
        figure: the best by the objective's metric.
        outcome: ``done``, ``early`` or ``interrupted``.
    """

    head: Head
    body: Body
    history: History
    figure: float
    outcome: str = "done"


class Method(ABC):
    """One way to train a head. A plugin adds one by adding an instance to `METHODS`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    needs_rows: ClassVar[bool] = True  # whether it needs labelled training rows

    @abstractmethod
    def fit(self, task: Task) -> Fitted:
        """Train the head.

        Raises:
            BadInput: the recipe or the rows don't fit the method.
        """
