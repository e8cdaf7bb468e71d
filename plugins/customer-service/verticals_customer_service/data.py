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
FAQ = "faq"  # the kind of a document that answers the question in its title


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
    split: str | None = Field(None, description="Which split it is of; none: it is chosen")


class Unanswerable(BaseModel):
    """What a customer may write that the shop has no answer to."""

    text: Message = Field(examples=["Will it rain tomorrow?"])


def utterances() -> Iterator[Utterance]:
    """The starter utterances."""
    for row in _rows("utterances.csv"):
        yield Utterance.model_validate(row)


def phrases() -> Iterator[Utterance]:
    """The starter utterances in languages that the default encoder does not read."""
    for row in _rows("phrases.csv"):
        yield Utterance.model_validate(row)


def emotions() -> Iterator[Felt]:
    """The starter messages with their emotions."""
    for row in _rows("emotions.csv"):
        yield Felt.model_validate(row)


def documents() -> Iterator[Document]:
    """What the assistant knows to begin with: the articles, and the questions of the FAQ."""
    yield from articles()
    yield from faq()


def unanswerable() -> Iterator[Unanswerable]:
    """The starter questions that no article answers."""
    for row in _rows("unanswerable.csv"):
        yield Unanswerable.model_validate(row)


def faq_questions() -> Iterator[Answered]:
    """What customers may ask that the starter FAQ answers, in other words than its own; measured on, never learned."""
    answers = {document.id: document for document in faq()}
    for row in _rows("faq_questions.csv"):
        answer = answers[row["answer"]]
        yield Answered(question=row["question"], answer=answer.text, title=answer.title, split="test")


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
            metadata={"topic": path.parent.name, "language": "en"},
        )


def faq() -> Iterator[Document]:
    """The starter FAQ, one document for each question, as an import of such a file makes them."""
    for name, language in (("faq.csv", "en"), ("faq.zh.csv", "zh")):
        for row in _rows(name):
            yield Document(
                id=row["id"],
                title=row["question"],
                text=row["answer"],
                source=name,
                metadata={
                    "topic": row["topic"],
                    "kind": FAQ,
                    "language": language,
                    "also": [one.strip() for one in row["also"].split("|")],
                },
            )


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (STARTER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
