"""Training only the head, on features that are computed once: seconds, and the floor every other method must beat."""

from __future__ import annotations

import torch

from verticals.contract import Recipe
from verticals.encoder.heads import Head

from .objectives import Objective
from .solvers import LBFGS, AdamW

_SHRINK = 1e-3  # of the squared weights; 3e-4 to 1e-2 gave the same within a point on held-out rows of three data sets
_ITERATIONS = 60
_BATCH = 256
_EPOCHS = 30
_RATE = 3e-3
_PATIENCE = 5

Rows = tuple[torch.Tensor, torch.Tensor]


def fit_head(
    head: Head, objective: Objective, train: Rows, held_out: Rows, recipe: Recipe, shrink: float = _SHRINK
) -> list[dict[str, float]]:
    """Fit the head to cached features.

    Args:
        train, held_out: features [rows, views, dimension] and targets [rows].
        recipe: for the loss.
        shrink: weight of the squared weights, where the head is fitted at once.

    Returns:
        The figures on the held-out rows, the best last.
    """
    if not objective.convex or objective.compared:
        return _in_batches(head, objective, train, held_out, recipe)
    return _at_once(head, objective, train, held_out, recipe, shrink)


def _at_once(
    head: Head, objective: Objective, train: Rows, held_out: Rows, recipe: Recipe, shrink: float
) -> list[dict[str, float]]:
    """By L-BFGS on all rows: the problem of a linear head is convex, and a second-order solver ends in a second."""
    head.eval()
    matrices = [parameter for parameter in head.parameters() if parameter.ndim > 1]
    solver = LBFGS(head.parameters(), max_iter=_ITERATIONS, line_search_fn="strong_wolfe")
    features, targets = objective.flat(*train)

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss = objective.losses(head, features, targets, recipe).mean()
        for matrix in matrices:
            loss = loss + shrink / 2 * matrix.square().sum()
        loss.backward()
        return loss

    solver.step(closure)
    return [{"epoch": 0, **_figures(head, objective, held_out)}]


def _in_batches(
    head: Head, objective: Objective, train: Rows, held_out: Rows, recipe: Recipe
) -> list[dict[str, float]]:
    """By Adam, where the loss compares the rows of a batch or is not convex.

    The weights that do best are kept, untrained ones too.
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = AdamW(
        head.parameters(), lr=recipe.head_learning_rate or _RATE, weight_decay=recipe.weight_decay, fused=True
    )
    history = [{"epoch": 0, **_figures(head, objective, held_out)}]
    kept = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    features, targets = objective.flat(*train)
    waited = 0
    for epoch in range(1, _EPOCHS + 1):
        head.train()
        for which in torch.randperm(len(targets), generator=generator).split(_BATCH):
            optimiser.zero_grad(set_to_none=True)
            objective.losses(head, features[which], targets[which], recipe).mean().backward()
            optimiser.step()
        figures = {"epoch": epoch, **_figures(head, objective, held_out)}
        waited += 1
        if figures[objective.metric] > history[-1][objective.metric]:
            history.append(figures)
            kept = {name: tensor.clone() for name, tensor in head.state_dict().items()}
            waited = 0
        if waited == _PATIENCE:
            break
    head.load_state_dict(kept)
    head.eval()
    return history


def _figures(head: Head, objective: Objective, held_out: Rows) -> dict[str, float]:
    head.eval()
    with torch.inference_mode():
        return objective.metrics(head, *held_out)
