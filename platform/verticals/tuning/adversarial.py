"""Adversarial training: the head also learns from its rows moved a little in the direction that hurts most."""

from __future__ import annotations

from collections.abc import Callable

import torch

from verticals.contract import Recipe

from .prepared import Change

_TINY = 1e-12


def adversary(recipe: Recipe, loss_of: Callable[[Change | None], torch.Tensor]) -> torch.Tensor:
    """Add the gradients of a batch and of the same batch under attack; the batch's loss.

    ``fgm`` takes one step of the given size along the gradient at the input vectors (Miyato et al., 2017,
    arXiv:1605.07725), which the batch's own way back gives too; ``pgd`` takes several, back onto the ball of that size
    after each, and learns from the last (Madry et al., 2018, arXiv:1706.06083). A row's size is a share of the mean
    norm of its token vectors.

    Args:
        recipe: for ``adversarial``, ``adversarial_size`` and ``adversarial_steps``.
        loss_of: the batch's loss under a change of its input vectors.
    """
    steps = recipe.adversarial_steps if recipe.adversarial == "pgd" else 1
    change = _Watched()
    loss = loss_of(change)
    loss.backward()
    size = recipe.adversarial_size * change.norms.clamp_min(_TINY)[:, None, None]
    stride = size if steps == 1 else size * 2 / steps
    moved = _step(0.0, change.gradient, stride, size)
    for _ in range(steps - 1):
        again = _Watched(moved)
        torch.autograd.backward(loss_of(again), inputs=[again.added])
        moved = _step(moved, again.gradient, stride, size)
    loss_of(lambda clean: clean + moved).backward()
    return loss


class _Watched:
    """A change of the input vectors [rows, length, width] whose gradient can be asked for.

    Args:
        moved: what is added to them.
    """

    def __init__(self, moved: torch.Tensor | float = 0.0) -> None:
        self._moved = moved
        self.added = self.norms = torch.empty(0)

    def __call__(self, clean: torch.Tensor) -> torch.Tensor:
        self.added = (torch.zeros_like(clean) + self._moved).requires_grad_()
        self.norms = clean.detach().norm(dim=-1).mean(dim=1)  # of each row's vectors, the mean
        return clean + self.added

    @property
    def gradient(self) -> torch.Tensor:
        gradient = self.added.grad
        if gradient is None:
            raise RuntimeError("Nothing was computed on the way back.")
        return gradient


def _step(
    moved: torch.Tensor | float, gradient: torch.Tensor, stride: torch.Tensor, size: torch.Tensor
) -> torch.Tensor:
    direction = gradient / gradient.flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None]
    further = moved + direction * stride
    norm = further.flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None]
    kept: torch.Tensor = further * (size / norm).clamp_max(1.0)
    return kept
