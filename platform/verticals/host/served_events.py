"""The events of a vertical while it serves."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from verticals.contract import Event

from .tenants import DEFAULT
from .threads import in_thread

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .events import VerticalEvents

_POLL_SECONDS = 0.5


class ServedEvents:
    """The events of a running vertical; those of another tenant than the request's where one is named.

    Args:
        events: of the vertical.
    """

    def __init__(self, events: VerticalEvents) -> None:
        self._events = events
        self.tenant = DEFAULT
        self._waiting: set[Any] = set()

    def of(self, tenant: str) -> ServedEvents:
        """The events of another tenant."""
        other = copy.copy(self)
        other.tenant = tenant
        return other

    async def append(
        self, kind: str, payload: Mapping[str, Any] | BaseModel, *, key: str | None = None, tenant: str | None = None
    ) -> Event:
        """Write one event; see `verticals.host.events.VerticalEvents.append`."""
        event = await in_thread(self._events.append, kind, payload, key=key, tenant=tenant or self.tenant)
        for waiting in self._waiting:
            waiting.set()
        return event

    async def read(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        kinds: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> list[Event]:
        """Events after an offset, oldest first."""
        tenant = tenant or self.tenant
        return await in_thread(self._events.read, after=after, limit=limit, kinds=kinds, where=where, tenant=tenant)

    async def last_offset(self, tenant: str | None = None) -> int:
        """Offset of the newest event, 0 where there is none."""
        return await in_thread(self._events.last_offset, tenant or self.tenant)

    async def follow(
        self, after: int = 0, *, kinds: Iterable[str] | None = None, tenant: str | None = None
    ) -> AsyncIterator[Event]:
        """Events after an offset and then each new one as it is written, in this process or another; never ends."""
        import anyio

        kinds = None if kinds is None else tuple(kinds)
        written = anyio.Event()
        try:
            while True:
                self._waiting.discard(written)
                written = anyio.Event()
                self._waiting.add(written)
                events = await self.read(after=after, kinds=kinds, tenant=tenant)
                for event in events:
                    yield event
                    after = event.offset
                if not events:
                    with anyio.move_on_after(_POLL_SECONDS):  # another process may write too
                        await written.wait()
        finally:
            self._waiting.discard(written)
