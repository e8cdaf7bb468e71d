"""Adversarial training: the head also learns from its rows moved a little in the direction that hurts most."""

from __future__ import annotations

from collections.abc import Callable

import torch

from verticals.contract import Recipe

from .prepared import Change

_TINY = 1e-12


def adversary(recipe: Recipe, loss_of: Callable[[Change | None], torch.Tensor]) -> None:
    """Add the gradients of the attacked batch to those of the clean one, which are already there.

    ``fgm`` takes one step of the given size along the gradient at the input vectors (Miyato et al., 2017,
    arXiv:1605.07725); ``pgd`` takes several, back onto the ball of that size after each, and learns from the last
    (Madry et al., 2018, arXiv:1706.06083). A row's size is a share of the mean norm of its token vectors.

    Args:
        recipe: for ``adversarial``, ``adversarial_size`` and ``adversarial_steps``.
        loss_of: the batch's loss under a change of its input vectors.
    """
    steps = recipe.adversarial_steps if recipe.adversarial == "pgd" else 1
    moved: torch.Tensor | float = 0.0
    for _ in range(steps):
        gradient, vectors = _gradient(loss_of, moved)
        size = recipe.adversarial_size * vectors.norm(dim=-1).mean(dim=1).clamp_min(_TINY)[:, None, None]
        stride = size if steps == 1 else size * 2 / steps
        moved = _step(moved, gradient, stride, size)
    loss_of(lambda clean: clean + moved).backward()


def _gradient(
    loss_of: Callable[[Change | None], torch.Tensor], moved: torch.Tensor | float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss's gradient at the (moved) input vectors, and the clean vectors, both [rows, length, width]."""
    seen: list[torch.Tensor] = []

    def watch(clean: torch.Tensor) -> torch.Tensor:
        start = clean.detach() + moved
        seen.extend((start.requires_grad_(), clean.detach()))
        return seen[0]

    loss = loss_of(watch)
    return torch.autograd.grad(loss, seen[0])[0], seen[1]


def _step(
    moved: torch.Tensor | float, gradient: torch.Tensor, stride: torch.Tensor, size: torch.Tensor
) -> torch.Tensor:
    direction = gradient / gradient.flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None]
    further = moved + direction * stride
    norm = further.flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None]
    kept: torch.Tensor = further * (size / norm).clamp_max(1.0)
    return kept
