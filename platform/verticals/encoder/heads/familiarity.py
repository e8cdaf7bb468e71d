"""How training rows say that an input is familiar: the nearest of one label, and all of them by a vote."""

from __future__ import annotations

import torch
from torch.nn import functional

VOTERS = 8_000  # rows that may vote: the solution takes a matrix of all pairs (256 MB)
_SHARPNESS = 4.0  # of the kernel; 2 told strangers of BANKING77 as well, 8 worse
_RIDGE = 0.1  # what each row is held to be wrong by; 0.03 to 0.3 told them equally well
_VOTES = 1_000  # for each label, the weightiest: the others made no difference
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
    from each other, and far from all rows there is nothing to add up. Votes of little weight are left out.

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
    lower = _factor(pairs)
    halfway = torch.linalg.solve_triangular(lower, targets, upper=False)
    votes: torch.Tensor = torch.linalg.solve_triangular(lower.T, halfway, upper=True).T.contiguous()
    if len(rows) > _VOTES:
        votes[votes.abs() < votes.abs().topk(_VOTES, dim=1).values[:, -1:]] = 0
    return votes.half()


def voted(directions: torch.Tensor, said: torch.Tensor, rows: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    """How far the rows agree to the label that is said, 0 to 1, [inputs]; the other arguments as above."""
    labels, at = said.unique(return_inverse=True)
    own = votes[labels].to(directions.dtype)
    if len(labels) * _VOTES < len(rows):  # only rows that vote for one of them
        voters = own.any(dim=0).nonzero().squeeze(1)
        rows, own = rows.index_select(0, voters), own.index_select(1, voters)
    sums = torch.zeros(len(directions), len(labels), dtype=own.dtype, device=own.device)
    for some, given in zip(rows.split(_AT_ONCE), own.split(_AT_ONCE, dim=1), strict=True):
        sums.addmm_(_kernel(directions, some.to(own.dtype)), given.T)
    return sums.gather(1, at[:, None])[:, 0].clamp(0, 1)


def _factor(matrix: torch.Tensor) -> torch.Tensor:
    """Cholesky's factor in the lower triangle of the matrix itself, by blocks: PyTorch's would take two copies more."""
    for first in range(0, len(matrix), _AT_ONCE):
        last = first + _AT_ONCE
        done, block = matrix[first:, :first], matrix[first:, first:last]
        block.addmm_(done, matrix[first:last, :first].T, alpha=-1)
        corner = torch.linalg.cholesky(block[:_AT_ONCE])
        block[:_AT_ONCE] = corner
        block[_AT_ONCE:] = torch.linalg.solve_triangular(corner, block[_AT_ONCE:].T, upper=False).T
    return matrix


def _kernel(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Likeness of vectors of length 1: that of a Gaussian on the sphere, 1 where they are the same."""
    return (left @ right.T).sub_(1).mul_(_SHARPNESS).exp_()
