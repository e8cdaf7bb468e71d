"""Messages whose details are marked: ``where is my [blue teapot](product)?``, as rows of the data set `slots`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, model_validator

from .data import LONGEST, STARTER
from .slots import SLOTS, Slot

_MARK = re.compile(r"\[([^\[\]]+)\]\(([^()]*)\)")


class Detail(BaseModel):
    """Where a detail stands, in characters of the text, and what it is."""

    start: int
    end: int
    label: Slot


class Marked(BaseModel):
    """What a customer wrote, and where its details stand; with marks in the text, or with spans beside it."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)] = Field(
        description="Without `spans`, details are marked in it: `where is my [blue teapot](product)?`",
        examples=["where is my [blue teapot](product)?"],
    )
    spans: list[Detail] = Field([], description="Of the details, where the text has no marks")

    @model_validator(mode="before")
    @classmethod
    def _without_marks(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("text"), str):
            return given
        if given.get("spans"):
            return given
        text, spans = read(given["text"].strip())
        return {**given, "text": text, "spans": spans}


def read(marked: str) -> tuple[str, list[dict[str, Any]]]:
    """A text without its marks, and the spans that were marked.

    Raises:
        ValueError: a mark names no slot.
    """
    text, spans, after = "", list[dict[str, Any]](), 0
    for match in _MARK.finditer(marked):
        words, slot = match.groups()
        if slot not in SLOTS:
            raise ValueError(f"{match.group()} names no slot; they are {', '.join(SLOTS)}")
        text += marked[after : match.start()]
        spans.append({"start": len(text), "end": len(text) + len(words), "label": slot})
        text += words
        after = match.end()
    return text + marked[after:], spans


def starter() -> Iterator[Marked]:
    """The starter messages, one a line."""
    for line in (STARTER / "slots.txt").read_text(encoding="utf-8").splitlines():
        yield Marked(text=line)
