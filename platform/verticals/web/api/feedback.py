"""What people say about an answer: a thumb, or what would have been right."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Body, Header
from pydantic import BaseModel, ConfigDict, Field, model_validator

from verticals.contract import Event
from verticals.web.site import CurrentSite

router = APIRouter()
KIND = "feedback"


class Feedback(BaseModel):
    """A thumb, a correction, or both."""

    model_config = ConfigDict(extra="forbid")

    vertical: str
    thumb: Literal["up", "down"] | None = None
    correction: str | None = Field(None, min_length=1, max_length=10_000, description="What would have been right")
    head: str | None = Field(None, description="The head that was corrected")
    input: Any = Field(None, description="What the head was asked")
    event: int | None = Field(None, ge=1, description="Offset of the event that this is about")
    comment: str = Field("", max_length=10_000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.thumb is None and self.correction is None:
            raise ValueError("give a thumb, a correction, or both")
        if self.correction is not None and self.head is None:
            raise ValueError("a correction names the head that it corrects")
        return self


_EXAMPLES: dict[str, Any] = {
    "thumb": {"summary": "A thumb", "value": {"vertical": "customer-service", "thumb": "up", "event": 12}},
    "correction": {
        "summary": "A correction",
        "value": {
            "vertical": "customer-service",
            "head": "intent",
            "input": "My parcel is soaked",
            "correction": "damaged_item",
        },
    },
}


@router.post("/feedback", status_code=201, summary="Say whether an answer was right")
def give_feedback(
    body: Annotated[Feedback, Body(openapi_examples=_EXAMPLES)],
    site: CurrentSite,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="The same key again writes nothing and returns the first event")
    ] = None,
) -> Event:
    """Appended to the vertical's log as an event of kind `feedback`."""
    site.vertical(body.vertical)
    if body.head is not None:
        site.task(body.vertical, body.head)
    payload = body.model_dump(exclude={"vertical"}, exclude_defaults=True)
    return site.host.store.events.append(body.vertical, KIND, payload, key=idempotency_key, tenant=site.tenant)
