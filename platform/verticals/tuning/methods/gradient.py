"""Methods that train by gradients through the encoder; they differ in what of it they train."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod

from verticals.contract import BadInput
from verticals.encoder.heads import Head
from verticals.tuning.body import USUAL, Body, full_body, lora_body
from verticals.tuning.linear import fit_head
from verticals.tuning.loop import train
from verticals.tuning.work import Work

from .base import Fitted, Method, Task


class HeadOnly(Method):
    """The floor itself."""

    name = "head"
    summary = "only the head, on cached features of the frozen encoder: seconds"

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        floor = task.floor
        if floor is None:
            raise BadInput(
                f"The method 'head' does not fit the objective {task.job.objective!r}.", "Leave the method at 'auto'."
            )
        return Fitted(floor.head, Body(task.encoder), floor.history, floor.figure)


class Imported(Method):
    """An adapter made elsewhere, as it is, with a head fitted on what the encoder gives through it."""

    name = "adapter"
    summary = "a LoRA adapter that peft made elsewhere, as it is, and the head: seconds"

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        if not task.recipe.adapter or task.objective.reads == "itself":
            raise BadInput(
                "The method 'adapter' needs an adapter, and a head that reads the encoder.",
                "Name its folder: --set adapter=FOLDER.",
            )
        body = lora_body(task.encoder, task.recipe)
        head = task.objective.head(task.encoder.dimension, task.recipe)
        train, held = ((body.encode(part), part.targets) for part in (task.data, task.held_out))
        history = fit_head(head, task.objective, train, held, task.recipe)
        figure = max(figures[task.objective.metric] for figures in history)
        return Fitted(head, dataclasses.replace(body, parameters={}), history, figure)


def starting_head(task: Task) -> Head:
    """A new head; one that is fitted to the frozen features already, where the recipe says so."""
    if task.floor is not None and task.recipe.head_start == "fitted":
        return copy.deepcopy(task.floor.head)  # the floor itself stays, to fall back to
    return task.objective.head(task.encoder.dimension, task.recipe)


class Gradient(Method):
    """Train head and body together, epoch by epoch."""

    @abstractmethod
    def body(self, task: Task) -> Body:
        """What is trained below the head."""

    def fit(self, task: Task) -> Fitted:
        """See `Method.fit`."""
        body = self.body(task)
        head = starting_head(task)
        if task.continuation is not None:
            task.continuation.begin(body, head, task.held_out)
        work = Work(body, head, task.objective, task.data, task.held_out, task.recipe)
        if task.continuation is not None:
            task.continuation.hold_back(work)
        state, outcome = train(
            work, task.recipe, task.checkpoint,
            resume=task.job.resume, stop=task.stop, report=task.report, processes=task.processes,
            choose=task.choose, note=task.notes.append,
        )  # fmt: skip
        return Fitted(head, body, state.history, state.best_figure, outcome)


class Lora(Gradient):
    """Low-rank adapters on one linear layer in six, or on others (Hu et al., 2021, arXiv:2106.09685).

    Those that follow attention learn as much as all, and take a fourth of the memory and of the time to be served.

    Options: rsLoRA's scaling (Kalajdzievski, 2023, arXiv:2312.03732), LoRA+'s rates (Hayou et al., 2024,
    arXiv:2402.12354), DoRA's magnitudes, which the bank does not know: such a head has a copy of its own.
    """

    name = "lora"
    summary = "a low-rank adapter in the shared bank, and the head"

    def body(self, task: Task) -> Body:
        """See `Gradient.body`."""
        if task.recipe.dora:
            from .peft import Dora

            return Dora().body(task)
        own = task.continuation.adapted if task.continuation is not None else ()
        return lora_body(task.encoder, task.recipe, ",".join(own) or USUAL)


class Full(Gradient):
    """All layers above the frozen ones, and the word vectors where the recipe says so."""

    name = "full"
    summary = "a private copy of the encoder, and the head"

    def body(self, task: Task) -> Body:
        """See `Gradient.body`."""
        return full_body(task.encoder, task.recipe)


class Network(Gradient):
    """For objectives whose heads are whole networks, such as those of images."""

    name = "network"
    summary = "the head's own network, for objectives that have one"

    def body(self, task: Task) -> Body:
        """See `Gradient.body`."""
        if task.objective.reads != "itself":
            raise BadInput(f"A {task.job.objective!r} head has no network of its own.", "Leave the method at 'auto'.")
        return Body(task.encoder, rate=task.objective.rate(task.recipe))
