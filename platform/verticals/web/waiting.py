"""Nothing is computed for a client that waits no longer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from verticals.inference import CALLER, Caller

_WAIT = re.compile(rb"(?:^|,)\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?:[,;]|$)", re.IGNORECASE)


class Waiting:
    """Pure ASGI middleware: says to the queue how long a client waits (``Prefer: wait=10``, RFC 7240), and if it goes.

    Args:
        app: the application behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch: asyncio.Task[None] | None = None
        read = False

        async def noted() -> Message:
            nonlocal read
            message = await receive()
            read = read or not message.get("more_body", False)
            return message

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            caller.leave()

        def begin() -> None:
            nonlocal watch
            if watch is None and read:  # before, a message would be a part of the body
                watch = asyncio.create_task(until_gone())

        caller = Caller(_seconds(scope["headers"]), begin)
        token = CALLER.set(caller)
        try:
            await self._app(scope, noted, send)
        finally:
            CALLER.reset(token)
            if watch is not None:
                watch.cancel()


def _seconds(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        if name == b"prefer" and (found := _WAIT.search(value)):
            return float(found[1])
    return None
