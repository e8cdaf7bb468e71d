"""The payloads of the vertical's events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .data import Identifier

MOST_SHOWN = 200


class Impression(BaseModel):
    """Items were shown, in this order."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["impression"] = "impression"
    user_id: Identifier | None = Field(None, examples=["u-001"])
    items: list[Identifier] = Field(min_length=1, max_length=MOST_SHOWN, examples=[["i-018", "i-004"]])


class Click(BaseModel):
    """Someone opened an item. With a user, it counts as a view in that user's history."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["click"] = "click"
    user_id: Identifier | None = Field(None, examples=["u-001"])
    item: Identifier = Field(examples=["i-018"])
    place: int | None = Field(None, ge=1, le=MOST_SHOWN, description="Where in the list it stood, from 1")


class Feedback(BaseModel):
    """What someone thinks of a recommendation."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["feedback"] = "feedback"
    user_id: Identifier | None = Field(None, examples=["u-001"])
    item: Identifier = Field(examples=["i-018"])
    thumb: Literal["up", "down"]
    comment: Annotated[str, StringConstraints(max_length=2000)] = ""
