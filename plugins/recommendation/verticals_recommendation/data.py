"""The rows: items of the catalogue and behaviours of users. And the items as searchable documents."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from verticals import Document

STARTER = Path(__file__).parent / "starter"
LONGEST_TITLE, LONGEST_TEXT = 300, 4000
FORMATS = frozenset({"course", "guide", "book", "kit", "podcast"})
LEVELS = frozenset({"beginner", "intermediate", "advanced"})
Action = Literal["view", "save", "finish", "buy"]
STRENGTH: dict[Action, int] = {"view": 0, "save": 1, "buy": 2, "finish": 3}


def _at_bars(value: object) -> object:
    """``"bread|yeast"`` as ``["bread", "yeast"]``; what is no string is left for validation to judge."""
    return [part.strip() for part in value.split("|") if part.strip()] if isinstance(value, str) else value


def _with_zone(moment: dt.datetime) -> dt.datetime:
    """A time without a zone is taken as UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Identifier = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Tags = Annotated[list[Tag], Field(max_length=50), BeforeValidator(_at_bars)]


class Item(BaseModel):
    """One item of the catalogue."""

    item_id: Identifier = Field(examples=["i-003"])
    title: Title = Field(examples=["The Open Crumb Workshop"])
    description: LongText = Field("", examples=["Work through hydration, coil folds and cold proofing."])
    category: Short = Field("", examples=["baking"])
    tags: Tags = Field(
        [], description="A list, or one text with '|' between", examples=[["course", "advanced", "sourdough", "bread"]]
    )

    @property
    def format(self) -> str:
        """What kind of thing it is, where a tag says so."""
        return next((tag for tag in self.tags if tag in FORMATS), "")

    @property
    def level(self) -> str:
        """Whom it is for, where a tag says so."""
        return next((tag for tag in self.tags if tag in LEVELS), "")


class Behaviour(BaseModel):
    """One thing that one user did with one item."""

    user_id: Identifier = Field(examples=["u-001"])
    item_id: Identifier = Field(examples=["i-003"])
    action: Action
    at: Annotated[dt.datetime, AfterValidator(_with_zone)] = Field(description="UTC where it names no zone")


def items() -> Iterator[Item]:
    """The starter catalogue."""
    for row in _rows("items.csv"):
        yield Item.model_validate(row)


def behaviours() -> Iterator[Behaviour]:
    """The starter behaviours, by user and time."""
    for row in _rows("behaviours.csv"):
        yield Behaviour.model_validate(row)


def documents() -> Iterator[Document]:
    """The starter catalogue, ready for search."""
    for item in items():
        yield as_document(item)


def as_document(item: Item) -> Document:
    """The item as the index keeps it; all that search can be restricted by is in its metadata."""
    tags = ", ".join(item.tags)
    text = "\n".join(part for part in (item.description, tags) if part) or item.title
    metadata = {"category": item.category, "tags": item.tags, "level": item.level, "format": item.format}
    return Document(id=item.item_id, title=item.title, text=text, source=item.category, metadata=metadata)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (STARTER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
