"""In which batches an epoch sees the rows."""

from __future__ import annotations

import numpy as np

from verticals.contract import BadInput, Recipe
from verticals.encoder import bucketed

from .prepared import Data


def epoch_order(data: Data, recipe: Recipe, epoch: int) -> list[np.ndarray]:
    """Batches of examples for one epoch: the same for the same seed and epoch, whatever happened before.

    With ``sampling="balanced"`` each label's rows are drawn as often as every other's, the rare ones several times.
    Of rows that are replayed, each epoch sees as many, drawn anew, as make up the recipe's share.
    With ``pairs`` a batch holds several rows of each of its labels, for losses that compare rows.

    Raises:
        BadInput: such sampling of rows that have no single label.
    """
    random = np.random.default_rng([recipe.seed, epoch])
    if data.old:
        fresh = len(data) - data.old
        count = min(data.old, round(fresh * recipe.replay / (1 - recipe.replay)))
        chosen = np.concatenate([np.arange(fresh), fresh + random.permutation(data.old)[:count]])
        return [chosen[which] for which in bucketed(data.lengths[chosen], rows=recipe.batch_size, shuffle=random)]
    if recipe.sampling == "all":
        return bucketed(data.lengths, rows=recipe.batch_size, shuffle=random)
    if data.targets.ndim > 1 or data.targets.is_floating_point():
        raise BadInput(
            f"recipe: sampling is {recipe.sampling!r}, but the rows have no single label.", "Set sampling=all."
        )
    labels = data.targets.numpy()
    if recipe.sampling == "pairs":
        return _pairs(labels, len(bucketed(data.lengths, rows=recipe.batch_size)), recipe.batch_size, random)
    names, counts = np.unique(labels, return_counts=True)
    chances = (1.0 / counts / len(names))[np.searchsorted(names, labels)]
    drawn = random.choice(len(labels), size=len(labels), p=chances)
    return [drawn[which] for which in bucketed(data.lengths[drawn], rows=recipe.batch_size, shuffle=random)]


def _pairs(labels: np.ndarray, batches: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Batches of two random rows or more of each of as many random labels as fit."""
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    several = min(len(rows_of), max(1, size // 2))
    each = max(2, size // several)
    drawn = []
    for _ in range(batches):
        chosen = random.permutation(len(rows_of))[:several]
        drawn.append(np.concatenate([random.permutation(rows_of[at])[:each] for at in chosen]))
    return drawn
