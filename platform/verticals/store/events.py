"""The event log: append-only, gap-free, idempotent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

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
        with self._database.read() as connection:
            stream = connection.execute(
                select(streams.c.id).where(streams.c.vertical == vertical, streams.c.tenant == tenant)
            ).scalar()
            if stream is None:
                return []
            query = _matching(stream, after, checked(where or {}, "`where`"))
            if kinds is not None:
                query = query.where(events.c.kind.in_(list(kinds)))
            rows = connection.execute(query.limit(min(limit, _LARGEST))).all()
        return [_event(row, vertical, tenant) for row in rows]

    def last_offset(self, vertical: str, tenant: str = "default") -> int:
        """The offset of the newest event, 0 where there is none."""
        query = select(streams.c.last).where(streams.c.vertical == vertical, streams.c.tenant == tenant)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or 0


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
        first = connection.execute(select(events).where(events.c.stream == stream, events.c.key == key)).first()
        if first is not None:
            return _event(first, vertical, tenant)
    offset, at = last + 1, datetime.now(UTC)
    connection.execute(insert(events).values(stream=stream, offset=offset, kind=kind, key=key, payload=payload, at=at))
    fields = [
        {"stream": stream, "fingerprint": fingerprint(field, value), "offset": offset}
        for field, value in payload.items()
    ]
    if fields:
        connection.execute(insert(event_fields), fields)
    connection.execute(update(streams).where(streams.c.id == stream).values(last=offset))
    return Event(offset, vertical, kind, payload, at, key, tenant)


def _lock_stream(connection: Connection, vertical: str, tenant: str) -> tuple[int, int]:
    """The stream's id and last offset; no other transaction can append to it until this one ends."""
    query = (
        select(streams.c.id, streams.c.last)
        .where(streams.c.vertical == vertical, streams.c.tenant == tenant)
        .with_for_update()
    )
    found = connection.execute(query).first()
    if found is None:
        connection.execute(insert_if_absent(connection, streams).values(vertical=vertical, tenant=tenant, last=0))
        found = connection.execute(query).one()
    return found.id, found.last


def _matching(stream: int, after: int, where: Mapping[str, Any]) -> Select[Any]:
    """Events of a stream after an offset that match ``where``, oldest first.

    The first condition leads the query, for its index already holds the offsets in order.
    """
    after = max(min(after, _LARGEST), -1)
    query = select(events)
    matches = [event_fields.alias(f"field_{number}") for number in range(len(where))]
    for match, (field, value) in zip(matches, where.items(), strict=True):
        same_event = and_(match.c.stream == events.c.stream, match.c.offset == events.c.offset)
        query = query.join(match, same_event).where(
            match.c.stream == stream, match.c.fingerprint == fingerprint(field, value)
        )
    offset = matches[0].c.offset if matches else events.c.offset
    return query.where(events.c.stream == stream, offset > after).order_by(offset)


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise BadInput(
            f"{key[:60]!r} is not a valid idempotency key.", "Use 1 to 200 printable characters, such as a UUID."
        )


def _event(row: Row[Any], vertical: str, tenant: str) -> Event:
    return Event(row.offset, vertical, row.kind, row.payload, row.at, row.key, tenant)
