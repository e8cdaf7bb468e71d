"""What a check of the conformance kit says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from verticals.contract import PlatformError


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check on one thing.

    Args:
        check: its name, as ``light import``.
        subject: what was looked at, as ``head tone``; empty for the plugin as a whole.
        status: ``passed``, ``failed`` or ``skipped``.
        detail: what was found.
        remedy: what to do about a failure.
    """

    check: str
    subject: str
    status: Literal["passed", "failed", "skipped"]
    detail: str = ""
    remedy: str = ""

    @classmethod
    def passed(cls, check: str, subject: str = "", detail: str = "") -> Result:
        """All is well."""
        return cls(check, subject, "passed", detail)

    @classmethod
    def failed(cls, check: str, subject: str, detail: str, remedy: str = "") -> Result:
        """The contract is not held."""
        return cls(check, subject, "failed", detail, remedy)

    @classmethod
    def skipped(cls, check: str, subject: str, detail: str) -> Result:
        """There is nothing to check, or it cannot be checked."""
        return cls(check, subject, "skipped", detail)

    @classmethod
    def of(cls, check: str, subject: str, error: BaseException) -> Result:
        """A failure that showed itself as an exception."""
        if isinstance(error, PlatformError):
            return cls.failed(check, subject, error.message, error.remedy)
        return cls.failed(check, subject, described(error))

    def __str__(self) -> str:
        parts = (f"{self.check} {self.subject}".strip(), self.detail, self.remedy)
        return ": ".join(part for part in parts[:2] if part) + (f"\n  {parts[2]}" if parts[2] else "")


def described(error: BaseException) -> str:
    """An exception in one line."""
    lines: list[Any] = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
