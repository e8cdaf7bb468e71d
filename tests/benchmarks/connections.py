"""Connections to a server that cost the measuring process next to nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx


class Connection:
    """One connection that is kept, as a client has it.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self._address = httpx.URL(url)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection(self._address.host, self._address.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: Any = None) -> tuple[Any, float]:
        """The answer to a request, and the seconds it took."""
        began = time.perf_counter()
        self._send("POST", path, json.dumps({} if body is None else body).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        content = await self._reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        seconds = time.perf_counter() - began
        assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")), head + content[:500]
        return json.loads(content), seconds

    async def events(self, path: str) -> AsyncIterator[tuple[str, Any]]:
        """Server-sent events as they come: kind and data."""
        self._send("GET", path, b"")
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        kind = ""
        while line := await self._reader.readline():
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)

    def _send(self, method: str, path: str, body: bytes) -> None:
        lines = (f"{method} {path} HTTP/1.1", f"host: {self._address.host}", "content-type: application/json",
                 f"content-length: {len(body)}", "", "")  # fmt: skip
        self._writer.write("\r\n".join(lines).encode() + body)
