"""``/v1/customer-service/results``: how well customers are served."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from verticals import BadInput, CurrentVertical

from .results import Report, report

router = APIRouter()
DAYS = 30


@router.get("/results")
async def get_results(
    vertical: CurrentVertical,
    since: Annotated[date | None, Query(description="First day (UTC); 30 days back when left out")] = None,
    until: Annotated[date | None, Query(description="Last day (UTC); today when left out")] = None,
) -> Report:
    """Containment, handover, reopening, durable resolution and satisfaction, in all, by day and by intent."""
    last = until or datetime.now(UTC).date()
    first = since or last - timedelta(days=DAYS - 1)
    if first > last:
        raise BadInput(f"The time begins on {first}, after it ends on {last}.", "Give `since` before `until`.")
    return await report(vertical, first, last)
