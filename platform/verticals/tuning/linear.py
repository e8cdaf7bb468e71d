"""Training only the head, on features that are computed once: seconds, and the floor every other method must beat."""

from __future__ import annotations

import math

import torch

from verticals.contract import Recipe
from verticals.encoder.heads import Head

from .objectives import Objective

_BATCH = 256
_STEPS = 1500


def fit_head(
    head: Head,
    objective: Objective,
    train: tuple[torch.Tensor, torch.Tensor],
    held_out: tuple[torch.Tensor, torch.Tensor],
    recipe: Recipe,
) -> list[dict[str, float]]:
    """Fit the head to cached features and leave the weights that do best on the held-out ones.

    Args:
        train, held_out: features [rows, views, dimension] and targets [rows].

    Returns:
        One mapping of figures per look at the held-out rows.
    """
    features, targets = train
    generator = torch.Generator().manual_seed(recipe.seed)
    rate = recipe.head_learning_rate or 5e-3
    optimiser = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=recipe.weight_decay, fused=True)
    per_epoch = math.ceil(len(targets) / _BATCH)
    epochs = max(recipe.epochs, math.ceil(_STEPS / per_epoch))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * per_epoch)
    look_every = max(1, epochs // 15)
    best, kept, history = -math.inf, {name: value.clone() for name, value in head.state_dict().items()}, []
    for epoch in range(epochs):
        head.train()
        for which in torch.randperm(len(targets), generator=generator).split(_BATCH):
            optimiser.zero_grad(set_to_none=True)
            objective.loss(head, features[which], targets[which], recipe).backward()
            optimiser.step()
            schedule.step()
        if epoch % look_every == 0 or epoch == epochs - 1:
            head.eval()
            with torch.inference_mode():
                figures = objective.metrics(head, *held_out)
            history.append({"epoch": epoch + 1, **figures})
            if figures[objective.metric] > best:
                best, kept = (
                    figures[objective.metric],
                    {name: value.clone() for name, value in head.state_dict().items()},
                )
    head.load_state_dict(kept)
    head.eval()
    return history
