"""Every error a user can meet: what was wrong, where, and what to do about it.

An error knows its exit code (command line) and its HTTP status and problem type (API), so each door can
answer in its own way without a table of special cases.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


class PlatformError(Exception):
    """Base of all errors meant for a person.

    Args:
        message: what was wrong and where, one sentence.
        remedy: what to do about it, one sentence; empty where the message says it already.
    """

    exit_code = 1
    status = 500
    type = "internal"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class BadInput(PlatformError):
    """The caller gave something that cannot be used as it is."""

    exit_code = 2
    status = 422
    type = "bad-input"


class NotFound(PlatformError):
    """A name that nothing answers to."""

    exit_code = 3
    status = 404
    type = "not-found"

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str], of: str = "") -> NotFound:
        """An unknown ``name``, ``of`` something where it belongs to it, with the nearest of the ``known`` suggested."""
        return cls(f"{of} has no {kind} {name!r}." if of else f"There is no {kind} {name!r}.", suggest(name, known))


class Conflict(PlatformError):
    """The state does not allow it now: a name taken, a lock held, a version that moved."""

    exit_code = 4
    status = 409
    type = "conflict"


class Unavailable(PlatformError):
    """Cannot be done now but may be done later: overload, shutdown, a part that is not ready.

    Args:
        message, remedy: see `PlatformError`.
        seconds: after which to try again.
    """

    exit_code = 5
    status = 503
    type = "unavailable"

    def __init__(self, message: str, remedy: str = "", seconds: float = 5.0) -> None:
        super().__init__(message, remedy)
        self.seconds = seconds


class TooMany(Unavailable):
    """The caller has as much waiting as one may have."""

    status = 429
    type = "too-many-requests"


class TooLate(Unavailable):
    """The time that the caller would wait was over before its turn came."""

    status = 504
    type = "too-late"


class StorageError(PlatformError):
    """The home folder, a file or the database cannot be read or written."""

    exit_code = 6
    status = 507
    type = "storage"


class Damaged(StorageError):
    """Stored data does not match its checksum or schema; nothing was loaded."""

    status = 500
    type = "damaged"


class PluginError(PlatformError):
    """A plugin that was asked for by name cannot be used."""

    exit_code = 7
    type = "plugin"


class SettingsError(PlatformError):
    """A setting is unknown or has a value that cannot be used."""

    exit_code = 8
    type = "settings"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One bad row of a file: ``row`` counts from 1, as an editor or spreadsheet shows it, header included."""

    row: int
    field: str
    problem: str
    value: str = ""

    def __str__(self) -> str:
        shown = f" (got {self.value[:60]!r})" if self.value else ""
        return (
            f"row {self.row}, {self.field}: {self.problem}{shown}"
            if self.field
            else f"row {self.row}: {self.problem}{shown}"
        )


class BadRows(BadInput):
    """Rows of a file that do not fit, all reported together; nothing of the file was imported."""

    type = "bad-rows"

    def __init__(self, source: str, problems: Sequence[RowProblem], remedy: str = "") -> None:
        self.source = source
        self.problems = tuple(problems)
        shown = "".join(f"\n  {problem}" for problem in self.problems[:20])
        more = f"\n  … and {len(self.problems) - 20} more" if len(self.problems) > 20 else ""
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__(f"{source}: {count}; nothing was imported.{shown}{more}\n", remedy)


class BadFiles(BadInput):
    """Files that cannot be read, whole or in part, all reported together; the others of the request were imported.

    Args:
        problems: path and problem of each.
        files: how many there were in all.
        stored: what became of the others, in figures by name.
    """

    type = "bad-files"

    def __init__(self, problems: Sequence[tuple[str, str]], files: int, stored: Mapping[str, int]) -> None:
        self.problems, self.stored = tuple(problems), dict(stored)
        bad = len({path for path, _ in problems})
        told = f"{'1 file' if bad == 1 else f'{bad:,} files'} of {files:,} cannot be read, whole or in part."
        super().__init__(told, "Correct them and send them again.")


def suggest(name: str, known: Iterable[str]) -> str:
    """'Did you mean …?' for the nearest known name, else the list of what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), [known_name.lower() for known_name in names], n=1, cutoff=0.55)
    if near:
        return f"Did you mean {next(known_name for known_name in names if known_name.lower() == near[0])!r}?"
    return f"There is: {', '.join(names)}." if names else "There is none yet."
