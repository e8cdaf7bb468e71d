"""Losses of labels, per row."""

from __future__ import annotations

import torch
from torch.nn import functional

from verticals.contract import Recipe

SHARPNESS = 1 / 0.07  # cosines times this are the logits


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, recipe: Recipe, counts: torch.Tensor | None = None
) -> torch.Tensor:
    """Cross entropy of each row, [rows]; its mean is the loss.

    Focal (Lin et al., 2017, arXiv:1708.02002): a row counts by ``(1 - p) ** gamma``, p being the probability of its
    label. Class weights: a row counts by one over the number (or its square root) of training rows of its label,
    scaled such that the training rows count 1 on average.

    Args:
        logits: [rows, labels].
        targets: [rows]; -100 counts as nothing.
        recipe: for ``loss``, ``label_smoothing`` and ``class_weights``.
        counts: training rows per label, [labels].
    """
    losses = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing, reduction="none")
    if recipe.loss == "focal":
        known = targets.clamp_min(0)[:, None]
        chance = torch.softmax(logits.detach(), dim=-1).gather(1, known)[:, 0]
        losses = losses * (1 - chance) ** recipe.focal_gamma
    if recipe.class_weights != "none" and counts is not None:
        losses = losses * class_weights(counts, recipe.class_weights).to(losses.device)[targets.clamp_min(0)]
    return losses


def contrast(logits: torch.Tensor, same: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Cross entropy of each row against the candidates of all, [rows]; the right ones are on the diagonal.

    Label smoothing spreads over the candidates that count.

    Args:
        logits: [rows, candidates], the rows' own candidates first.
        same: where a candidate is as right as the row's own: it is not held against the row.
    """
    excluded = same.clone().fill_diagonal_(False)
    chances = functional.log_softmax(logits.masked_fill(excluded, float("-inf")), dim=1)
    losses = -chances.diagonal()
    if recipe.label_smoothing:
        spread = chances.masked_fill(excluded, 0.0).sum(dim=1) / (~excluded).sum(dim=1)
        losses = (1 - recipe.label_smoothing) * losses - recipe.label_smoothing * spread
    return losses


def class_weights(counts: torch.Tensor, kind: str) -> torch.Tensor:
    """How much a row of each label counts, [labels]: 1 on average over the rows.

    Args:
        counts: rows per label.
        kind: ``balanced`` or ``sqrt``.
    """
    filled = counts.float().clamp_min(1)
    weights = 1 / (filled if kind == "balanced" else filled.sqrt())
    return weights * counts.sum() / (weights * counts).sum()


def supervised_contrast(directions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Loss of each row against the rows of the other labels in its batch, [rows]; 0 for a row alone in its label.

    Supervised contrast (Khosla et al., 2020, arXiv:2004.11362).

    Args:
        directions: normalised, [rows, dimension].
        targets: labels, [rows].
    """
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    chances = (directions @ directions.T * SHARPNESS).masked_fill(itself, -1e9).log_softmax(dim=1)
    same = (targets[:, None] == targets[None, :]) & ~itself
    return -(chances * same).sum(dim=1) / same.sum(dim=1).clamp_min(1)
