"""``/v1/customer-service/sessions/{session}/stream``: a session as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from verticals import CurrentVertical, ServedVertical

from .conversation import Conversations
from .stream import Update, follow

router = APIRouter()


@router.get(
    "/sessions/{session}/stream",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_session(
    session: str,
    vertical: CurrentVertical,
    after: Annotated[int, Query(ge=0, description="Only events with a higher offset")] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, description="Sent by a reader that joins again")] = None,
) -> EventSourceResponse:
    """The session as it happens: `id` is the offset, `event` the kind, `data` the event as JSON.

    A reader that was cut off sends the last `id` it saw as `Last-Event-ID`, as browsers do by themselves, and goes on
    right after it. `status` events (`typing`, `ready`, `error`) have no `id`: they say how things stand at the moment.
    """
    await Conversations(vertical).state(session)
    return EventSourceResponse(_messages(vertical, session, after if last_event_id is None else last_event_id))


async def _messages(vertical: ServedVertical, session: str, seen: int) -> AsyncIterator[ServerSentEvent]:
    async for one in follow(vertical, session, seen):
        data = one.model_dump_json(exclude_none=True)
        if isinstance(one, Update):
            yield ServerSentEvent(data, id=str(one.offset), event=one.kind)
        else:
            yield ServerSentEvent(data, event="status")
