"""The training runs: who trains what, how far it is, how it ended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from verticals.contract import BadInput, NotFound, check_name, suggest

from .database import Database
from .process import Process
from .schema import runs
from .values import checked, finite

STATUSES = ("running", "interrupted", "failed", "pruned", "finished")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One training run.

    Args:
        id: sorts by start, such as ``20261121-213700-ab12``; may name a folder.
        vertical, head: what is trained.
        status: ``running``, ``interrupted``, ``failed``, ``pruned`` (a trial given up early) or ``finished``.
        dataset_version: of the data set it learns from.
        recipe: how it trains, as plain values.
        seed: of everything random.
        progress: how far it is, as the training loop last said.
        metrics: by name; ``None`` for one that is not a number.
        version: what it saved, such as ``v3``.
        error: why it failed.
        started, updated: moments in UTC.
        machine, process: where it runs, or last ran.
        search: the search of recipes it is a trial of; ``None`` for a run of its own.
    """

    id: str
    vertical: str
    head: str
    status: str
    dataset_version: str
    recipe: Mapping[str, Any]
    seed: int
    progress: Mapping[str, Any]
    metrics: Mapping[str, Any]
    version: str | None
    error: str | None
    started: datetime
    updated: datetime
    machine: str
    process: int
    tenant: str = "default"
    search: str | None = None


class RunLog:
    """The runs of all heads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        vertical: str,
        head: str,
        *,
        dataset_version: str,
        recipe: Mapping[str, Any],
        seed: int,
        tenant: str = "default",
        search: str | None = None,
    ) -> RunRecord:
        """Note that this process begins to train a head, of its own or as a trial of a search.

        Raises:
            BadInput: a name or the recipe is malformed.
        """
        for name, what in ((vertical, "vertical name"), (head, "head name"), (tenant, "tenant name")):
            check_name(name, what)
        now = datetime.now(UTC)
        values = {
            "vertical": vertical,
            "head": head,
            "tenant": tenant,
            "status": "running",
            "dataset_version": dataset_version,
            "recipe": checked(finite(recipe), "The recipe"),
            "seed": seed,
            "progress": {},
            "metrics": {},
            "started": now,
            "updated": now,
            "search": search,
            **_here(),
        }
        while True:
            name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            try:
                with self._database.write() as connection:
                    return _record(connection.execute(insert(runs).values(id=name, **values).returning(runs)).one())
            except IntegrityError:
                continue  # another run of this second drew the same four digits

    def update(
        self,
        run: str,
        *,
        progress: Mapping[str, Any] | None = None,
        status: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        version: str | None = None,
        error: str | None = None,
    ) -> None:
        """Change what is given and keep the rest. A run set to ``running`` again belongs to this process.

        Raises:
            NotFound: there is no such run.
            BadInput: the status is unknown, or values have no JSON form.
        """
        if status is not None and status not in STATUSES:
            raise BadInput(f"{status!r} is no status of a run.", suggest(status, STATUSES))
        changes: dict[str, Any] = {"status": status, "version": version, "error": error}
        if progress is not None:
            changes["progress"] = checked(finite(progress), "The progress")
        if metrics is not None:
            changes["metrics"] = checked(finite(metrics), "The metrics")
        changes = {name: value for name, value in changes.items() if value is not None}
        if status == "running":
            changes |= _here()
        changes["updated"] = datetime.now(UTC)
        with self._database.write() as connection:
            changed = connection.execute(update(runs).where(runs.c.id == run).values(changes)).rowcount
        if not changed:
            raise self._unknown(run)

    def get(self, run: str) -> RunRecord:
        """One run.

        Raises:
            NotFound: there is no such run; the nearest is suggested.
        """
        with self._database.read() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run)).first()
        if row is None:
            raise self._unknown(run)
        return _record(row)

    def list(
        self,
        vertical: str | None = None,
        head: str | None = None,
        status: str | None = None,
        limit: int = 50,
        *,
        search: str | None = None,
        trials: bool = False,
    ) -> list[RunRecord]:
        """Runs, newest first, at most ``limit``; each name given narrows the list.

        Trials of searches are left out, unless there are to be ``trials`` or those of one ``search``.
        """
        query = select(runs).order_by(runs.c.started.desc(), runs.c.id.desc()).limit(limit)
        if search is None and not trials:
            query = query.where(runs.c.search.is_(None))
        wanted = ((runs.c.vertical, vertical), (runs.c.head, head), (runs.c.status, status), (runs.c.search, search))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def notice_interrupted(self) -> int:
        """Set runs to ``interrupted`` whose process on this machine is gone; how many there were."""
        with self._database.read() as connection:
            running = connection.execute(select(runs).where(runs.c.status == "running")).all()
        gone = [row.id for row in running if Process(row.machine, row.process, row.process_born).is_gone()]
        if gone:
            with self._database.write() as connection:
                connection.execute(
                    update(runs)
                    .where(runs.c.id.in_(gone), runs.c.status == "running")
                    .values(status="interrupted", updated=datetime.now(UTC))
                )
        return len(gone)

    def _unknown(self, run: str) -> NotFound:
        with self._database.read() as connection:
            known = connection.execute(select(runs.c.id).order_by(runs.c.id.desc()).limit(20)).scalars().all()
        return NotFound.named("run", run, known)


def _here() -> dict[str, Any]:
    process = Process.current()
    return {"machine": process.machine, "process": process.number, "process_born": process.born}


def _record(row: Row[Any]) -> RunRecord:
    values = dict(row._mapping)  # noqa: SLF001 (the public name of SQLAlchemy's row interface)
    del values["process_born"]
    return RunRecord(**values)
