"""Webhooks: other systems are told of handovers and the like, surely, though perhaps more than once.

What is to be delivered, and what became of each attempt, are events: nothing is lost when the server stops. Of several
processes one makes an attempt, the one whose event says so first. Requests are signed as Standard Webhooks has it
(https://www.standardwebhooks.com): HMAC-SHA256 over delivery id, timestamp and body.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from verticals import Event, PlatformError, ServedVertical

from .settings import Webhook

# Seconds before each further attempt; after the last one, about a day later, a delivery is given up.
WAITS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0)
TIMEOUT = 10.0
_LOST = 60.0  # an attempt whose end nobody has written by then was cut off
_TRIED = ("delivery-begun", "delivery-ended")


@dataclass
class _Open:
    """A delivery that has not arrived yet."""

    event: Event
    attempts: int
    due: datetime


class Deliveries:
    """Delivers the events of a running vertical to one webhook.

    Args:
        vertical: whose events.
        webhook: where they go.
        waits: seconds before each further attempt.
    """

    def __init__(self, vertical: ServedVertical, webhook: Webhook, waits: Sequence[float] = WAITS) -> None:
        self._events, self._webhook, self._waits = vertical.events, webhook, waits
        self._name = hashlib.sha256(webhook.url.encode()).hexdigest()[:16]
        self._open: dict[int, _Open] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Deliver what happens from the first start with this webhook on; never ends."""
        begun = await self._events.append("webhook-configured", {"webhook": self._name}, key=f"webhook:{self._name}")
        async with httpx.AsyncClient(timeout=TIMEOUT) as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(begun.offset))
            while True:
                self._changed.clear()
                now = datetime.now(UTC)
                for delivery in sorted(self._open.values(), key=lambda one: one.due):
                    if delivery.due <= now:
                        await self._attempt(client, delivery)
                first = min((one.due for one in self._open.values()), default=None)
                seconds = None if first is None else max(0.0, (first - datetime.now(UTC)).total_seconds())
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):  # wait_for may swallow a cancellation (Python 3.11)
                        await self._changed.wait()

    async def _read(self, after: int) -> None:
        async for event in self._events.follow(after, kinds=[*self._webhook.events, *_TRIED]):
            if event.kind not in _TRIED:
                self._open[event.offset] = _Open(event, 0, event.at)
            elif event.payload["webhook"] == self._name:
                self._note(event)
            self._changed.set()

    def _note(self, event: Event) -> None:
        """What an attempt, of this process or another, says of its delivery."""
        payload = event.payload
        delivery = self._open.get(payload["event"])
        if delivery is None or payload["attempt"] < delivery.attempts:
            return
        delivery.attempts = payload["attempt"]
        if event.kind == "delivery-begun":
            delivery.due = event.at + timedelta(seconds=_LOST)
        elif payload["delivered"] or delivery.attempts > len(self._waits):
            del self._open[payload["event"]]
        else:
            delivery.due = event.at + timedelta(seconds=self._waits[delivery.attempts - 1])

    async def _attempt(self, client: httpx.AsyncClient, delivery: _Open) -> None:
        """One attempt, unless another process makes it."""
        told: dict[str, Any] = {
            "webhook": self._name, "event": delivery.event.offset, "attempt": delivery.attempts + 1
        }  # fmt: skip
        mine = secrets.token_urlsafe(9)
        key = f"webhook:{self._name}:{told['event']}:{told['attempt']}"
        try:
            begun = await self._events.append("delivery-begun", {**told, "id": mine}, key=key)
            self._note(begun)
            if begun.payload["id"] != mine:
                return
            status, error = await self._send(client, delivery.event)
            ended = {**told, "delivered": not error, "status": status, "error": error}
            self._note(await self._events.append("delivery-ended", ended))
        except PlatformError:  # the database is busy or full: later
            delivery.due = datetime.now(UTC) + timedelta(seconds=self._waits[0] if self._waits else _LOST)

    async def _send(self, client: httpx.AsyncClient, event: Event) -> tuple[int | None, str]:
        """The status of the answer, and what was wrong; empty where it has arrived."""
        identifier = delivery_id(self._name, event)
        told = {
            "id": identifier,
            "type": event.kind,
            "timestamp": event.at.isoformat(),
            "session": event.payload["session"],
            "offset": event.offset,
            "data": {name: value for name, value in event.payload.items() if name not in ("id", "session")},
        }
        body = json.dumps(told, ensure_ascii=False).encode()
        timestamp = int(datetime.now(UTC).timestamp())
        secret = self._webhook.secret.get_secret_value()
        headers = {
            "content-type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, identifier, timestamp, body),
        }
        try:
            answer = await client.post(self._webhook.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return None, f"{type(error).__name__}: {error}"[:300]
        return answer.status_code, "" if answer.is_success else f"it answered {answer.status_code}"


def delivery_id(webhook: str, event: Event) -> str:
    """The same for all attempts, so that a receiver can tell a repetition."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:verticals:delivery:{webhook}:{event.tenant}:{event.offset}"))


def signature(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`.

    Args:
        secret: the shared one; with the prefix `whsec_` the rest is the key in base64, otherwise it is the key itself.
        identifier: of the delivery.
        timestamp: seconds since 1970.
        body: of the request.
    """
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    mac = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"
