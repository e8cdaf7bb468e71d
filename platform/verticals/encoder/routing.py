"""Which tokens of a batch go through which adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from .lora import LoraAdapter
from .packing import places_for
from .pages import Place

_MOST = 256  # columns of a group: each place computes its neighbours' too


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
    """The tokens that go through one adapter, from ``first`` to before ``last``."""

    slot: int
    place: Place
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(slots=True)
class Group:
    """Neighbouring segments whose updates are computed together: their adapters are in one page.

    Args:
        segments: one after the other.
        columns: of the page: those of the adapters, and perhaps of others between them.
        span: the places that are computed: those of the segments, and perhaps more beside them.
    """

    segments: Sequence[Segment]
    columns: slice
    span: slice
    _masks: dict[torch.dtype, torch.Tensor] = field(default_factory=dict, init=False)

    @property
    def page(self) -> int:
        """Where the adapters are."""
        return self.segments[0].place.page

    @property
    def tokens(self) -> slice:
        """Those of the segments."""
        return slice(self.segments[0].first, self.segments[-1].last)

    @property
    def whole(self) -> bool:
        """Whether every place that is computed is of the same segment."""
        return len(self.segments) == 1 and self.span == self.tokens

    def mask(self, like: torch.Tensor) -> torch.Tensor:
        """1 where a column is of the adapter that the place goes through, else 0, [places, columns].

        Args:
            like: has the number format and the device wanted.
        """
        if like.dtype not in self._masks:
            shape = self.span.stop - self.span.start, self.columns.stop - self.columns.start
            mask = like.new_zeros(shape)
            for one in self.segments:
                first, last = (at - self.columns.start for at in (one.place.first, one.place.last))
                mask[one.first - self.span.start : one.last - self.span.start, first:last] = 1
            self._masks[like.dtype] = mask
        return self._masks[like.dtype]


def segments_of(slots: Sequence[int], lengths: Sequence[int], places: Mapping[int, Place]) -> list[Segment]:
    """The segments of all slots but 0, from each row's slot and number of tokens."""
    found: list[Segment] = []
    end = 0
    for slot, length in zip(slots, lengths, strict=True):
        first, end = end, end + length
        if not slot:
            continue
        if found and found[-1].slot == slot and found[-1].last == first:
            first = found.pop().first
        found.append(Segment(slot, places[slot], first, end))
    return found


def grouped(segments: Sequence[Segment], together: bool, places: int) -> list[Group]:
    """Segments in groups of neighbours, or each by itself.

    Args:
        segments: of the batch, in order.
        together: groups, each of a number of places that is one of a few; see `places_for`.
        places: of the batch.
    """
    groups: list[list[Segment]] = []
    for segment in segments:
        if together and groups and _fits(groups[-1], segment):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [Group(one, _columns(one), _span(one[0].first, one[-1].last, places if together else 0)) for one in groups]


def _fits(group: Sequence[Segment], segment: Segment) -> bool:
    """Whether a segment follows the group, and its adapter those of the group: with few others' between them."""
    if group[-1].last != segment.first or group[-1].place.page != segment.place.page:
        return False
    together = [*group, segment]
    columns = max(one.place.last for one in together) - min(one.place.first for one in together)
    return columns <= min(_MOST, 2 * sum(one.place.last - one.place.first for one in together))


def _columns(group: Sequence[Segment]) -> slice:
    return slice(min(one.place.first for one in group), max(one.place.last for one in group))


def _span(first: int, last: int, places: int) -> slice:
    """What is computed for the tokens from ``first`` to before ``last``: more of them, as far as there are places."""
    size = min(places_for(last - first), places) or last - first
    first = max(0, min(first, places - size)) if size > last - first else first
    return slice(first, first + size)
