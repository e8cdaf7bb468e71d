"""No request body grows without bound."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem
from .uploads import MOST_BYTES

MAX_BODY_BYTES = 10 * 1024 * 1024
# They take a body of any length line by line, hold a few of the lines, and limit each.
_STREAMED = re.compile(r"/v1/platform/indexes/[^/]+/[^/]+/import")
# They put files on the disk as they come in: from programs, and from the pages.
_FILES = re.compile(r"/v1/platform/indexes/[^/]+/[^/]+/files|/_nicegui/client/[^/]+/upload/[^/]+")


class BodyLimit:
    """Pure ASGI middleware: 413 for a body above the limit.

    A declared length is refused before anything is read; a body that comes in pieces is counted as it comes.

    Args:
        app: the application behind.
        limit: bytes.
        files: bytes, of a request that brings files.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES, files: int = MOST_BYTES) -> None:
        self._app, self._limit, self._files = app, limit, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or _STREAMED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        limit = self._files if _FILES.fullmatch(scope["path"]) else self._limit
        detail = f"The body of a request may have at most {limit:,} bytes."
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await problem(413, "too-large", detail)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, counted, send)
