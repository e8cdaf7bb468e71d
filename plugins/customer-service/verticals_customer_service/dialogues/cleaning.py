"""A dialogue of a log as a record: roles, times and marks in one form, text plain and without personal data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from verticals_customer_service.redaction import Found, Redactor

from .plain import plain
from .records import Dialogue, Problem, Raw, Role, Turn

LONGEST_TURN = 20_000  # characters; the rest is cut off
MOST_TURNS = 50_000
_ROLES: dict[Role, str] = {
    "customer": "customer user visitor client contact enduser end-user end_user buyer guest requester 客户 用户 顾客",
    "agent": "agent assistant operator support admin bot staff employee representative human csr 客服",
}
_ROLE_OF: dict[str, Role] = {word: role for role, words in _ROLES.items() for word in words.split()}
_YES = frozenset({"true", "yes", "y", "1", "resolved", "solved", "closed", "done"})
_NO = frozenset({"false", "no", "n", "0", "unresolved", "open", "pending", "new", "hold", "snoozed"})
_RATINGS = {"good": 5.0, "bad": 1.0}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a row.

    Args:
        dialogue: without its source; `None` where the row cannot be used.
        problems: what was wrong; where there is a dialogue, it is in it without these details.
        originals: what was redacted, by turn.
    """

    dialogue: Dialogue | None
    problems: tuple[Problem, ...]
    originals: tuple[tuple[int, tuple[Found, ...]], ...] = ()


def clean(raw: Raw, redactor: Redactor) -> Cleaned:
    """Check a dialogue and bring it to one form; nothing of it is stored before."""
    told = _Told(raw)
    name = raw.values.get("dialogue_id")
    name = str(name).strip() if isinstance(name, str | int) and not isinstance(name, bool) else ""
    if not name:
        told.bad("dialogue_id", "is missing", "Give each dialogue an id of its own.")
    elif len(name) > 200 or not name.isprintable():
        told.bad("dialogue_id", "is longer than 200 characters or not printable", "Shorten it.")
    if redactor.find(name):  # the id is an e-mail address or a phone number, which must not stay either
        name = f"person-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    turns, originals = _turns(raw, redactor, told)
    resolved = _resolved(raw.values.get("resolved"), told)
    csat = _csat(raw.values.get("csat"), told)
    if any(not problem.kept for problem in told.problems):
        return Cleaned(None, tuple(told.problems))
    dialogue = Dialogue(dialogue=name, turns=turns, resolved=resolved, csat=csat)
    return Cleaned(dialogue, tuple(told.problems), originals)


class _Told:
    """Collects the problems of one dialogue."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self.problems: list[Problem] = list(raw.problems)

    def bad(self, field: str, problem: str, remedy: str, turn: int | None = None) -> None:
        self._add(field, problem, remedy, turn, kept=False)

    def note(self, field: str, problem: str, remedy: str = "", turn: int | None = None) -> None:
        self._add(field, problem, remedy, turn, kept=True)

    def _add(self, field: str, problem: str, remedy: str, turn: int | None, *, kept: bool) -> None:
        row = self._raw.row
        if turn is not None and self._raw.rows:  # a turn with a row of its own
            row = self._raw.rows[turn]
        elif turn is not None:
            field = f"turns[{turn}].{field}" if field else f"turns[{turn}]"
        self.problems.append(Problem(row, field, problem, remedy, kept))


def _turns(raw: Raw, redactor: Redactor, told: _Told) -> tuple[list[Turn], tuple[tuple[int, tuple[Found, ...]], ...]]:
    given = raw.values.get("turns")
    if not isinstance(given, list):
        told.bad("turns", "is missing or no list", "Write a list of objects with role and text.")
        return [], ()
    if len(given) > MOST_TURNS:
        told.bad("turns", f"has {len(given):,} turns; at most {MOST_TURNS:,} are read", "Split the dialogue.")
        return [], ()
    turns: list[Turn] = []
    originals: list[tuple[int, tuple[Found, ...]]] = []
    latest: datetime | None = None
    backwards = 0
    for number, one in enumerate(given):
        if not isinstance(one, Mapping):
            told.bad("", "is no object", "Write each turn as an object with role and text.", number)
            continue
        role, text, at = _role(one, number, told), _text(one, number, told), _time(one.get("ts"), number, told)
        if role is None or not text:
            continue
        backwards += bool(at and latest and at < latest)
        latest = at or latest
        redacted = redactor.redact(text)
        if redacted.found:
            originals.append((len(turns), redacted.found))
        turns.append(Turn(role=role, text=redacted.text, at=at))
    if not turns and not any(not problem.kept for problem in told.problems):
        told.bad("turns", "has no turn with text", "Leave the dialogue out, or give its turns text.")
    if backwards:
        times = "once" if backwards == 1 else f"{backwards:,} times"
        told.note("ts", f"the clock goes backwards {times}; the order of the rows counts")
    return turns, tuple(originals)


def _role(turn: Mapping[str, Any], number: int, told: _Told) -> Role | None:
    given = turn.get("role")
    role = _ROLE_OF.get(given.strip().lower()) if isinstance(given, str) else None
    if role is None and given not in ("system", "activity"):
        what = f"{given!r} is no role" if given not in (None, "") else "is missing"
        told.bad("role", what[:80], "Write customer or agent.", number)
    return role


def _text(turn: Mapping[str, Any], number: int, told: _Told) -> str:
    given = turn.get("text")
    if given is None or given == "":
        return ""  # a picture, a file, a reaction
    if not isinstance(given, str):
        told.bad("text", f"is {type(given).__name__}, not text", "Write it as a string.", number)
        return ""
    if any("\ud800" <= sign <= "\udfff" for sign in given):
        told.bad("text", "has bytes that are no UTF-8", "Save the file as UTF-8, or name its --encoding.", number)
        return ""
    if len(given) > LONGEST_TURN:
        told.note("text", f"has {len(given):,} characters; the first {LONGEST_TURN:,} are kept", turn=number)
    return plain(given[:LONGEST_TURN])


def _time(given: object, number: int, told: _Told) -> datetime | None:
    if given in (None, ""):
        return None
    try:
        if isinstance(given, str) and not given.replace(".", "", 1).isdigit():
            at = datetime.fromisoformat(given.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        seconds = float(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else math.nan
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        told.note("ts", f"{str(given)[:40]!r} is no time and left out", "Write it as 2026-11-21T09:30:00Z.", number)
        return None


def _resolved(given: object, told: _Told) -> bool | None:
    if given is None or given == "" or isinstance(given, bool):
        return given if isinstance(given, bool) else None
    word = str(given).strip().lower()
    if word not in _YES | _NO:
        told.note("resolved", f"{word[:40]!r} is neither true nor false, and left out", "Write true or false.")
        return None
    return word in _YES


def _csat(given: object, told: _Told) -> float | None:
    if given is None or given == "":
        return None
    try:
        value = _RATINGS[given] if isinstance(given, str) and given in _RATINGS else float(str(given))
        if not 0 <= value <= 5:
            raise ValueError
    except ValueError:
        told.note("csat", f"{str(given)[:40]!r} is no rating, and left out", "Write a number from 1 to 5.")
        return None
    return value
