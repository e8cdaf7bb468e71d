"""Training in several processes, as `torchrun` starts them: each computes a share of every step."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class Processes:
    """The processes that train together; one alone by default.

    Args:
        rank: of this one, from 0.
        count: of all.
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, which: np.ndarray) -> np.ndarray:
        """This process's examples of a step."""
        return which[self.rank :: self.count]

    def add_up(self, parameters: Sequence[nn.Parameter], loss: torch.Tensor) -> None:
        """Sum gradients and loss over all processes, in one message."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([loss.reshape(1).to(grads[0].dtype), *(grad.flatten() for grad in grads)])
        torch.distributed.all_reduce(together)
        loss.copy_(together[0])
        for grad, summed in zip(grads, together[1:].split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(summed.view_as(grad))

    def any(self, value: bool) -> bool:
        """Whether it is so in any of them."""
        if self.count == 1:
            return value
        told = torch.tensor(int(value))
        torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
        return bool(told)


ALONE = Processes()


def current() -> Processes:
    """The processes that have joined; this one alone where there are no others."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return ALONE
    return Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes that `torchrun` started, while the block lasts."""
    # Gloo carries the small messages on the CPU; gradients on a GPU go through NCCL.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
