"""The event log: by page, and as a stream that a reader can leave and join again without missing an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field, TypeAdapter
from sse_starlette import EventSourceResponse, ServerSentEvent

from verticals.contract import Event
from verticals.web.site import CurrentSite

router = APIRouter()
_event = TypeAdapter(Event)
_GRACE_SECONDS = 2.0
_After = Annotated[int, Query(ge=0, description="Only events with a higher offset")]
_Kinds = Annotated[list[str] | None, Query(description="Only events of these kinds")]


class EventPage(BaseModel):
    """Some events in the order of their offsets."""

    events: list[Event]
    next: int = Field(description="Give it as `after` to get the next page", examples=[100])


@router.get("/events/{vertical}", summary="A page of events")
def list_events(
    vertical: str,
    site: CurrentSite,
    after: _After = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    kind: _Kinds = None,
) -> EventPage:
    """Oldest first. An empty page means that there is nothing newer yet."""
    site.vertical(vertical)
    events = site.host.store.events.read(vertical, after=after, limit=limit, kinds=kind, tenant=site.tenant)
    return EventPage(events=events, next=events[-1].offset if events else after)


@router.get(
    "/events/{vertical}/stream",
    summary="Events as they happen",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_events(
    vertical: str,
    site: CurrentSite,
    after: _After = 0,
    kind: _Kinds = None,
    last_event_id: Annotated[int | None, Header(ge=0, description="Sent by a reader that joins again")] = None,
) -> EventSourceResponse:
    """Server-sent events: `id` is the offset, `event` the kind, `data` the event as JSON.

    A reader that was cut off sends the last `id` it saw as `Last-Event-ID`, as browsers do by themselves, and goes
    on right after it.
    """
    running = site.running(vertical)
    start = after if last_event_id is None else last_event_id
    stopping = anyio.Event()
    return EventSourceResponse(
        _messages(until(stopping, running.events.follow(start)), frozenset(kind or ())),
        shutdown_event=stopping,
        shutdown_grace_period=_GRACE_SECONDS,
    )


async def _messages(events: AsyncIterator[Event], kinds: frozenset[str]) -> AsyncIterator[ServerSentEvent]:
    async for event in events:
        if not kinds or event.kind in kinds:
            yield ServerSentEvent(_event.dump_json(event).decode(), id=str(event.offset), event=event.kind)


async def until(stopping: anyio.Event, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """The events as they come; ends when the server stops, even while it waits for the next one."""
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stop.done():
            following = asyncio.ensure_future(anext(events))
            try:
                await asyncio.wait((following, stop), return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    yield following.result()
            finally:
                following.cancel()
                await asyncio.wait((following,))
    finally:
        stop.cancel()
