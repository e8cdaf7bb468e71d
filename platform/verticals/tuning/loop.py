"""The training loop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from verticals.contract import Progress, Recipe

from .averaging import Average
from .body import Body
from .checkpoint import origin_of, read_checkpoint, write_checkpoint
from .optimiser import rate
from .processes import ALONE, Processes
from .step import Step
from .work import Together, Work

Report = Callable[[Progress], None]
_SAVE_EVERY_SECONDS = 120.0
_TELL_EVERY_SECONDS = 0.5


@dataclass(slots=True)
class Training:
    """All that changes while a head trains: what a checkpoint must hold to go on exactly.

    Args:
        body: what is trained below the head.
        parameters: trained tensors by name.
        origin: what training stands on.
        epoch, step: the epoch in progress and the steps of it that are done.
        average: the running mean of the trained tensors, which is what is measured and kept.
        losses: of those steps.
        best: figures and weights of the best epoch so far.
    """

    body: Body
    parameters: dict[str, nn.Parameter]
    origin: dict[str, str]
    optimiser: torch.optim.Optimizer
    average: Average
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_figure: float = -math.inf
    best_epoch: int = -1
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    newest: dict[str, float] = field(default_factory=dict)

    def keep_best(self, figure: float) -> None:
        """Remember the weights of this epoch when its figure is the best so far."""
        if figure > self.best_figure:
            self.best_figure, self.best_epoch = figure, self.epoch
            self.best = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def restore_best(self) -> None:
        """Put the weights of the best epoch back."""
        with torch.no_grad():
            for name, tensor in self.best.items():
                self.parameters[name].copy_(tensor)

    def told(self, loss: float, learning_rate: float) -> None:
        """Remember how training goes, for the next reports."""
        self.newest = {"loss": loss, "learning_rate": learning_rate, "epoch": float(self.epoch + 1)}

    def progress(
        self,
        rows_done: int,
        rows: int,
        epochs: int,
        recipe: Recipe,
        seconds: float,
        figures: Mapping[str, float] | None = None,
    ) -> Progress:
        """How far training is; with the ``figures`` of the epoch that ended, else with the newest loss and rate."""
        speed = rows_done / max(seconds, 1e-9)
        done = self.epoch * rows + min(rows, self.step * recipe.batch_size)
        left = (rows * epochs - done) / max(speed, 1e-9)
        return Progress("training", done, rows * epochs, "rows", speed, left, figures or self.newest)

    def save(self, path: Path) -> None:
        """Write a checkpoint in one step."""
        state = {
            "parameters": {name: parameter.detach() for name, parameter in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(), "random": torch.get_rng_state(), "losses": self.losses,
            "average": self.average.mean,
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            "counters": [self.epoch, self.step, self.best_epoch], "seconds": self.seconds,
            "best_figure": self.best_figure, "best": self.best, "history": self.history, "body": self.body.remember(),
        }  # fmt: skip
        write_checkpoint(path, state, self.origin)

    def load(self, path: Path) -> None:
        """Go back to a checkpoint."""
        state = read_checkpoint(path, self.origin)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.recall(state["average"])
        self.body.recall(state["body"])
        torch.set_rng_state(state["random"])
        if state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        self.epoch, self.step, self.best_epoch = state["counters"]
        self.seconds, self.best_figure = state["seconds"], state["best_figure"]
        self.best, self.history, self.losses = state["best"], state["history"], state["losses"]


def train(
    work: Work | Together,
    recipe: Recipe,
    checkpoint: Path,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    report: Report | None = None,
    processes: Processes = ALONE,
    choose: bool = True,
    note: Callable[[str], None] | None = None,
) -> tuple[Training, str]:
    """Train until the recipe's epochs are done or the held-out figures no longer improve.

    Each epoch sees every row once (or as the recipe samples them), in batches of rows of similar length. The weights
    that did best on the held-out rows are left in place at the end, or the last ones.

    Args:
        work: what is trained on what.
        recipe: how to train.
        checkpoint: the file that an interrupted run goes on from.
        resume: go on from it, if it is there.
        stop: set it to end after the step with a checkpoint.
        report: told how far it is.
        processes: that train together.
        choose: whether the epoch that does best is kept; else the last one is.
        note: told at the end that memory ran out and how that was met.

    Returns:
        What happened, and ``done``, ``early`` or ``interrupted``.
    """
    torch.manual_seed(recipe.seed + processes.rank)
    state = _begin(work, recipe)
    peaks = [group["lr"] for group in state.optimiser.param_groups]  # a checkpoint brings the rates of its last step
    if resume and checkpoint.is_file():
        state.load(checkpoint)
    step = Step(work, list(state.parameters.values()), recipe, processes)
    steps_per_epoch = len(work.order(0))
    epochs = recipe.passes(len(work))
    started = saved = time.monotonic()
    told = 0.0
    rows_done = 0
    outcome = "done"
    while state.epoch < epochs:
        if recipe.patience and state.epoch - 1 - state.best_epoch >= recipe.patience:
            outcome = "early"
            break
        for which in work.order(state.epoch)[state.step :]:
            share = rate(state.epoch * steps_per_epoch + state.step, steps_per_epoch * epochs, recipe)
            for group, peak in zip(state.optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            state.losses.append(step(which))
            nn.utils.clip_grad_norm_(state.parameters.values(), recipe.max_grad_norm)
            state.optimiser.step()
            state.average.update(state.epoch * steps_per_epoch + state.step)
            if work.body.after_step is not None:
                work.body.after_step(state.epoch * steps_per_epoch + state.step)
            state.optimiser.zero_grad(set_to_none=True)
            state.step += 1
            rows_done += len(which)
            now = time.monotonic()
            if report is not None:
                if now - told > _TELL_EVERY_SECONDS:  # looking at the loss waits for the device
                    state.told(float(state.losses[-1]), peaks[0] * share)
                    told = now
                report(state.progress(rows_done, len(work), epochs, recipe, now - started))
            if processes.any(stop is not None and stop.is_set()):
                outcome = "interrupted"
                break
            if now - saved > _SAVE_EVERY_SECONDS and processes.first:
                state.save(checkpoint)
                saved = now
        if outcome == "interrupted":
            break
        with state.average.in_place():
            figures = work.measure()
            state.keep_best(figures[work.metric] if choose else state.epoch)
        mean_loss = float(torch.stack([loss.cpu() for loss in state.losses]).mean())
        state.history.append({"epoch": state.epoch + 1, "loss": mean_loss, **figures})
        if report is not None:
            report(state.progress(rows_done, len(work), epochs, recipe, time.monotonic() - started, state.history[-1]))
        state.epoch, state.step, state.losses = state.epoch + 1, 0, []
        if processes.first:
            state.save(checkpoint)
        saved = time.monotonic()
    if note is not None and step.micro != recipe.micro_batch:
        note(
            f"memory ran out with {recipe.micro_batch or recipe.batch_size} rows at once: {step.micro} at once were "
            f"computed instead (micro_batch={step.micro} spares the attempts)"
        )
    state.seconds += time.monotonic() - started
    if outcome != "interrupted":
        state.restore_best()
    elif processes.first:
        state.save(checkpoint)
    work.end()
    return state, outcome


def _begin(work: Work | Together, recipe: Recipe) -> Training:
    optimiser = work.begin()
    named = {f"encoder.{name}": parameter for name, parameter in work.body.parameters.items()}
    named |= {f"head.{name}": parameter for name, parameter in work.heads.items()}
    return Training(work.body, named, origin_of(work), optimiser, Average(named, recipe.averaging))
