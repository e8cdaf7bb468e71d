"""Prompts with answers made ready for training: several share a sequence, and none sees another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from verticals.contract import BadInput
from verticals.encoder import Encoder

from .prepared import Change


@dataclass(slots=True)
class PreparedAnswers:
    """The prompts and answers of one split.

    Packed examples are int64 [packs, 4, length]: tokens; positions, which begin anew with each example; the number of
    the token's example, -1 where there is none; and 1 where the token belongs to an answer.

    Args:
        ids: tokens of each example.
        starts: where each one's answer begins.
        targets: tokens of each one's answer, [examples].
        room: tokens in a sequence, at most.
        packs: whether several examples share a sequence.
        pad: token behind the last example of a sequence.
        left_out: tokens that were cut off each example.
        groups: see `Data`.
    """

    ids: list[np.ndarray]
    starts: np.ndarray
    targets: torch.Tensor
    room: int
    packs: bool
    pad: int
    left_out: np.ndarray
    groups: torch.Tensor | None = None
    old: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """See `Data.lengths`."""
        return np.array([len(row) for row in self.ids], dtype=np.int64)

    @property
    def cut(self) -> int:
        """See `Data.cut`."""
        return int((self.left_out > 0).sum())

    def part(self, which: np.ndarray) -> PreparedAnswers:
        """Only the examples ``which``."""
        chosen = torch.from_numpy(which)
        return PreparedAnswers(
            [self.ids[at] for at in which], self.starts[which], self.targets[chosen], self.room, self.packs, self.pad,
            self.left_out[which], None if self.groups is None else self.groups[chosen],
            int((which >= len(self) - self.old).sum()),
        )  # fmt: skip

    def forward(self, encoder: Encoder, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """See `Data.forward`: the examples ``which``, packed; they are numbered in the order of ``which``."""
        if change is not None:
            raise BadInput("recipe: adversarial does not fit the objective 'generate'.", "Set adversarial=none.")
        return self.packed(which).to(encoder.precision.device)

    def targets_of(self, which: np.ndarray, features: torch.Tensor) -> torch.Tensor:
        """See `Data.targets_of`."""
        return self.targets[torch.from_numpy(which)].to(features.device)

    def encode(self, encoder: Encoder, progress: Callable[[int], None] | None = None, slot: int = 0) -> torch.Tensor:
        """See `Data.encode`: all examples, packed."""
        return self.packed(np.arange(len(self)))

    def packed(self, which: np.ndarray) -> torch.Tensor:
        """The examples ``which`` in as few sequences as first fit finds, longest first."""
        lengths = [len(self.ids[at]) for at in which]
        packs = first_fit(lengths, self.room) if self.packs else [[at] for at in range(len(which))]
        length = max(sum(lengths[at] for at in pack) for pack in packs)
        made = np.zeros((len(packs), 4, length), dtype=np.int64)
        made[:, 0], made[:, 2] = self.pad, -1
        for row, pack in enumerate(packs):
            begin = 0
            for at in pack:
                ids, start = self.ids[which[at]], int(self.starts[which[at]])
                end = begin + len(ids)
                made[row, 0, begin:end] = ids
                made[row, 1, begin:end] = np.arange(len(ids))
                made[row, 2, begin:end] = at
                made[row, 3, begin + start : end] = 1
                begin = end
        return torch.from_numpy(made)


def first_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Which items share a bin of size ``room``, each into the first that has space, longest first."""
    bins: list[list[int]] = []
    free: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        found = next((number for number, space in enumerate(free) if space >= lengths[at]), None)
        if found is None:
            bins.append([])
            free.append(max(room, lengths[at]))
            found = len(bins) - 1
        bins[found].append(at)
        free[found] -= lengths[at]
    return bins
