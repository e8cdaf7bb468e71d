"""Rows and documents, and where the starter ones come from."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from verticals import Document

from .emotions import Feeling

STARTER = Path(__file__).parent / "starter"
LONGEST = 2000  # characters of one message


def snake_case(value: object) -> object:
    """``"Card arrival?"`` as ``"card_arrival"``; what is no string is left for validation to refuse."""
    return re.sub(r"[^\w]+|_+", "_", value.strip().lower()).strip("_") if isinstance(value, str) else value


def readable(label: str) -> str:
    """``track_parcel`` as ``Track parcel``."""
    return label.replace("_", " ").capitalize()


def plain(text: str) -> str:
    """A text by which two are compared: case and white space do not count."""
    return " ".join(text.casefold().split())


Intent = Annotated[str, BeforeValidator(snake_case), StringConstraints(pattern=r"^[^\W_]\w*$", max_length=64)]

Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST)]


class Utterance(BaseModel):
    """What a customer wrote, and the intent behind it."""

    text: Message = Field(examples=["where is my parcel?"])
    intent: Intent = Field(description="In snake_case; other spellings are brought to it", examples=["track_parcel"])


class Felt(BaseModel):
    """What a customer wrote, and how the customer feels."""

    text: Message = Field(examples=["this is the third time I ask!"])
    emotion: Feeling = Field(examples=["frustrated"])


class Answered(BaseModel):
    """What a customer asked, and the passage that answers it."""

    question: Message = Field(examples=["where is my parcel?"])
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        description="As it stands in a document", examples=["The tracking link is in our dispatch e-mail."]
    )
    title: str = Field("", description="Of the document, where it says more than the question")


class Unanswerable(BaseModel):
    """What a customer may write that the shop has no answer to."""

    text: Message = Field(examples=["Will it rain tomorrow?"])


def utterances() -> Iterator[Utterance]:
    """The starter utterances."""
    with (STARTER / "utterances.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Utterance.model_validate(row)


def emotions() -> Iterator[Felt]:
    """The starter messages with their emotions."""
    with (STARTER / "emotions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Felt.model_validate(row)


def unanswerable() -> Iterator[Unanswerable]:
    """The starter questions that no article answers."""
    with (STARTER / "unanswerable.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Unanswerable.model_validate(row)


def articles() -> Iterator[Document]:
    """The starter articles, one file each: the title in the first line, the folder is the topic."""
    folder = STARTER / "articles"
    for path in sorted(folder.glob("*/*.md")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        yield Document(
            id=path.stem,
            title=title.removeprefix("# ").strip(),
            text=text.strip(),
            source=path.relative_to(folder).as_posix(),
            metadata={"topic": path.parent.name},
        )
