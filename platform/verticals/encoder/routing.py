"""Which tokens of a batch go through which adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .lora import LoraAdapter


@dataclass(slots=True)
class Routing:
    """Which adapter the batch in flight goes through, how many tokens it has, and what a layer read last."""

    runs: Sequence[Run] = ()
    tokens: int = 0
    read: tuple[torch.Tensor, Sequence[torch.Tensor | None]] | None = None
    training: LoraAdapter | None = None

    def padded(self, hidden: torch.Tensor) -> Sequence[torch.Tensor | None]:
        """What each run reads of ``hidden`` [tokens, width], where it is padded; found once for all who read that."""
        if self.read is None or self.read[0] is not hidden:
            tokens = hidden.flatten(0, -2)
            taken = [None if run.taken is None else tokens.index_select(0, run.taken) for run in self.runs]
            self.read = hidden, taken
        return self.read[1]


@dataclass(slots=True, frozen=True)
class Segment:
    """The tokens that go through one slot, from ``first`` to before ``last``."""

    slot: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(slots=True, frozen=True)
class Run:
    """Neighbouring segments whose updates are computed together, padded to the longest of them.

    Args:
        segments: one at least; where there is a single one, nothing is padded.
        taken: the token at each place of the padded segments, [segments · longest].
        kept: where each token of the segments is among those places, [tokens].
    """

    segments: Sequence[Segment]
    taken: torch.Tensor | None = None
    kept: torch.Tensor | None = None

    @property
    def tokens(self) -> slice:
        """All its tokens."""
        return slice(self.segments[0].first, self.segments[-1].last)

    @classmethod
    def of(cls, segments: Sequence[Segment], device: torch.device) -> Run:
        """One run of them all."""
        longest = max(map(len, segments))
        lengths = torch.tensor([len(one) for one in segments])
        places = torch.arange(longest)
        real = places < lengths[:, None]
        first = torch.tensor([one.first for one in segments])
        taken = torch.where(real, first[:, None] + places, first[:, None]).flatten()
        kept = real.flatten().nonzero().squeeze(1)
        return cls(segments, taken.to(device), kept.to(device))


def segments_of(slots: Sequence[int], lengths: Sequence[int]) -> list[Segment]:
    """The segments of all slots but 0, from each row's slot and number of tokens."""
    found: list[Segment] = []
    end = 0
    for slot, length in zip(slots, lengths, strict=True):
        first, end = end, end + length
        if found and found[-1].slot == slot:
            first = found.pop().first
        found.append(Segment(slot, first, end))
    return [segment for segment in found if segment.slot]
