"""The event log: append-only, gap-free, idempotent."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, insert, select, update

from verticals.contract import BadInput, Event, check_name

from .database import Database
from .portable import insert_if_absent
from .schema import event_fields, events, streams
from .values import checked, fingerprint

_LARGEST = 2**63 - 1


class EventLog:
    """What happened, per vertical and tenant, at offsets 1, 2, 3, … without a gap.

    An event becomes visible only after all events before it, so a reader that goes on from the last offset it saw
    misses none and repeats none.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, vertical: str, kind: str, payload: Mapping[str, Any], *, key: str | None = None, tenant: str = "default"
    ) -> Event:
        """Write one event; it is durable when this returns.

        Args:
            vertical, kind, tenant: names.
            payload: a JSON object.
            key: makes the call safe to repeat: the same key again, within vertical and tenant, returns the first
                event and writes nothing, whatever kind and payload come with it.

        Raises:
            BadInput: a name, the key or the payload is malformed.
        """
        for name, what in ((vertical, "vertical name"), (kind, "event kind"), (tenant, "tenant name")):
            check_name(name, what)
        if key is not None:
            _check_key(key)
        payload = checked(payload, f"The payload of {kind!r}")
        with self._database.write() as connection:
            return appended(connection, vertical, kind, payload, key=key, tenant=tenant)

    def read(
        self,
        vertical: str,
        *,
        after: int = 0,
        limit: int = 100,
        kinds: Iterable[str] | None = None,
        tenant: str = "default",
        where: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Events after an offset, oldest first.

        Args:
            vertical, tenant: whose events.
            after: the last offset already seen; 0 for all.
            limit: at most so many.
            kinds: only these kinds; ``None`` for all.
            where: only events whose payload has exactly these values in its top-level fields, such as
                ``{"session": "a1"}``; served by an index for any field.

        Raises:
            BadInput: ``limit`` is below 1, or ``where`` holds what JSON cannot.
        """
        if limit < 1:
            raise BadInput(f"limit is {limit}.", "It must be at least 1.")
        fields = checked(where or {}, "`where`")
        prints = {f"fingerprint_{at}": fingerprint(field, value) for at, (field, value) in enumerate(fields.items())}
        page = {"after": max(min(after, _LARGEST), -1), "limit": min(limit, _LARGEST)}
        wanted = {} if kinds is None else {"kinds": list(kinds)}
        query = _matching(len(prints), bool(wanted))
        with self._database.read() as connection:
            rows = connection.execute(query, {**_of(vertical, tenant), **page, **prints, **wanted}).all()
        return [_event(row, vertical, tenant) for row in rows]

    def last_offset(self, vertical: str, tenant: str = "default") -> int:
        """The offset of the newest event, 0 where there is none."""
        with self._database.read() as connection:
            found = connection.execute(_STREAM, _of(vertical, tenant)).first()
        return found.last if found else 0


def appended(
    connection: Connection,
    vertical: str,
    kind: str,
    payload: dict[str, Any],
    *,
    key: str | None = None,
    tenant: str = "default",
) -> Event:
    """An event that is written within a transaction, and is there if that commits; see `EventLog.append`."""
    stream, last = _lock_stream(connection, vertical, tenant)
    if key is not None:
        first = connection.execute(_BY_KEY, {"stream": stream, "key": key}).first()
        if first is not None:
            return _event(first, vertical, tenant)
    offset, at = last + 1, datetime.now(UTC)
    row = {"stream": stream, "offset": offset, "kind": kind, "key": key, "payload": payload, "at": at}
    connection.execute(_INSERT, row)
    fields = [
        {"stream": stream, "fingerprint": fingerprint(field, value), "offset": offset}
        for field, value in payload.items()
    ]
    if fields:
        connection.execute(_INSERT_FIELDS, fields)
    connection.execute(_ADVANCE, {"of": stream, "offset": offset})
    return Event(offset, vertical, kind, payload, at, key, tenant)


def _lock_stream(connection: Connection, vertical: str, tenant: str) -> tuple[int, int]:
    """The stream's id and last offset; no other transaction can append to it until this one ends."""
    of = _of(vertical, tenant)
    found = connection.execute(_LOCKED, of).first()
    if found is None:
        connection.execute(insert_if_absent(connection, streams).values(**of, last=0))
        found = connection.execute(_LOCKED, of).one()
    return found.id, found.last


def _of(vertical: str, tenant: str) -> dict[str, str]:
    return {"vertical": vertical, "tenant": tenant}


# Statements are made once: making one takes longer than running it.
_STREAM = select(streams.c.id, streams.c.last).where(
    streams.c.vertical == bindparam("vertical"), streams.c.tenant == bindparam("tenant")
)
_LOCKED = _STREAM.with_for_update()
_BY_KEY = select(events).where(events.c.stream == bindparam("stream"), events.c.key == bindparam("key"))
_INSERT, _INSERT_FIELDS = insert(events), insert(event_fields)
_ADVANCE = update(streams).where(streams.c.id == bindparam("of")).values(last=bindparam("offset"))


@functools.cache
def _matching(fields: int, of_kinds: bool) -> Select[Any]:
    """Events of a stream after an offset, oldest first, that have the fingerprints of so many fields.

    The first of them leads the query, for its index already holds the offsets in order.
    """
    stream = _STREAM.with_only_columns(streams.c.id).scalar_subquery()
    query = select(events)
    matches = [event_fields.alias(f"field_{number}") for number in range(fields)]
    for number, match in enumerate(matches):
        same_event = and_(match.c.stream == events.c.stream, match.c.offset == events.c.offset)
        query = query.join(match, same_event).where(
            match.c.stream == stream, match.c.fingerprint == bindparam(f"fingerprint_{number}")
        )
    if of_kinds:
        query = query.where(events.c.kind.in_(bindparam("kinds", expanding=True)))
    offset = matches[0].c.offset if matches else events.c.offset
    query = query.where(events.c.stream == stream, offset > bindparam("after"))
    return query.order_by(offset).limit(bindparam("limit"))


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise BadInput(
            f"{key[:60]!r} is not a valid idempotency key.", "Use 1 to 200 printable characters, such as a UUID."
        )


def _event(row: Row[Any], vertical: str, tenant: str) -> Event:
    return Event(row.offset, vertical, row.kind, row.payload, row.at, row.key, tenant)
