"""The queue: sessions that wait for a person, from the events of all sessions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, Field

from verticals import Event, ServedVertical

from .events import Handover, Reason

KINDS = ("handover", "taken-over", "returned", "resolved")
ANGER = 2.0  # a customer who is angry all along comes before a calm one who has waited up to three times as long
_PAGE = 500


class Waiting(BaseModel):
    """One session of the queue."""

    session: str
    since: datetime
    seconds: float = Field(description="How long it has waited")
    urgency: float = Field(description="Seconds waited, times 1 (calm) to 3 (angry all along)")
    mood: float = Field(description="-1 (angry all along) to 1 (satisfied all along), when a person was asked for")
    reason: Reason
    summary: str


@dataclass
class _Known:
    """What this process has read so far."""

    seen: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    handovers: dict[str, Event] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


async def waiting(vertical: ServedVertical) -> list[Waiting]:
    """Sessions that wait for a person, the most urgent first."""
    known = await _known(vertical)
    now = datetime.now(UTC)
    return sorted((_waiting(event, now) for event in known.handovers.values()), key=lambda one: -one.urgency)


async def taken(vertical: ServedVertical) -> dict[str, str]:
    """The agent of each session that one has, the longest held first."""
    return dict((await _known(vertical)).taken)


async def _known(vertical: ServedVertical) -> _Known:
    """What the events say; only those not seen before are read."""
    known: _Known = vertical.state.setdefault(f"queue of {vertical.tenant}", _Known())
    async with known.reading:
        while True:
            events = await vertical.events.read(after=known.seen, limit=_PAGE, kinds=KINDS)
            for event in events:
                known.seen, session = event.offset, event.payload["session"]
                known.handovers.pop(session, None)
                known.taken.pop(session, None)
                if event.kind == "handover":
                    known.handovers[session] = event
                elif event.kind == "taken-over":
                    known.taken[session] = event.payload["agent"]
            if len(events) < _PAGE:
                return known


def _waiting(event: Event, now: datetime) -> Waiting:
    told = Handover.model_validate(event.payload)
    seconds = max(0.0, (now - event.at).total_seconds())
    return Waiting(
        session=told.session,
        since=event.at,
        seconds=seconds,
        urgency=seconds * (1 + ANGER * max(0.0, -told.mood)),
        mood=told.mood,
        reason=told.reason,
        summary=told.summary,
    )
