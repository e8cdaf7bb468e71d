"""torch's optimisers, ready at once.

As torch gives them, their first use imports all of ``torch.compile``, only to tell it to keep away: two seconds of each
training, and nothing here is compiled. The methods themselves lie beneath those wrappers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch

Kind = TypeVar("Kind", bound=type[torch.optim.Optimizer])

_WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad", "step")


def _unwrapped(kind: Kind) -> Kind:
    """With the methods beneath the wrappers; a torch that wraps nothing keeps its own."""
    for name in _WRAPPED:
        method = getattr(kind, name)
        method = getattr(method, "__wrapped__", method)
        setattr(kind, name, torch.no_grad()(method) if name == "step" else method)
    return kind


@_unwrapped
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""


@_unwrapped
class LBFGS(torch.optim.LBFGS):
    """L-BFGS (Liu and Nocedal, 1989)."""

    if TYPE_CHECKING:  # torch's own says no types

        def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
            """Up to ``max_iter`` iterations; the loss at the start."""
