"""``/v1/customer-service/traces``: why an answer was given, what would have given another one, and corrections."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .answering import Answering
from .confirming import Confirming
from .suggestions import Suggestion
from .teaching import LONGEST_ANSWER
from .traces import Replay, Thresholds, TracedTurn

router = APIRouter()


class WhatIf(BaseModel):
    """What to try; what is left out stays as it was."""

    confidence: float | None = Field(None, ge=0, le=1, examples=[0.9])
    similarity: float | None = Field(None, ge=0, le=1, examples=[0.2])
    certainty: float | None = Field(None, ge=0, le=1, examples=[0.8])
    failures: int | None = Field(None, ge=1, examples=[3])
    version: str | None = Field(
        None, max_length=64, description="Of the head `intent`, to read the message anew", examples=["v1"]
    )


class Correction(BaseModel):
    """What a message was really about."""

    intent: str = Field(max_length=200, examples=["gift_wrapping"], description="In snake_case; it may be a new one")
    answer: str = Field("", max_length=LONGEST_ANSWER, description="What should have been said")
    by: str = Field("", max_length=100, examples=["Dana"], description="Who says so")


@router.get("/traces/{trace_id}")
async def get_trace(trace_id: str, vertical: CurrentVertical) -> TracedTurn:
    """All that one answer depended on: ranking, thresholds, passages, template."""
    return await Answering(vertical).traced(trace_id)


@router.post("/traces/{trace_id}/replay")
async def replay(trace_id: str, other: WhatIf, vertical: CurrentVertical) -> Replay:
    """What would have been said with other thresholds, or by another version of the head; nothing is written."""
    answering = Answering(vertical)
    used = (await answering.traced(trace_id)).trace.thresholds
    changes = other.model_dump(exclude_none=True, exclude={"version"})
    return await answering.replay(trace_id, Thresholds(**{**used.model_dump(), **changes}), other.version)


@router.post("/traces/{trace_id}/correction", status_code=201)
async def correct(trace_id: str, correction: Correction, vertical: CurrentVertical) -> Suggestion:
    """Say what the customer's message was really about: a suggestion, to be accepted before anything is learned."""
    return await Confirming(vertical).correct(trace_id, correction.intent, correction.answer, correction.by)
