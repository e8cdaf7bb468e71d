"""Groups of near vectors: the densest point first, with all that is near it; what is near nothing stays alone.

As the "community detection" of sentence-transformers, in blocks, so that no matrix of all pairs is ever held; then
each vector moves to the group whose middle is nearest, and groups whose middles nearly agree become one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .vectors import Vectors

_BLOCK = 1024
_LOOSER = 0.04  # what joins a group may be that much farther from its middle than what it was grown from
Places = npt.NDArray[np.intp]


def clusters(vectors: Vectors, near: float, *, least: int = 2, same: float = 0.0) -> list[Places]:
    """Places of the vectors of each group, largest group first, within a group the most central first.

    Args:
        vectors: of length 1, [n, dimension].
        near: least cosine to the point that a group is grown around.
        least: members that a group must have.
        same: groups whose middles have this cosine become one; 0: none do.
    """
    count = _neighbours(vectors, near)
    free = np.ones(len(vectors), bool)
    groups: list[Places] = []
    for place in np.argsort(-count, kind="stable"):
        if count[place] < least:
            break
        if free[place]:
            members = np.flatnonzero(free & (vectors @ vectors[place] >= near))
            if len(members) >= least:
                groups.append(members)
                free[members] = False
    groups = _settled(vectors, groups, near - _LOOSER, least)
    if same:
        groups = _joined(vectors, groups, same)
    groups = [group[np.argsort(-(vectors[group] @ middle(vectors[group])), kind="stable")] for group in groups]
    return sorted(groups, key=lambda group: (-len(group), int(group.min())))


def middle(vectors: Vectors) -> Vectors:
    """The mean of vectors, of length 1."""
    mean = vectors.mean(axis=0)
    scaled: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return scaled


def _neighbours(vectors: Vectors, near: float) -> Places:
    """How many vectors are near each one, itself included."""
    count = np.zeros(len(vectors), np.intp)
    for start in range(0, len(vectors), _BLOCK):
        count[start : start + _BLOCK] = (vectors[start : start + _BLOCK] @ vectors.T >= near).sum(axis=1)
    return count


def _settled(vectors: Vectors, groups: list[Places], near: float, least: int) -> list[Places]:
    """Each vector in the group whose middle is nearest, if it is near enough; groups that become too small are gone."""
    if not groups:
        return []
    middles = np.stack([middle(vectors[group]) for group in groups])
    best = np.full(len(vectors), -1, np.intp)
    for start in range(0, len(vectors), _BLOCK):
        close = vectors[start : start + _BLOCK] @ middles.T
        nearest = close.argmax(axis=1)
        enough = close[np.arange(len(close)), nearest] >= near
        best[start : start + _BLOCK][enough] = nearest[enough]
    found = [np.flatnonzero(best == number) for number in range(len(groups))]
    return [group for group in found if len(group) >= least]


def _joined(vectors: Vectors, groups: list[Places], same: float) -> list[Places]:
    """Groups whose middles agree, together; the larger one takes the smaller."""
    joined: list[Places] = []
    for group in sorted(groups, key=len, reverse=True):
        own = middle(vectors[group])
        for number, other in enumerate(joined):
            if float(own @ middle(vectors[other])) >= same:
                joined[number] = np.concatenate([other, group])
                break
        else:
            joined.append(group)
    return joined
