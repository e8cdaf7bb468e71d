"""``/v1/customer-service/traces``: why an answer was given, and what other thresholds would have given."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .answering import Answering
from .traces import Replay, Thresholds, TracedTurn

router = APIRouter()


class OtherThresholds(BaseModel):
    """Thresholds to try; those left out stay as they were."""

    confidence: float | None = Field(None, ge=0, le=1, examples=[0.9])
    similarity: float | None = Field(None, ge=0, le=1, examples=[0.2])
    certainty: float | None = Field(None, ge=0, le=1, examples=[0.8])
    failures: int | None = Field(None, ge=1, examples=[3])


@router.get("/traces/{trace_id}")
async def get_trace(trace_id: str, vertical: CurrentVertical) -> TracedTurn:
    """All that one answer depended on: ranking, thresholds, passages, template."""
    return await Answering(vertical).traced(trace_id)


@router.post("/traces/{trace_id}/replay")
async def replay(trace_id: str, other: OtherThresholds, vertical: CurrentVertical) -> Replay:
    """What would have been said with other thresholds; nothing is written."""
    answering = Answering(vertical)
    used = (await answering.traced(trace_id)).trace.thresholds
    return await answering.replay(trace_id, Thresholds(**{**used.model_dump(), **other.model_dump(exclude_none=True)}))
