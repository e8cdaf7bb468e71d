"""A past dialogue as it is stored, and what may be wrong with a row of a log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Role = Literal["customer", "agent"]


class Turn(BaseModel):
    """What one side said; personal data is replaced by placeholders."""

    role: Role
    text: str
    at: datetime | None = None


class Dialogue(BaseModel):
    """A past dialogue between a customer and the shop; the payload of the event ``dialogue``."""

    dialogue: str = Field(description="Its id in the log", max_length=200)
    source: str = Field("", description="Name of the file that it came from")
    turns: list[Turn]
    resolved: bool | None = Field(None, description="Whether the matter was settled; none where the log does not say")
    csat: float | None = Field(None, ge=0, le=5, description="The customer's rating, 1 to 5")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a log.

    Args:
        row: where, counted from 1, as an editor shows it.
        field: of the row; empty where it is the row itself.
        problem: what is wrong.
        remedy: what to do about it.
        kept: whether the dialogue was imported all the same, without this detail.
    """

    row: int
    field: str
    problem: str
    remedy: str = ""
    kept: bool = False

    def __str__(self) -> str:
        where = f"row {self.row}, {self.field}" if self.field else f"row {self.row}"
        return f"{where}: {self.problem}.{f' {self.remedy}' if self.remedy else ''}"


@dataclass(frozen=True, slots=True)
class Raw:
    """A dialogue as a log has it: ``values`` in the shape ``{dialogue_id, turns, resolved, csat}``, yet unchecked.

    Args:
        row: where it begins.
        values: of the dialogue.
        rows: of its turns, where each has its own.
        problems: that the reader met in it.
    """

    row: int
    values: dict[str, Any]
    rows: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()


Rows = Iterable[Raw | Problem]
