"""The training loop."""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from verticals.contract import Progress, Recipe
from verticals.encoder import Encoder, LoraAdapter, bucketed
from verticals.encoder.heads import Head
from verticals.files import write_file

from .objectives import Objective
from .prepared import Prepared, features_of

Report = Callable[[Progress], None]
_SAVE_EVERY_SECONDS = 120.0


@dataclass(slots=True)
class Training:
    """All that changes while a head trains: what a checkpoint must hold to go on exactly.

    Args:
        parameters: trained tensors by name.
        epoch, step: the epoch in progress and the steps of it that are done.
        losses: of those steps.
        best: figures and weights of the best epoch so far.
    """

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
            "best_figure": self.best_figure, "best": self.best, "history": self.history,
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
        torch.set_rng_state(state["random"])
        if state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        self.epoch, self.step, self.best_epoch = state["counters"]
        self.seconds, self.best_figure = state["seconds"], state["best_figure"]
        self.best, self.history, self.losses = state["best"], state["history"], state["losses"]


def train(
    encoder: Encoder,
    adapter: LoraAdapter | None,
    head: Head,
    objective: Objective,
    data: Prepared,
    held_out: Prepared,
    recipe: Recipe,
    checkpoint: Path,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    report: Report | None = None,
) -> tuple[Training, str]:
    """Train a head together with an adapter, or with the whole encoder where ``adapter`` is `None`.

    Each epoch sees every row once, in batches of rows of similar length. The weights that did best on ``held_out``
    are left in place at the end.

    Returns:
        What happened, and ``done``, ``early`` or ``interrupted``.
    """
    torch.manual_seed(recipe.seed)
    head.to(encoder.precision.device)
    state = _begin(encoder, adapter, head, recipe)
    peaks = [group["lr"] for group in state.optimiser.param_groups]  # a checkpoint brings the rates of its last step
    if resume and checkpoint.is_file():
        state.load(checkpoint)
    batches_per_epoch = len(bucketed(data.lengths, rows=recipe.batch_size))
    epochs = recipe.passes(len(data))
    total_steps = batches_per_epoch * epochs
    started = saved = time.monotonic()
    rows_done = 0
    outcome = "done"
    head.train()
    while state.epoch < epochs:
        if recipe.patience and state.epoch - 1 - state.best_epoch >= recipe.patience:
            outcome = "early"
            break
        order = bucketed(
            data.lengths, rows=recipe.batch_size, shuffle=np.random.default_rng([recipe.seed, state.epoch])
        )
        for which in order[state.step :]:
            share = rate(state.epoch * batches_per_epoch + state.step, total_steps, recipe)
            for group, peak in zip(state.optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            with encoder.lock, encoder.bank.train(adapter):
                features = encoder.features(encoder.batch(data.rows, data.flat(which)))
                targets = data.targets[torch.from_numpy(which)].to(features.device)
                loss = objective.loss(head, features.view(len(which), data.views, -1), targets, recipe)
                loss.backward()
            nn.utils.clip_grad_norm_(state.parameters.values(), recipe.max_grad_norm)
            state.optimiser.step()
            state.optimiser.zero_grad(set_to_none=True)
            state.losses.append(loss.detach())
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
        figures = measure(encoder, adapter, head, objective, held_out)
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


def measure(
    encoder: Encoder, adapter: LoraAdapter | None, head: Head, objective: Objective, held_out: Prepared
) -> dict[str, float]:
    """The objective's figures on held-out rows."""
    training, device = head.training, next(head.parameters()).device
    head.eval().cpu()
    with torch.inference_mode():
        features = through(encoder, adapter, held_out)
        figures = objective.metrics(head, features, held_out.targets)
    head.to(device).train(training)
    return figures


def through(encoder: Encoder, adapter: LoraAdapter | None, prepared: Prepared) -> torch.Tensor:
    """Features of prepared rows through an adapter in training."""
    with encoder.lock, encoder.bank.train(adapter):
        return features_of(prepared, encoder)


def rate(step: int, total: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a step: a linear rise, then the recipe's decay."""
    rise = max(1, round(total * recipe.warmup))
    if step < rise:
        return (step + 1) / rise
    gone = (step - rise) / max(1, total - rise)
    if recipe.schedule == "constant":
        return 1.0
    return 1.0 - gone if recipe.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * gone))


def _begin(encoder: Encoder, adapter: LoraAdapter | None, head: Head, recipe: Recipe) -> Training:
    """Choose what is trained and at which rate; matrices decay, vectors don't."""
    body = dict(adapter.named_parameters()) if adapter is not None else _trainable(encoder.model)
    for parameter in body.values():
        parameter.requires_grad_(True)
    named = {f"encoder.{name}": parameter for name, parameter in body.items()}
    named |= {f"head.{name}": parameter for name, parameter in head.named_parameters()}
    body_rate = recipe.learning_rate or (1e-3 if adapter is not None else 1e-4)
    head_rate = recipe.head_learning_rate or 5e-3
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in named.items():
        groups.setdefault((name.startswith("head."), parameter.ndim > 1), []).append(parameter)
    optimiser = torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": head_rate if of_head else body_rate,
                "weight_decay": recipe.weight_decay if matrix else 0.0,
            }
            for (of_head, matrix), parameters in groups.items()
        ],
        fused=True,
    )
    return Training(named, optimiser)


def _trainable(model: nn.Module) -> Mapping[str, nn.Parameter]:
    """All but the word vectors: half the parameters, which a few thousand rows would only disturb."""
    return {name: parameter for name, parameter in model.named_parameters() if "word_embeddings" not in name}


def _progress(state: Training, rows_done: int, rows: int, epochs: int, recipe: Recipe, seconds: float) -> Progress:
    speed = rows_done / max(seconds, 1e-9)
    done = state.epoch * rows + min(rows, state.step * recipe.batch_size)
    metrics = state.history[-1] if state.history else {}
    return Progress("training", done, rows * epochs, "rows", speed, (rows * epochs - done) / speed, metrics)
