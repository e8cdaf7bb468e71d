"""Keeping the gap between groups of rows small."""

from __future__ import annotations

import torch


def gap_penalty(losses: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Variance of the groups' mean losses (risk extrapolation: Krueger et al., 2021, arXiv:2003.00688), a scalar.

    Args:
        losses: of a batch's rows, [rows].
        groups: the group of each row, int64 [rows]; a batch of one group has no gap.
    """
    present, places = torch.unique(groups, return_inverse=True)
    counts = torch.bincount(places, minlength=len(present))
    means = losses.new_zeros(len(present)).index_add(0, places, losses) / counts
    return (means - means.mean()).square().mean()
