"""The running mean of the trained weights, which is steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """Exponential moving average of weights (Polyak and Juditsky, 1992; Izmailov et al., 2018, arXiv:1803.05407).

    The first steps count less than ``decay`` says, so that the random start is soon forgotten.

    Args:
        parameters: by name.
        decay: share of the mean that stays at each step; 0: the mean is the weights themselves, and nothing is kept.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = parameters, decay
        self.mean: dict[str, torch.Tensor] = {}
        if decay:
            self.mean = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    def update(self, step: int) -> None:
        """Take the weights after a step, counted from 0, into the mean."""
        if not self.mean:
            return
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        current = [self.parameters[name].detach() for name in self.mean]
        torch._foreach_lerp_(list(self.mean.values()), current, share)

    def recall(self, mean: Mapping[str, torch.Tensor]) -> None:
        """Go on from a mean that was kept."""
        self.mean = {name: tensor.to(self.parameters[name].device) for name, tensor in mean.items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters are the mean."""
        kept = {name: self.parameters[name].detach().clone() for name in self.mean}
        self._put(self.mean)
        try:
            yield
        finally:
            self._put(kept)

    def _put(self, weights: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in weights.items():
                self.parameters[name].copy_(tensor)
