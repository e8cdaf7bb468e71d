"""The training loop."""

from __future__ import annotations

import dataclasses
import io
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from verticals.contract import BadInput, Progress, Recipe, Unavailable
from verticals.encoder import bucketed
from verticals.encoder.heads import Head
from verticals.files import write_file

from .adversarial import adversary
from .body import Body
from .fairness import gap_penalty
from .lower import through_lower
from .objectives import Objective
from .optimiser import make_optimiser, rate
from .prepared import Change, Data, Prepared
from .sampling import epoch_order

Report = Callable[[Progress], None]
Penalty = Callable[[], torch.Tensor]
_SAVE_EVERY_SECONDS = 120.0


@dataclass(slots=True)
class Training:
    """All that changes while a head trains: what a checkpoint must hold to go on exactly.

    Args:
        body: what is trained below the head.
        parameters: trained tensors by name.
        epoch, step: the epoch in progress and the steps of it that are done.
        losses: of those steps.
        best: figures and weights of the best epoch so far.
    """

    body: Body
    parameters: dict[str, nn.Parameter]
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_figure: float = -math.inf
    best_epoch: int = -1
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)

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

    def save(self, path: Path) -> None:
        """Write a checkpoint in one step."""
        state = {
            "parameters": {name: parameter.detach() for name, parameter in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(), "random": torch.get_rng_state(), "losses": self.losses,
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            "counters": [self.epoch, self.step, self.best_epoch], "seconds": self.seconds,
            "best_figure": self.best_figure, "best": self.best, "history": self.history, "body": self.body.remember(),
        }  # fmt: skip
        content = io.BytesIO()
        torch.save(state, content)
        write_file(path, content.getvalue())

    def load(self, path: Path) -> None:
        """Go back to a checkpoint."""
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.body.recall(state["body"])
        torch.set_rng_state(state["random"])
        if state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        self.epoch, self.step, self.best_epoch = state["counters"]
        self.seconds, self.best_figure = state["seconds"], state["best_figure"]
        self.best, self.history, self.losses = state["best"], state["history"], state["losses"]


def train(
    body: Body,
    head: Head,
    objective: Objective,
    data: Data,
    held_out: Data,
    recipe: Recipe,
    checkpoint: Path,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    report: Report | None = None,
    penalty: Penalty | None = None,
) -> tuple[Training, str]:
    """Train a head together with the body below it.

    Each epoch sees every row once (or as the recipe samples them), in batches of rows of similar length. The weights
    that did best on ``held_out`` are left in place at the end.

    Args:
        body: the encoder with what of it is trained.
        head: on top.
        objective: of the head.
        data, held_out: training and held-out rows.
        recipe: how to train.
        checkpoint: the file that an interrupted run goes on from.
        resume: go on from it, if it is there.
        stop: set it to end after the step with a checkpoint.
        report: told how far it is.
        penalty: added to each step's loss.

    Returns:
        What happened, and ``done``, ``early`` or ``interrupted``.
    """
    torch.manual_seed(recipe.seed)
    head.to(body.encoder.precision.device)
    data, held_out = _frozen_below(body, data, recipe), _frozen_below(body, held_out, recipe)
    state = _begin(body, head, recipe)
    peaks = [group["lr"] for group in state.optimiser.param_groups]  # a checkpoint brings the rates of its last step
    if resume and checkpoint.is_file():
        state.load(checkpoint)
    step = Step(body, head, objective, data, recipe, penalty)
    steps_per_epoch = len(bucketed(data.lengths, rows=recipe.batch_size))
    epochs = recipe.passes(len(data))
    started = saved = time.monotonic()
    rows_done = 0
    outcome = "done"
    head.train()
    while state.epoch < epochs:
        if recipe.patience and state.epoch - 1 - state.best_epoch >= recipe.patience:
            outcome = "early"
            break
        for which in epoch_order(data, recipe, state.epoch)[state.step :]:
            share = rate(state.epoch * steps_per_epoch + state.step, steps_per_epoch * epochs, recipe)
            for group, peak in zip(state.optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            state.losses.append(step(which))
            nn.utils.clip_grad_norm_(state.parameters.values(), recipe.max_grad_norm)
            state.optimiser.step()
            if body.after_step is not None:
                body.after_step(state.epoch * steps_per_epoch + state.step)
            state.optimiser.zero_grad(set_to_none=True)
            state.step += 1
            rows_done += len(which)
            now = time.monotonic()
            if report is not None:
                report(_progress(state, rows_done, len(data), epochs, recipe, now - started))
            if stop is not None and stop.is_set():
                outcome = "interrupted"
                break
            if now - saved > _SAVE_EVERY_SECONDS:
                state.save(checkpoint)
                saved = now
        if outcome == "interrupted":
            break
        figures = measure(body, head, objective, held_out)
        state.keep_best(figures[objective.metric])
        mean_loss = float(torch.stack([loss.cpu() for loss in state.losses]).mean())
        state.history.append({"epoch": state.epoch + 1, "loss": mean_loss, **figures})
        state.epoch, state.step, state.losses = state.epoch + 1, 0, []
        state.save(checkpoint)
        saved = time.monotonic()
    state.seconds += time.monotonic() - started
    if outcome == "interrupted":
        state.save(checkpoint)
    else:
        state.restore_best()
    head.eval().cpu()
    return state, outcome


class Step:
    """The gradients of one step: the objective's, the attacked rows', the penalties'.

    Args:
        body, head, objective, data, recipe, penalty: see `train`.
    """

    def __init__(
        self, body: Body, head: Head, objective: Objective, data: Data, recipe: Recipe, penalty: Penalty | None
    ) -> None:
        self.body, self.head, self.objective, self.data, self.recipe = body, head, objective, data, recipe
        self.penalties = [extra for extra in (penalty, body.penalty) if extra is not None]
        self.micro = recipe.micro_batch

    def __call__(self, which: np.ndarray) -> torch.Tensor:
        """Add the gradients of the examples ``which``; their mean loss. Halves the micro-batch when memory runs out."""
        encoder = self.body.encoder
        while True:
            try:
                total = torch.zeros((), device=encoder.precision.device)
                for part in self._parts(which):
                    with encoder.lock, encoder.bank.train(self.body.adapter):
                        loss = self._loss(part, None) * (len(part) / len(which))
                        loss.backward()
                        if self.recipe.adversarial != "none":
                            adversary(self.recipe, lambda change, part=part: self._loss(part, change))  # type: ignore[misc]
                    total += loss.detach()
            except RuntimeError as error:
                self.micro = self._smaller(which, error)
                for parameter in (*self.body.parameters.values(), *self.head.parameters()):
                    parameter.grad = None
                continue
            for extra in self.penalties:
                extra().backward()
            return total

    def _parts(self, which: np.ndarray) -> Iterator[np.ndarray]:
        size = self.micro or len(which)
        for start in range(0, len(which), size):
            yield which[start : start + size]

    def _loss(self, which: np.ndarray, change: Change | None) -> torch.Tensor:
        features = self.data.forward(self.body.encoder, which, change)
        with computing(self.body, self.objective):
            losses = self.objective.losses(self.head, features, self.data.targets_of(which, features), self.recipe)
        if self.recipe.fairness and self.data.groups is not None:
            groups = self.data.groups[torch.from_numpy(which)].to(losses.device)
            return losses.mean() + self.recipe.fairness * gap_penalty(losses, groups)
        return losses.mean()

    def _smaller(self, which: np.ndarray, error: RuntimeError) -> int:
        """Half of what was tried; raises the error again where it is another, or where nothing is left to halve."""
        tried = min(self.micro or len(which), len(which))
        short = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not short or self.objective.compared:
            raise error
        if tried == 1:
            raise Unavailable(
                "Memory runs out with a single row.",
                "Set a smaller max_tokens, checkpointing=true or frozen_layers, or train on a larger machine.",
            ) from error
        return tried // 2


def computing(body: Body, objective: Objective) -> AbstractContextManager[Any]:
    """The precision in which a head computes: a network of its own has the encoder's, other heads fp32."""
    return body.encoder.precision.autocast() if objective.reads == "itself" else nullcontext()


def measure(body: Body, head: Head, objective: Objective, held_out: Data) -> dict[str, float]:
    """The objective's figures on held-out rows."""
    training, device = head.training, next(head.parameters()).device
    head.eval()
    if objective.reads != "itself":  # a whole network is measured where it computes
        head.cpu()
    with torch.inference_mode(), computing(body, objective):
        figures = objective.metrics(head, body.encode(held_out), held_out.targets)
    head.to(device).train(training)
    return figures


def _frozen_below(body: Body, data: Data, recipe: Recipe) -> Data:
    """The rows with what the frozen lower layers give of them, where the encoder can be entered above these."""
    depth = body.encoder.model.depth
    if not recipe.frozen_layers or not depth or not isinstance(data, Prepared):
        return data
    if recipe.frozen_layers >= depth:
        raise BadInput(
            f"recipe: frozen_layers is {recipe.frozen_layers}; the encoder has {depth} layers.",
            "Freeze fewer, or use the method 'head'.",
        )
    lower = through_lower(data.rows, body.encoder, recipe.frozen_layers)
    return dataclasses.replace(data, lower=lower)


def _begin(body: Body, head: Head, recipe: Recipe) -> Training:
    for parameter in body.parameters.values():
        parameter.requires_grad_(True)
    of_head = {name: parameter for name, parameter in head.named_parameters() if parameter.requires_grad}
    below = {**body.parameters, **head.below}
    above = {name: parameter for name, parameter in of_head.items() if name not in head.below}
    optimiser = make_optimiser(below, above, recipe, body.rate, body.encoder.model.depth)
    named = {f"encoder.{name}": parameter for name, parameter in body.parameters.items()}
    return Training(body, named | {f"head.{name}": parameter for name, parameter in of_head.items()}, optimiser)


def _progress(state: Training, rows_done: int, rows: int, epochs: int, recipe: Recipe, seconds: float) -> Progress:
    speed = rows_done / max(seconds, 1e-9)
    done = state.epoch * rows + min(rows, state.step * recipe.batch_size)
    metrics = state.history[-1] if state.history else {}
    return Progress("training", done, rows * epochs, "rows", speed, (rows * epochs - done) / speed, metrics)
