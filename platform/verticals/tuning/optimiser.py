"""Which rate each weight learns at."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from verticals.contract import Recipe

from .body import layer_of
from .solvers import AdamW

_HEAD_RATE = 5e-3


def make_optimiser(
    body: Mapping[str, nn.Parameter], head: Mapping[str, nn.Parameter], recipe: Recipe, body_rate: float, depth: int
) -> torch.optim.AdamW:
    """AdamW with one group per rate; matrices decay, vectors don't.

    Args:
        body, head: trained weights by name.
        recipe: for the rates, ``weight_decay``, ``layer_decay`` and ``lora_plus``.
        body_rate: the method's usual rate.
        depth: the encoder's layers.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    peak = recipe.learning_rate or body_rate
    for name, parameter in body.items():
        share = recipe.layer_decay ** (depth - 1 - layer_of(name)) if recipe.layer_decay < 1 and depth else 1.0
        if name.startswith("up.") or ".lora_B." in name:
            share *= recipe.lora_plus
        groups.setdefault((peak * share, 0.0 if ".ia3_l." in name else _decay(parameter, recipe)), []).append(parameter)
    for parameter in head.values():
        key = (recipe.head_learning_rate or _HEAD_RATE, _decay(parameter, recipe))
        groups.setdefault(key, []).append(parameter)
    listed = [{"params": members, "lr": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]
    return AdamW(listed, fused=True)


def rate(step: int, total: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a step: a linear rise, then the recipe's decay."""
    rise = max(1, round(total * recipe.warmup))
    if step < rise:
        return (step + 1) / rise
    gone = (step - rise) / max(1, total - rise)
    if recipe.schedule == "constant":
        return 1.0
    return 1.0 - gone if recipe.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * gone))


def _decay(parameter: nn.Parameter, recipe: Recipe) -> float:
    return recipe.weight_decay if parameter.ndim > 1 else 0.0
