"""One step of training: gradients, within the memory there is and over all processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import nn

from verticals.contract import Recipe, Unavailable
from verticals.encoder.batches import bucketed, tokens_at_once
from verticals.encoder.precision import return_freed_memory

from .adversarial import adversary
from .prepared import Change
from .processes import Processes
from .work import Together, Work

# What torch, and what oneDNN beneath it, say on a CPU; the second may mean something else, so one row must be tried.
_SHORT_OF_MEMORY = ("can't allocate memory", "could not create a primitive")


class Step:
    """Adds up the gradients of one step: the objective's, the attacked rows', the penalty's.

    Args:
        work: what is trained.
        parameters: all that is trained.
        recipe: for ``micro_batch`` and ``adversarial``.
        processes: that share the step's rows.
    """

    def __init__(
        self, work: Work | Together, parameters: list[nn.Parameter], recipe: Recipe, processes: Processes
    ) -> None:
        self.work, self.parameters, self.recipe, self.processes = work, parameters, recipe, processes
        self.micro = recipe.micro_batch

    def __call__(self, which: np.ndarray) -> torch.Tensor:
        """Add the gradients of the examples ``which``; their mean loss. Halves the micro-batch when memory runs out."""
        own = which if self.work.whole else self.processes.share(which)
        while (loss := self._tried(own, len(which))) is None:
            return_freed_memory()  # here, where the error and all that its traceback held are gone
        if not self.work.whole:
            self.processes.add_up(self.parameters, loss)
            for parameter in self.work.idle(which):  # the sum over processes has made a gradient of zeros
                parameter.grad = None
        for penalty in (self.work.penalty, self.work.body.penalty):
            if penalty is not None:
                penalty().backward()
        return loss

    def _tried(self, which: np.ndarray, rows: int) -> torch.Tensor | None:
        try:
            return self._gradients(which, rows)
        except RuntimeError as error:
            self.micro = self._smaller(which, error)
            for parameter in self.parameters:
                parameter.grad = None
        return None

    def _gradients(self, which: np.ndarray, rows: int) -> torch.Tensor:
        encoder = self.work.body.encoder
        total = torch.zeros((), device=encoder.precision.device)
        for part in self._parts(which):
            share = len(part) / rows
            with encoder.lock, encoder.bank.train(self.work.body.adapter):
                loss_of = partial(self._loss, part, share)
                if self.recipe.adversarial == "none":
                    loss = loss_of()
                    loss.backward()
                else:
                    loss = adversary(self.recipe, loss_of)
            total += loss.detach()
        return total

    def _loss(self, part: np.ndarray, share: float, change: Change | None = None) -> torch.Tensor:
        return self.work.loss(part, change) * share

    def _parts(self, which: np.ndarray) -> Iterator[np.ndarray]:
        """What is computed at once: few rows where memory ran out before, and not too many tokens."""
        size = self.micro or max(1, len(which))
        tokens = 1 << 30 if self.work.whole else tokens_at_once(self.work.body.encoder.precision.device)
        for start in range(0, len(which), size):
            some = which[start : start + size]
            for part in bucketed(self.work.lengths[some], rows=size, tokens=tokens):
                yield some[part]

    def _smaller(self, which: np.ndarray, error: RuntimeError) -> int:
        """Half of what was tried; raises the error again where it is another, or where nothing is left to halve."""
        tried = min(self.micro or len(which), len(which))
        short = isinstance(error, torch.OutOfMemoryError) or any(told in str(error) for told in _SHORT_OF_MEMORY)
        if not short or (tried == 1 and _SHORT_OF_MEMORY[1] in str(error)):
            raise error
        if self.work.whole:
            raise Unavailable(
                f"Memory runs out with {tried} rows, which this training compares with each other all at once.",
                "Set a smaller batch_size or max_tokens, or checkpointing=true, or train on a larger machine.",
            ) from error
        if tried == 1:
            raise Unavailable(
                "Memory runs out with a single row.",
                "Set a smaller max_tokens, checkpointing=true or frozen_layers, or train on a larger machine.",
            ) from error
        return tried // 2
