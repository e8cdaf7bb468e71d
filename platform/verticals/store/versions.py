"""The rows of trained versions: stages, promotion, rollback, history."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from verticals.contract import Conflict, NotFound

from .database import Database
from .events import appended
from .portable import insert_if_absent
from .schema import promotions, versions
from .values import checked

PROMOTION = "promotion"
"""The kind of event that is written with each promotion and rollback, in the same transaction."""


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One trained version of a head.

    Args:
        vertical, head: names.
        version: ``v1``, ``v2``, …
        stage: ``candidate`` (never live so far), ``live``, or ``retired`` (was live).
        created: moment in UTC.
        plugin, plugin_version: the distribution that declared the head when it was trained.
        dataset_version: of the data set it learned from.
        objective: of the head.
        metrics: by name, on the rows the manifest tells of.
        run: the run that trained it.
        tenant: whose it is.
        manifest_sha256: hexadecimal checksum of its manifest.
    """

    vertical: str
    head: str
    version: str
    stage: str
    created: datetime
    plugin: str
    plugin_version: str
    dataset_version: str
    objective: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    run: str | None = None
    tenant: str = "default"
    manifest_sha256: str = ""

    @property
    def reference(self) -> str:
        """``vertical/head@v3``."""
        return f"{self.vertical}/{self.head}@{self.version}"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of a head's live version.

    Args:
        version: what became live.
        previous: what was live until then; ``None`` where nothing was.
        at: moment in UTC.
        why: the reason given.
        kind: ``promotion`` or ``rollback``.
    """

    version: str
    previous: str | None
    at: datetime
    why: str
    kind: str


class VersionTable:
    """The rows of versions. The folders on disk are `Registry`'s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: VersionRecord) -> VersionRecord:
        """Insert a version as a candidate; where it has a row already, that row is returned unchanged."""
        values = {name: getattr(record, name) for name in VersionRecord.__slots__ if name not in ("version", "stage")}
        with self._database.write() as connection:
            connection.execute(
                insert_if_absent(connection, versions).values(
                    number=number_of(record.version), stage="candidate", **values
                )
            )
            return _record(_row(connection, record.vertical, record.head, record.version))

    def highest(self, vertical: str, head: str) -> int:
        """The highest number ever given to a version of the head, 0 where there is none."""
        query = select(func.max(versions.c.number)).where(versions.c.vertical == vertical, versions.c.head == head)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or 0

    def get(self, vertical: str, head: str, version: str) -> VersionRecord:
        """One version by its name, or by ``live`` or ``latest``.

        Raises:
            NotFound: there is none; the message names those there are.
        """
        with self._database.read() as connection:
            return _record(_row(connection, vertical, head, version))

    def list(self, vertical: str | None = None, head: str | None = None) -> builtins.list[VersionRecord]:
        """Versions by vertical and head, newest first; each name given narrows the list."""
        query = select(versions).order_by(versions.c.vertical, versions.c.head, versions.c.number.desc())
        for column, value in ((versions.c.vertical, vertical), (versions.c.head, head)):
            if value is not None:
                query = query.where(column == value)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def live(self, vertical: str, head: str) -> VersionRecord | None:
        """The live version, if there is one."""
        with self._database.read() as connection:
            row = _live(connection, vertical, head)
        return None if row is None else _record(row)

    def promote(self, vertical: str, head: str, version: str, *, why: str = "") -> VersionRecord:
        """Make a version live and retire the one that was; a version that is live already stays as it is.

        Raises:
            NotFound: there is no such version.
        """
        with self._database.write() as connection:
            _lock(connection, vertical, head)
            row = _row(connection, vertical, head, version)
            if row.stage == "live":
                return _record(row)
            return _make_live(connection, row, "promotion", why)

    def rollback(self, vertical: str, head: str, *, why: str = "") -> VersionRecord:
        """Go back to the version that was live before the live one was promoted.

        Repeated, it walks further back, promotion by promotion, and never forward again.

        Raises:
            Conflict: nothing is live, or nothing was before.
        """
        with self._database.write() as connection:
            _lock(connection, vertical, head)
            number = _before_live(connection, vertical, head)
            return _make_live(connection, _row(connection, vertical, head, f"v{number}"), "rollback", why)

    def before_live(self, vertical: str, head: str) -> VersionRecord:
        """The version that `rollback` would go back to.

        Raises:
            Conflict: nothing is live, or nothing was before.
        """
        with self._database.read() as connection:
            return _record(_row(connection, vertical, head, f"v{_before_live(connection, vertical, head)}"))

    def history(self, vertical: str, head: str) -> builtins.list[Promotion]:
        """All changes of the live version, oldest first."""
        with self._database.read() as connection:
            return [
                Promotion(
                    f"v{row.number}", None if row.previous is None else f"v{row.previous}", row.at, row.why, row.kind
                )
                for row in _changes(connection, vertical, head)
            ]

    def live_signature(self) -> int:
        """A number that grows whenever any live version changes; cheap enough to poll."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(promotions)).scalar_one()


def number_of(version: str) -> int | None:
    """3 for ``v3``; ``None`` for anything that is no version name."""
    digits = version.removeprefix("v")
    valid = version.startswith("v") and digits.isascii() and digits.isdigit() and digits[0] != "0" and len(digits) < 10
    return int(digits) if valid else None


def _row(connection: Connection, vertical: str, head: str, version: str) -> Row[Any]:
    of_head = select(versions).where(versions.c.vertical == vertical, versions.c.head == head)
    if version == "live":
        query = of_head.where(versions.c.stage == "live")
    elif version == "latest":
        query = of_head.order_by(versions.c.number.desc()).limit(1)
    else:
        query = of_head.where(versions.c.number == (number_of(version) or 0))
    found = connection.execute(query).first()
    if found is not None:
        return found
    known = [f"v{row.number}" for row in connection.execute(of_head.order_by(versions.c.number))]
    if not known:
        raise NotFound(f"{vertical}/{head} has no version.", f"Train one with `platform train {vertical} {head}`.")
    if version == "live":
        raise NotFound(
            f"{vertical}/{head} has no live version.",
            f"Promote one of {', '.join(known)} with `platform models promote`.",
        )
    raise NotFound.named(f"version of {vertical}/{head} called", version, known)


def _live(connection: Connection, vertical: str, head: str) -> Row[Any] | None:
    return connection.execute(
        select(versions).where(versions.c.vertical == vertical, versions.c.head == head, versions.c.stage == "live")
    ).first()


def _lock(connection: Connection, vertical: str, head: str) -> None:
    """Hold the head's rows, so that changes of its live version follow one another."""
    connection.execute(
        select(versions.c.number)
        .where(versions.c.vertical == vertical, versions.c.head == head)
        .order_by(versions.c.number)
        .with_for_update()
    ).all()


