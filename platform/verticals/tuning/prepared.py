"""Examples made ready for training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from verticals.encoder import Encoder, TokenRows

from .lower import Lower

Change = Callable[[torch.Tensor], torch.Tensor]


class Data(Protocol):
    """The examples of one split, ready: what the loop and the methods need of them."""

    targets: torch.Tensor
    groups: torch.Tensor | None
    old: int

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> np.ndarray:
        """Cost of each example, to make batches of equals, [examples]."""

    @property
    def cut(self) -> int:
        """Texts that were longer than the recipe or the encoder takes."""

    def part(self, which: np.ndarray) -> Data:
        """Only the examples ``which``, in rising order."""

    def forward(self, encoder: Encoder, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """What the head reads of the examples ``which``, with gradients; ``change`` is put upon the input vectors."""

    def targets_of(self, which: np.ndarray, features: torch.Tensor) -> torch.Tensor:
        """Targets of the examples ``which``, whose features are given, on the features' device."""

    def encode(self, encoder: Encoder, progress: Callable[[int], None] | None = None, slot: int = 0) -> torch.Tensor:
        """What the head reads of every example, on the CPU, without gradients.

        Args:
            encoder: through whatever adapter is in training on it.
            progress: told how many texts are done in each batch.
            slot: of the bank, to go through where no adapter is in training.
        """


@dataclass(slots=True)
class Prepared:
    """The examples of one split, tokenised once.

    Args:
        rows: texts of all examples, ``views`` of each, one after the other.
        targets: [examples], or [examples, words] with -100 where a row has fewer words than the longest.
        views: texts per example.
        reads: what the head reads of the encoder, as `Encoder.features` has it.
        groups: the group of each example, where the gap between groups is to be kept small; int64 [examples].
        lower: what the encoder's frozen lower layers give of the texts, where that is kept.
        old: how many examples, the last ones, are replayed from what an earlier version learned.
        columns: what the head reads of each word beside the encoder's features, [examples, words, columns].
    """

    rows: TokenRows
    targets: torch.Tensor
    views: int = 1
    reads: str = "text"
    groups: torch.Tensor | None = None
    lower: Lower | None = None
    old: int = 0
    columns: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example's longest text, [examples]."""
        longest: np.ndarray = self.rows.lengths.reshape(-1, self.views).max(axis=1)
        return longest

    @property
    def cut(self) -> int:
        """See `Data.cut`."""
        return int((self.rows.cut > 0).sum())

    def flat(self, which: np.ndarray) -> np.ndarray:
        """Places in ``rows`` of the texts of the examples ``which``."""
        places: np.ndarray = (which[:, None] * self.views + np.arange(self.views)).reshape(-1)
        return places

    def part(self, which: np.ndarray) -> Prepared:
        """Only the examples ``which``."""
        chosen = torch.from_numpy(which)
        groups = None if self.groups is None else self.groups[chosen]
        columns = None if self.columns is None else self.columns[chosen]
        old = int((which >= len(self) - self.old).sum())
        rows = self.rows.part(self.flat(which))
        return Prepared(rows, self.targets[chosen], self.views, self.reads, groups, old=old, columns=columns)

    def forward(self, encoder: Encoder, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """See `Data.forward`: [examples, views or words, dimension]."""
        return self._shaped(self._features(encoder, self.flat(which), change), which)

    def _features(self, encoder: Encoder, flat: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """What the encoder gives of the texts at ``flat``, from the frozen lower layers on where these are kept."""
        batch = encoder.batch(self.rows, flat)
        hidden, first = None, 0
        if self.lower is not None:
            hidden, first = self.lower.batch(flat, batch), self.lower.layers
        if change is not None:
            hidden = change(encoder.vectors(batch) if hidden is None else hidden)
        return encoder.features(batch, self.reads, hidden, first)

    def targets_of(self, which: np.ndarray, features: torch.Tensor) -> torch.Tensor:
        """See `Data.targets_of`: of as many words as the batch's longest example has."""
        targets = self.targets[torch.from_numpy(which)]
        return (targets[:, : features.shape[1]] if self.reads == "words" else targets).to(features.device)

    def encode(self, encoder: Encoder, progress: Callable[[int], None] | None = None, slot: int = 0) -> torch.Tensor:
        """See `Data.encode`: [examples, views or words, dimension]."""
        features = encoder.encode(self.rows, [slot] * len(self.rows), progress=progress, reads=self.reads)
        return self._shaped(features, np.arange(len(self)))

    def _shaped(self, features: torch.Tensor, which: np.ndarray) -> torch.Tensor:
        if self.reads != "words":
            return features.view(-1, self.views, features.shape[-1])
        if self.columns is None:
            return features
        columns = self.columns[torch.from_numpy(which), : features.shape[1]]
        return torch.cat([features, columns.to(features)], dim=-1)


def by_content(rows: Sequence[Mapping[str, Any]], fields: Sequence[str], seed: int) -> np.ndarray:
    """Places of the rows in an order that only the seed and what each row has in ``fields`` decide.

    So rows that were held out once are held out again when more rows have come, and equal rows stay together.
    """
    key = seed.to_bytes(8, "big")

    def digest(row: Mapping[str, Any]) -> bytes:
        values = [row.get(field) for field in fields]
        parts = (value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode() for value in values)
        return hashlib.blake2b(b"|".join(parts), digest_size=8, key=key).digest()

    digests = [digest(row) for row in rows]
    order: np.ndarray = np.argsort(np.array(digests, dtype="S8"), kind="stable")
    return order


def hold_out(targets: torch.Tensor, share: float, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and held-out places, each label by the same share; a label's last row stays to train.

    Args:
        targets: of all rows.
        share: of the rows that are held out.
        places: of all rows; of each label, the first ones are held out.
    """
    values = targets.numpy()
    classes = np.zeros(len(values), dtype=np.int64)
    if targets.ndim == 1 and not targets.is_floating_point() and len(np.unique(values)) <= len(values) / 2:
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
