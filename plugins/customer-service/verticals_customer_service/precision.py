"""Whether a stated precision is kept: by the newest measurement, if the versions that it was made with still answer.

After a promotion or a rollback a measurement is of heads that no longer answer, and tells nothing of those that do.
Until it is made anew the thresholds of the settings decide alone, as where no precision is stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from verticals import Notice

from .finding import RANKER
from .trust import AnswersCalibrated, Trust, fewest

if TYPE_CHECKING:
    from verticals import ServedVertical, Vertical

KIND = "answers-calibrated"
PROMOTION = "promotion"  # the platform's own kind, of each change of a live version
MEASURED = ("intent", RANKER)  # the heads whose versions a measurement is of
_MEASURE = "Run: platform customer-service calibrate"
_MEANWHILE = "Until it is measured again, confidence_threshold and similarity_threshold alone decide."
_PAGE = 500


def notices(vertical: Vertical) -> list[Notice]:
    """That the precision which the settings state is not kept, where that is so."""
    stated = vertical.settings.answer_precision
    if not stated:
        return []
    notice = unkept(latest(vertical), stated, live_versions(vertical))
    return [notice] if notice else []


def unkept(measured: AnswersCalibrated | None, precision: float, live: Mapping[str, str]) -> Notice | None:
    """Why a precision is not kept, and what to do; `None` where it is.

    Args:
        measured: the newest measurement.
        precision: that is stated.
        live: the versions of `MEASURED` that answer now; empty for a head that has none.
    """

    def notice(why: str, remedy: str = _MEASURE) -> Notice:
        return Notice(f"answer_precision = {precision} is not kept: {why}.", remedy)

    if measured is None:
        return notice("it was not measured yet")
    if Trust.of(measured) is None:
        return notice("it was measured by another release")
    if not of_these(measured, live):
        told = ", ".join(
            f"{measured.versions.get(name) or 'no ' + name} ({live[name] or 'none'} is live)"
            for name in MEASURED
            if measured.versions.get(name, "") != live[name]
        )
        return notice(f"it was measured with {told}", f"{_MEANWHILE} {_MEASURE}")
    if measured.point(precision) is not None:
        return None
    given, right = len(measured.right), sum(measured.right)
    if given < fewest(precision):
        return notice(
            f"{given:,} held-out questions got an answer, and {precision:.0%} takes {fewest(precision):,}, even if all "
            "are right",
            "Import more rows with --split test, then calibrate again.",
        )
    return notice(
        f"of {given:,} held-out answers {right:,} are right, and no part of them is surely right often enough",
        "Import more rows with --split test, improve what answers wrongly, or state a lower precision.",
    )


def of_these(measured: AnswersCalibrated, live: Mapping[str, str]) -> bool:
    """Whether it was measured with the versions that answer now."""
    return all(measured.versions.get(name, "") == live[name] for name in MEASURED)


def live_versions(vertical: Vertical) -> dict[str, str]:
    """The live versions of `MEASURED`; empty for a head that has none."""
    return {name: record.reference if (record := vertical.head(name).live) else "" for name in MEASURED}


async def served_versions(vertical: ServedVertical) -> dict[str, str]:
    """The live versions of `MEASURED`, while the vertical serves."""
    found = {name: await vertical.head(name).versions() for name in MEASURED}
    return {name: next((one.reference for one in every if one.stage == "live"), "") for name, every in found.items()}


async def newest(vertical: ServedVertical) -> AnswersCalibrated | None:
    """The newest measurement, while the vertical serves; `None` where there was none."""
    found, after = None, 0
    while page := await vertical.events.read(after=after, limit=_PAGE, kinds=[KIND]):
        found, after = page[-1], page[-1].offset
    return AnswersCalibrated.model_validate(found.payload) if found else None


def latest(vertical: Vertical) -> AnswersCalibrated | None:
    """The newest measurement; `None` where there was none."""
    found, after = None, 0
    while page := vertical.events.read(after=after, limit=_PAGE, kinds=[KIND]):
        found, after = page[-1], page[-1].offset
    return AnswersCalibrated.model_validate(found.payload) if found else None