def _make_live(connection: Connection, row: Row[Any], kind: str, why: str) -> VersionRecord:
    former = _live(connection, row.vertical, row.head)
    of_head = update(versions).where(versions.c.vertical == row.vertical, versions.c.head == row.head)
    # In this order, for the database itself allows one live version at a time.
    connection.execute(of_head.where(versions.c.stage == "live").values(stage="retired"))
    live = connection.execute(
        of_head.where(versions.c.number == row.number).values(stage="live").returning(versions)
    ).one()
    previous = None if former is None else former.number
    connection.execute(
        insert(promotions).values(
            vertical=row.vertical,
            head=row.head,
            number=row.number,
            previous=previous,
            kind=kind,
            why=why,
            at=datetime.now(UTC),
        )
    )
    told = {"head": row.head, "version": f"v{row.number}", "previous": previous and f"v{previous}"}
    appended(connection, row.vertical, PROMOTION, checked({**told, "change": kind, "why": why}, "A promotion"))
    return _record(live)


def _changes(connection: Connection, vertical: str, head: str) -> builtins.list[Row[Any]]:
    return list(
        connection.execute(
            select(promotions)
            .where(promotions.c.vertical == vertical, promotions.c.head == head)
            .order_by(promotions.c.id)
        )
    )


def _before_live(connection: Connection, vertical: str, head: str) -> int:
    """Replay the history as a stack: a promotion lays the new version on top, a rollback takes the top off."""
    stack: builtins.list[int] = []
    for change in _changes(connection, vertical, head):
        if change.kind == "promotion":
            stack.append(change.number)
        else:
            stack.pop()
    if not stack:
        raise Conflict(
            f"{vertical}/{head} has no live version to roll back from.", "Promote one with `platform models promote`."
        )
    if len(stack) == 1:
        raise Conflict(
            f"Before {vertical}/{head}@v{stack[0]} no other version was live.",
            "To use another version, promote it with `platform models promote`.",
        )
    return stack[-2]


def _record(row: Row[Any]) -> VersionRecord:
    values = dict(row._mapping)  # noqa: SLF001 (the public name of SQLAlchemy's row interface)
    return VersionRecord(version=f"v{values.pop('number')}", **values)
