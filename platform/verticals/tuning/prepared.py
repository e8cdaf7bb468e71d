"""Examples made ready for the encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput
from verticals.encoder import Encoder, TokenRows

from .objectives import Objective


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


def prepare(objective: Objective, examples: Sequence[Mapping[str, Any]], encoder: Encoder, max_tokens: int) -> Prepared:
    """Tokenise examples.

    Raises:
        BadInput: an example has no usable text; the message says which.
    """
    texts = []
    for at, example in enumerate(examples):
        try:
            texts.extend(objective.texts(example))
        except BadInput as error:
            raise BadInput(f"Training row {at + 1}: {error.message}", error.remedy) from None
    return Prepared(encoder.tokens(texts, max_tokens), objective.targets(examples), objective.views)


def features_of(prepared: Prepared, encoder: Encoder, progress: Callable[[int], None] | None = None) -> torch.Tensor:
    """The encoder's vectors of every example, [examples, views, dimension], through whatever adapter is in training."""
    flat = encoder.encode(prepared.rows, progress=progress)
    return flat.view(len(prepared), prepared.views, -1)


def hold_out(targets: torch.Tensor, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and held-out places, each label by the same share; a label's only row stays to train."""
    generator = np.random.default_rng(seed)
    kept, held = [], []
    values = targets.numpy()
    classes = np.unique(values) if not np.issubdtype(values.dtype, np.floating) else np.array([])
    groups = [np.flatnonzero(values == value) for value in classes] if 1 < len(classes) < len(values) / 2 else []
    for group in groups or [np.arange(len(values))]:
        order = generator.permutation(group)
        count = min(len(order) - 1, round(len(order) * share))
        held.append(order[:count])
        kept.append(order[count:])
    return np.sort(np.concatenate(kept)), np.sort(np.concatenate(held))
