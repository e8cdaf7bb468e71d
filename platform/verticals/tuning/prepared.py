"""Examples made ready for the encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from verticals.encoder import Encoder, TokenRows

from .objectives import Objective, of_each


@dataclass(slots=True)
class Prepared:
    """The examples of one split, tokenised once.

    Args:
        rows: texts of all examples, ``views`` of each, one after the other.
        targets: [examples].
        views: texts per example.
    """

    rows: TokenRows
    targets: torch.Tensor
    views: int

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example's longest text, [examples]."""
        longest: np.ndarray = self.rows.lengths.reshape(-1, self.views).max(axis=1)
        return longest

    def flat(self, which: np.ndarray) -> np.ndarray:
        """Places in ``rows`` of the texts of the examples ``which``."""
        places: np.ndarray = (which[:, None] * self.views + np.arange(self.views)).reshape(-1)
        return places

    def part(self, which: np.ndarray) -> Prepared:
        """Only the examples ``which``."""
        flat = self.flat(which)
        rows = TokenRows([self.rows.ids[at] for at in flat], self.rows.second[flat], self.rows.cut[flat])
        return Prepared(rows, self.targets[torch.from_numpy(which)], self.views)


def prepare(
    objective: Objective, examples: Sequence[Mapping[str, Any]], encoder: Encoder, max_tokens: int, split: str
) -> Prepared:
    """Tokenise the examples of a split.

    Raises:
        BadInput: an example has no usable text or target; the message says which.
    """
    texts = [text for several in of_each(examples, split, objective.texts) for text in several]
    targets = torch.tensor(of_each(examples, split, objective.target_of))
    return Prepared(encoder.tokens(texts, max_tokens), targets, objective.views)


def features_of(prepared: Prepared, encoder: Encoder, progress: Callable[[int], None] | None = None) -> torch.Tensor:
    """The encoder's vectors of every example, [examples, views, dimension], through whatever adapter is in training."""
    flat = encoder.encode(prepared.rows, progress=progress)
    return flat.view(len(prepared), prepared.views, -1)


def hold_out(targets: torch.Tensor, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and held-out places, each label by the same share; a label's last row stays to train."""
    values = targets.numpy()
    places = np.random.default_rng(seed).permutation(len(values))
    classes = np.zeros(len(values), dtype=np.int64)
    if not targets.is_floating_point() and len(np.unique(values)) < len(values) / 2:
        classes = values
    # A row is held out when its place within its label, from 0 to 1, is among the first of all.
    depth = np.empty(len(values))
    for value in np.unique(classes):
        group = places[classes[places] == value]
        depth[group] = (np.arange(len(group)) + 0.5) / len(group)
        depth[group[-1]] = np.inf
    order = places[np.argsort(depth[places], kind="stable")]
    count = min(round(len(values) * share), int(np.isfinite(depth).sum()))
    return np.sort(order[count:]), np.sort(order[:count])
