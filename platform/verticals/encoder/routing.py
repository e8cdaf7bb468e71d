"""Which tokens of a batch go through which adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .lora import LoraAdapter
from .packing import places_for

_TOGETHER = 16  # slots of a group: each computes its neighbours' products too, so more of them cost more than they save


@dataclass(slots=True)
class Routing:
    """Which adapter the batch in flight goes through, how many places it has, and what a layer read last.

    Args:
        groups: of the batch, in order; tokens in none go through the bare encoder.
        places: that layers compute the batch's tokens in.
        training: an adapter that the whole batch goes through in their place.
        computes: number format that layers multiply in; `None`: as autocast has it.
    """

    groups: Sequence[Group] = ()
    places: int = 0
    training: LoraAdapter | None = None
    computes: torch.dtype | None = None
    _read: tuple[torch.Tensor, dict[torch.dtype, torch.Tensor]] | None = None

    def tokens_of(self, hidden: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """``hidden`` as [tokens, width] in another number format; converted once for all layers that read it."""
        if self._read is None or self._read[0] is not hidden:
            self._read = hidden, {}
        made = self._read[1]
        if dtype not in made:
            made[dtype] = hidden.flatten(0, -2).to(dtype)
        return made[dtype]

    def forget(self) -> None:
        """Let go of what was read last."""
        self._read = None


@dataclass(slots=True, frozen=True)
class Segment:
    """The tokens that go through one slot, from ``first`` to before ``last``."""

    slot: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(slots=True)
class Group:
    """Neighbouring segments whose updates are computed together.

    Args:
        segments: one after the other.
        span: the places that are computed: those of the segments, and perhaps more beside them.
    """

    segments: Sequence[Segment]
    span: slice
    _masks: dict[tuple[object, ...], torch.Tensor] = field(default_factory=dict, init=False)

    @property
    def tokens(self) -> slice:
        """Those of the segments."""
        return slice(self.segments[0].first, self.segments[-1].last)

    @property
    def whole(self) -> bool:
        """Whether every place that is computed is of the same segment."""
        return len(self.segments) == 1 and self.span == self.tokens

    def mask(self, ranks: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """1 where a column is of the place's own segment, else 0, [places, sum of ranks].

        Args:
            ranks: columns of each segment.
            like: has the number format and the device wanted.
        """
        key = (*ranks, like.dtype)
        if key not in self._masks:
            begins = torch.tensor([one.first for one in self.segments] + [self.tokens.stop])
            places = torch.arange(self.span.start, self.span.stop)
            owners = torch.searchsorted(begins, places, right=True) - 1
            self._masks[key] = (owners[:, None] == torch.repeat_interleave(torch.tensor(ranks))).to(like)
        return self._masks[key]


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


def grouped(segments: Sequence[Segment], together: bool, places: int) -> list[Group]:
    """Segments in groups of a few neighbours, or each by itself.

    Args:
        segments: of the batch, in order.
        together: groups, each of a number of places that is one of a few; see `places_for`.
        places: of the batch.
    """
    groups: list[list[Segment]] = []
    for segment in segments:
        neighbours = bool(groups) and groups[-1][-1].last == segment.first
        if together and neighbours and len(groups[-1]) < _TOGETHER:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [Group(one, _span(one[0].first, one[-1].last, places if together else 0)) for one in groups]


def _span(first: int, last: int, places: int) -> slice:
    """What is computed for the tokens from ``first`` to before ``last``: more of them, as far as there are places."""
    size = min(places_for(last - first), places) or last - first
    first = max(0, min(first, places - size)) if size > last - first else first
    return slice(first, first + size)
