"""How training rows say that an input is familiar: the nearest of one label, and all of them by a vote."""

from __future__ import annotations

import torch
from torch.nn import functional

VOTERS = 8_000  # rows that may vote: the solution takes a matrix of all pairs (256 MB)
_SHARPNESS = 4.0  # of the kernel; 2 told strangers of BANKING77 as well, 8 worse
_RIDGE = 0.1  # what each row is held to be wrong by; 0.03 to 0.3 told them equally well
_AT_ONCE = 1_024  # rows that are brought to full precision together: they fit in a core's cache


def nearness(
    directions: torch.Tensor, said: torch.Tensor, rows: torch.Tensor, owners: torch.Tensor, neighbours: int
) -> torch.Tensor:
    """Mean cosine to the nearest rows of the label that is said, [inputs]; 0 where it has none.

    Args:
        directions: of the inputs, of length 1, [inputs, dimension].
        said: places of labels, [inputs].
        rows: of length 1, sorted by label, [rows, dimension].
        owners: places of their labels, [rows].
        neighbours: that count, the nearest ones.
    """
    near = torch.zeros(len(directions), dtype=directions.dtype, device=directions.device)
    for label in said.unique():
        first, last = (int(torch.searchsorted(owners, label, right=right)) for right in (False, True))
        own = rows[first:last]
        if len(own):
            here = said == label
            cosines = directions[here] @ own.to(directions.dtype).T
            near[here] = cosines.topk(min(neighbours, len(own)), dim=-1).values.mean(dim=-1)
    return near


def votes_of(rows: torch.Tensor, owners: torch.Tensor, labels: int) -> torch.Tensor:
    """What each row gives and takes away from each label near it, [labels, rows], fp16; [labels, 0] for too many rows.

    Kernel ridge regression onto the labels, which is the mean of a Gaussian process (Rasmussen and Williams, 2006,
    section 2.3): where rows of a label lie densely and alone the votes for it add up to 1, where labels meet they take
    from each other, and far from all rows there is nothing to add up.

    Args:
        rows: of length 1, [rows, dimension].
        owners: places of their labels, [rows].
        labels: there are.
    """
    if len(rows) > VOTERS:
        return torch.zeros(labels, 0, dtype=torch.float16, device=rows.device)
    pairs = _kernel(rows.float(), rows.float())
    pairs.diagonal().add_(_RIDGE)
    targets = functional.one_hot(owners, labels).to(pairs.dtype)
    return torch.cholesky_solve(targets, torch.linalg.cholesky(pairs)).T.half().contiguous()


def voted(directions: torch.Tensor, said: torch.Tensor, rows: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    """How far the rows agree to the label that is said, 0 to 1, [inputs]; the other arguments as above."""
    labels, at = said.unique(return_inverse=True)
    own = votes[labels].to(directions.dtype)
    sums = torch.zeros(len(directions), len(labels), dtype=own.dtype, device=own.device)
    for some, given in zip(rows.split(_AT_ONCE), own.split(_AT_ONCE, dim=1), strict=True):
        sums.addmm_(_kernel(directions, some.to(own.dtype)), given.T)
    return sums.gather(1, at[:, None])[:, 0].clamp(0, 1)


def _kernel(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Likeness of vectors of length 1: that of a Gaussian on the sphere, 1 where they are the same."""
    return (left @ right.T).sub_(1).mul_(_SHARPNESS).exp_()
