"""What a run measured on its way: the figures of its epochs, and a thinned curve of its training loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, insert, select

from .database import Database
from .schema import curves
from .values import checked, finite

Kind = Literal["step", "epoch"]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Point:
    """Figures at one moment of training.

    Args:
        kind: ``step``, measured on training batches, or ``epoch``, on the held-out rows after an epoch.
        at: for a step the training rows seen so far, all epochs together; for an epoch its number, from 1 (0: before
            any, as the head alone).
        figures: by name; ``None`` for one that is not a number.
    """

    kind: Kind
    at: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Curves:
    """All points of one run, each kind in its order."""

    steps: tuple[Point, ...] = ()
    epochs: tuple[Point, ...] = ()


class CurveLog:
    """The curves of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: str, points: Iterable[Point]) -> None:
        """Write points; one that is there already (a resumed run measures again) is replaced.

        Raises:
            BadInput: a figure has no JSON form.
        """
        rows = [
            {"run": run, "kind": one.kind, "at": one.at, "figures": checked(finite(one.figures), "A point of a curve")}
            for one in points
        ]
        if not rows:
            return
        with self._database.write() as connection:
            for kind in ("step", "epoch"):
                places = [row["at"] for row in rows if row["kind"] == kind]
                connection.execute(delete(curves).where(_of(run, kind), curves.c.at.in_(places)))
            connection.execute(insert(curves), rows)

    def forget_steps(self, run: str, *, after: int | None = None, at: Sequence[int] = ()) -> None:
        """Remove steps: those beyond ``after`` rows, as when a run goes back to a checkpoint, and those ``at``."""
        with self._database.write() as connection:
            if after is not None:
                connection.execute(delete(curves).where(_of(run, "step"), curves.c.at > after))
            for first in range(0, len(at), _AT_ONCE):
                connection.execute(
                    delete(curves).where(_of(run, "step"), curves.c.at.in_(at[first : first + _AT_ONCE]))
                )

    def of(self, run: str) -> Curves:
        """The curves of a run; empty where it has none, or there is no such run."""
        query = select(curves.c.kind, curves.c.at, curves.c.figures).where(curves.c.run == run).order_by(curves.c.at)
        with self._database.read() as connection:
            points = [Point(row.kind, row.at, row.figures) for row in connection.execute(query)]
        return Curves(
            tuple(one for one in points if one.kind == "step"), tuple(one for one in points if one.kind == "epoch")
        )


def _of(run: str, kind: str) -> Any:
    return (curves.c.run == run) & (curves.c.kind == kind)
