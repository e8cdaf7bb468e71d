"""A session as it happens: its events, each once and in order, and between them how the next answer stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from verticals import Event, NotFound, ServedVertical

from .background import always
from .conversation import Turn, turn
from .session import READ, Mode, State, Status, after

Standing = Literal["typing", "ready", "error"]
LATE_SECONDS = 60.0  # an answer that has not come by then will not come: its server is gone
_PAGE = 500


class Update(BaseModel):
    """One event of a session, as its customer may see it."""

    kind: str
    offset: int = Field(description="Send it as `Last-Event-ID` to go on right after it")
    at: datetime
    turn: Turn | None = Field(None, description="Of a message")
    agent: str | None = Field(None, description="Who took the session, or gave it back")
    by: str | None = Field(None, description="Who settled the matter, or brought it up again")


class Progress(BaseModel):
    """How the next answer stands; derived from the events, never stored."""

    standing: Standing = Field(description="`typing`: an answer is under way; `error`: the latest message has none")
    status: Status
    mode: Mode
    agent: str | None = None

    @classmethod
    def of(cls, state: State) -> Progress:
        """Of a state, now."""
        standing: Standing = "ready"
        if state.mode == "auto" and state.pending:
            late = (datetime.now(UTC) - state.at).total_seconds() > LATE_SECONDS
            standing = "error" if late or state.failed in state.pending else "typing"
        return cls(standing=standing, status=state.status, mode=state.mode, agent=state.agent)


class News:
    """Tells who follows a session that there is something to read: one reader of a tenant's log serves all of them."""

    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {}

    @asynccontextmanager
    async def of(self, vertical: ServedVertical, session: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever something is written to the session."""
        woken, reader = asyncio.Event(), self._readers.setdefault(vertical.tenant, _Reader(vertical))
        reader.following.setdefault(session, set()).add(woken)
        try:
            await reader.begin()
            yield woken
        finally:
            reader.following[session].discard(woken)
            if not reader.following[session]:
                del reader.following[session]
            if not reader.following and self._readers.get(vertical.tenant) is reader:
                del self._readers[vertical.tenant]
                reader.end()

    def close(self) -> None:
        """End all readers."""
        for reader in self._readers.values():
            reader.end()


class _Reader:
    """Reads the log of one tenant for as long as somebody follows one of its sessions.

    Args:
        vertical: with the tenant's events.
    """

    def __init__(self, vertical: ServedVertical) -> None:
        self._vertical = vertical
        self._seen: int | None = None
        self._reading: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self.following: dict[str, set[asyncio.Event]] = {}

    async def begin(self) -> None:
        """Read from now on: what is written after this returns wakes who follows."""
        async with self._beginning:
            if self._seen is None:
                self._seen = await self._vertical.events.last_offset()
                # A context of its own: it outlives the request that it begins with.
                work = always("the sessions' streams", self._read)
                self._reading = asyncio.create_task(work, context=Context())

    async def _read(self) -> None:
        async for event in self._vertical.events.follow(self._seen or 0):
            self._seen = event.offset
            for woken in self.following.get(str(event.payload.get("session")), ()):
                woken.set()

    def end(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()


async def follow(vertical: ServedVertical, session: str, seen: int = 0) -> AsyncIterator[Update | Progress]:
    """The session's events after the offset ``seen``, and then each new one; never ends.

    Between them comes how the next answer stands, each time that changes.
    """
    news: News = vertical.state["news"]
    state: State | None = None
    told: Progress | None = None
    read = 0
    async with news.of(vertical, session) as woken:
        while True:
            woken.clear()
            events = await vertical.events.read(after=read, limit=_PAGE, kinds=READ, where={"session": session})
            for event in events:
                state, read = after(state, event), event.offset
                if event.offset > seen:
                    yield _update(event)
            if len(events) == _PAGE:
                continue
            if state is None:
                raise NotFound(f"There is no session {session[:64]!r}.")
            if (now := Progress.of(state)) != told:
                told = now
                yield now
            with suppress(TimeoutError):
                async with asyncio.timeout(LATE_SECONDS if now.standing == "typing" else None):
                    await woken.wait()


def _update(event: Event) -> Update:
    payload = event.payload
    return Update(
        kind=event.kind,
        offset=event.offset,
        at=event.at,
        turn=turn(event) if event.kind == "message" else None,
        agent=payload.get("agent"),
        by=payload.get("by"),
    )
