"""What the loop trains: one head on its body, or several heads on one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from verticals.contract import BadInput, Recipe
from verticals.encoder.heads import Head

from .body import Body
from .fairness import gap_penalty
from .losses import supervised_contrast
from .lower import through_lower
from .objectives import Classify, Objective
from .optimiser import make_optimiser
from .prepared import Change, Data, Prepared
from .sampling import epoch_order

Penalty = Callable[[], torch.Tensor]


class Work:
    """One head to train together with the body below it.

    Args:
        body: the encoder with what of it is trained.
        head: on top.
        objective: of the head.
        data, held_out: training and held-out rows.
        recipe: how to train.
        penalty: added to each step's loss.
    """

    def __init__(
        self,
        body: Body,
        head: Head,
        objective: Objective,
        data: Data,
        held_out: Data,
        recipe: Recipe,
        penalty: Penalty | None = None,
    ) -> None:
        self.body, self.head, self.objective, self.recipe, self.penalty = body, head, objective, recipe, penalty
        self.data, self.held_out = (_frozen_below(body, part, recipe) for part in (data, held_out))
        self.lengths = self.data.lengths  # cost of each example
        self.metric = objective.metric
        self.whole = objective.compared or recipe.contrastive > 0  # whether a step's rows cannot be computed in parts
        if recipe.contrastive and not isinstance(objective, Classify):
            raise BadInput("recipe: contrastive is for heads that classify texts.", "Set contrastive=0.")
        self._anchors: torch.Tensor | None = None  # where the rows' vectors were before, of length 1, fp16
        if recipe.anchor:
            if not isinstance(objective, Classify) or objective.reads == "itself":
                raise BadInput("recipe: anchor is for heads that classify texts.", "Set anchor=0.")
            self._anchors = functional.normalize(body.encode(self.data)[:, 0], dim=-1).half()

    def __len__(self) -> int:
        return len(self.data)

    @property
    def heads(self) -> Mapping[str, nn.Parameter]:
        """The trained weights of the head, by name."""
        return {name: parameter for name, parameter in self.head.named_parameters() if parameter.requires_grad}

    @property
    def rates(self) -> tuple[Mapping[str, nn.Parameter], Mapping[str, nn.Parameter]]:
        """The weights that learn at the body's rate, and those that learn at the head's."""
        below = {**self.body.parameters, **self.head.below}
        return below, {name: parameter for name, parameter in self.heads.items() if name not in self.head.below}

    def begin(self) -> torch.optim.Optimizer:
        """Make ready to train; the optimiser of all that is trained."""
        self.head.to(self.body.encoder.precision.device).train()
        model = self.body.encoder.model
        model.checkpointing, model.dropout = self.recipe.checkpointing, self.recipe.encoder_dropout
        for parameter in self.body.parameters.values():
            parameter.requires_grad_(True)
        depth = self.body.encoder.model.depth
        return make_optimiser(*self.rates, self.recipe, self.body.rate, depth)

    def end(self) -> None:
        """Leave the head ready to answer."""
        self.head.eval().cpu()
        model = self.body.encoder.model
        model.checkpointing, model.dropout = False, 0.0

    def order(self, epoch: int) -> list[np.ndarray]:
        """The epoch's steps: which examples each sees. The same whatever happened before."""
        return epoch_order(self.data, self.recipe, epoch)

    def loss(self, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """Mean loss of the examples ``which``, their input vectors changed by ``change``."""
        features = self.data.forward(self.body.encoder, which, change)
        with self._computing():
            targets = self.data.targets_of(which, features)
            losses = self.objective.losses(self.head, features, targets, self.recipe)
        if self.recipe.contrastive or self._anchors is not None:
            directions = functional.normalize(features[:, 0].float(), dim=-1)
        if self.recipe.contrastive:
            losses = losses + self.recipe.contrastive * supervised_contrast(directions, targets)
        if self._anchors is not None:
            before = self._anchors[torch.from_numpy(which)].to(directions)
            losses = losses + self.recipe.anchor * (1 - (directions * before).sum(dim=-1))
        if self.recipe.fairness and self.data.groups is not None:
            groups = self.data.groups[torch.from_numpy(which)].to(losses.device)
            return losses.mean() + self.recipe.fairness * gap_penalty(losses, groups)
        return losses.mean()

    def idle(self, which: np.ndarray) -> Sequence[nn.Parameter]:
        """Trained weights that a step on the examples ``which`` leaves alone."""
        return ()

    def measure(self) -> dict[str, float]:
        """The objective's figures on the held-out rows."""
        with _answering(self.head), torch.inference_mode(), self._computing():
            return self.objective.metrics(self.head, self.body.encode(self.held_out), self.held_out.targets)

    def _computing(self) -> AbstractContextManager[Any]:
        """The precision in which the head computes: a network of its own has the encoder's, other heads fp32."""
        own = self.objective.reads == "itself"
        return self.body.encoder.precision.autocast() if own else nullcontext()


class Together:
    """Several heads trained in one pass on one body; each step belongs to one of them.

    The heads learn from one another through the body (multi-task learning: Caruana, 1997). The loop keeps the
    weights that do best by the mean of the heads' metrics.

    Args:
        works: by the head's name; they share one body and one recipe.
    """

    metric = "mean"

    def __init__(self, works: Mapping[str, Work]) -> None:
        self.works = dict(works)
        self._listed: Sequence[Work] = list(works.values())
        self._starts = np.cumsum([0, *(len(work) for work in self._listed)])
        self.lengths = np.concatenate([work.lengths for work in self._listed])
        first = self._listed[0]
        self.body, self.recipe, self.penalty = first.body, first.recipe, first.penalty
        self.whole = any(work.whole for work in self._listed)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def heads(self) -> Mapping[str, nn.Parameter]:
        """The weights of all heads, by name."""
        return {f"{name}.{key}": value for name, work in self.works.items() for key, value in work.heads.items()}

    def begin(self) -> torch.optim.Optimizer:
        """See `Work.begin`."""
        above: dict[str, nn.Parameter] = {}
        for name, work in self.works.items():
            work.begin()
            above |= {f"{name}.{key}": value for key, value in work.rates[1].items()}
        depth = self.body.encoder.model.depth
        return make_optimiser(self.body.parameters, above, self.recipe, self.body.rate, depth)

    def end(self) -> None:
        """See `Work.end`."""
        for work in self._listed:
            work.end()

    def order(self, epoch: int) -> list[np.ndarray]:
        """See `Work.order`: the heads' steps at random among each other."""
        steps = [
            which + start
            for work, start in zip(self._listed, self._starts[:-1], strict=True)
            for which in work.order(epoch)
        ]
        return [steps[at] for at in np.random.default_rng([self.recipe.seed, epoch, 1]).permutation(len(steps))]

    def loss(self, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """See `Work.loss`."""
        place = self._owner(which)
        return self._listed[place].loss(which - self._starts[place], change)

    def idle(self, which: np.ndarray) -> Sequence[nn.Parameter]:
        """See `Work.idle`: the other heads' weights."""
        owner = self._listed[self._owner(which)]
        return [weight for work in self._listed if work is not owner for weight in work.heads.values()]

    def measure(self) -> dict[str, float]:
        """The mean of the heads' metrics, and the figures of each with its name before them."""
        figures: dict[str, float] = {}
        for name, work in self.works.items():
            figures |= {f"{name} {key}": value for key, value in work.measure().items()}
        metrics = [figures[f"{name} {work.metric}"] for name, work in self.works.items()]
        return {self.metric: sum(metrics) / len(metrics), **figures}

    def _owner(self, which: np.ndarray) -> int:
        """Place of the head that a step belongs to."""
        return int(np.searchsorted(self._starts, which[0], side="right")) - 1


def figures_of(name: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Of figures that several heads share those of one, and those of all."""
    own = f"{name} "
    return {key.removeprefix(own): value for key, value in figures.items() if " " not in key or key.startswith(own)}


@contextmanager
def _answering(head: Head) -> Iterator[None]:
    """Within the block the head answers as in serving: on the CPU, unless it is a whole network."""
    training, device = head.training, next(head.parameters()).device
    head.eval()
    if head.reads != "itself":
        head.cpu()
    try:
        yield
    finally:
        head.to(device).train(training)


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
    return dataclasses.replace(data, lower=through_lower(data.rows, body.encoder, recipe.frozen_layers))
