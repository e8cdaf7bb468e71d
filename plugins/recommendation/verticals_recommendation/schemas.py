"""What the API takes and gives."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from verticals import Evidence

from .data import Action, Identifier, Item, LongText, Short, Tags, Title
from .events import Click, Feedback, Impression

MOST_ITEMS = 100
LONGEST_HISTORY = 1000
_HISTORY: list[JsonValue] = ["i-002", "i-003"]

History = Annotated[list[Identifier], Field(max_length=LONGEST_HISTORY, description="Item ids, the oldest first")]


class NewItem(BaseModel):
    """An item that need not be in the catalogue."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    description: LongText = Field("", description="Read where there is neither category nor tags")
    category: Short = ""
    tags: Tags = []

    def as_item(self) -> Item:
        """The same as an item without an id."""
        return Item(item_id="-", **self.model_dump())


class ScoreRequest(BaseModel):
    """A history, and the item to judge: the id of one in the catalogue, or one described here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"history": _HISTORY, "item": "i-018"}]})

    history: History = Field(min_length=1)
    item: Identifier | NewItem


class EvidenceOut(BaseModel):
    """One item of the history, and how much it speaks for the recommended one."""

    kind: str = Field(examples=["history"])
    id: str = Field(examples=["i-003"])
    text: str = Field(examples=["Work through hydration, coil folds and cold proofing."])
    source: str = Field(examples=["The Open Crumb Workshop, finished 2 Jun 2026"])
    score: float = Field(ge=0, le=1, description="Its share among the items of the history", examples=[0.41])

    @classmethod
    def of(cls, piece: Evidence) -> EvidenceOut:
        """The platform's evidence as this API gives it."""
        return cls(kind=piece.kind, id=piece.id, text=piece.text, source=piece.source, score=piece.score or 0.0)


class ScoreResponse(BaseModel):
    """How well the item follows the history."""

    score: float = Field(
        ge=0, le=1, description="Calibrated probability that it comes next, rather than a random item", examples=[0.93]
    )
    evidence: list[EvidenceOut] = Field(description="The items of the history that were read, the loudest first")
    tokens_cut: int = Field(description="Tokens of history and item that were not read", examples=[0])
    version: str = Field(description="The head version that answered", examples=["recommendation/interest@v1"])


class RecommendRequest(BaseModel):
    """For a history of item ids, or for a known user; with neither, what is popular now."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"history": _HISTORY, "k": 5}, {"user_id": "u-001", "k": 5}]}
    )

    history: History | None = None
    user_id: Identifier | None = None
    k: int = Field(10, ge=1, le=MOST_ITEMS, description="How many items")
    exclude_seen: bool = Field(True, description="Leave out what the history holds")
    category: Short | None = Field(None, description="Only items of this category")


class RecommendedItem(BaseModel):
    """One recommended item."""

    item: Item
    score: float = Field(ge=0, le=1, description="What 'basis' says", examples=[0.93])
    reason: str = Field(examples=["Because you finished “The Open Crumb Workshop”"])
    evidence: list[EvidenceOut] = Field(description="The items of the history that speak for it, the loudest first")


class RecommendResponse(BaseModel):
    """Ranked items: by score, a little diversified, so a score may stand below a lower one."""

    basis: Literal["interest", "popularity"] = Field(
        description="interest: a score is the probability that the item comes next rather than a random one; "
        "popularity (no history): it is relative to the most popular item"
    )
    items: list[RecommendedItem]
    history_read: list[str] = Field(description="The items of the history that the head read", examples=[_HISTORY])
    version: str = Field(description="The head version that answered; empty for popularity")


class ItemPage(BaseModel):
    """A page of the catalogue."""

    items: list[Item]
    total: int | None = Field(description="All there are; null for a search, which ranks rather than counts")
    next_offset: int | None = Field(description="The 'offset' of the next page; null on the last")
    categories: list[str] = Field(description="All categories there are")


class MetItem(BaseModel):
    """One item of a user's history."""

    item: Item
    action: Action | None = Field(description="The strongest thing done with it: finish, buy, save, view")
    at: dt.datetime | None


class UserHistory(BaseModel):
    """The distinct items a user met, in the order of the first meeting, the oldest first."""

    user_id: str
    history: list[MetItem]


class EventRequest(BaseModel):
    """One event; ``key`` makes a repeated request harmless."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"event": {"kind": "impression", "items": ["i-018", "i-004"]}}]},
    )

    event: Annotated[Impression | Click | Feedback, Field(discriminator="kind")]
    key: str | None = Field(None, min_length=1, max_length=100, description="The same key again writes nothing")


class EventNoted(BaseModel):
    """The event as it stands in the log."""

    offset: int
    kind: str
    at: dt.datetime
