"""The data: headlines to learn from, and documents as they stand in the log."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from verticals import Document

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
LABEL_SCORE: dict[Sentiment, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}


class Headline(BaseModel):
    """One labelled headline of the data set."""

    id: str = Field(min_length=1, description="Unique within the data set")
    date: dt.date = Field(description="Day of publication")
    text: str = Field(min_length=1)
    topic: str = Field(min_length=1, description="What it is about; any name, all that occur are learnt")
    sentiment: Sentiment = Field(description="For an investor in the thing spoken of")
    source: str = Field("", description="Who published it")


class AnalysedDocument(BaseModel):
    """One document of the log: a text, and what is known of it."""

    model_config = ConfigDict(frozen=True)

    id: str
    date: dt.date = Field(description="Day of publication")
    text: str
    source: str = ""
    topic: str
    sentiment: Sentiment
    score: float = Field(ge=-1, le=1, description="p(positive) − p(negative); exactly −1, 0 or 1 for labels of people")
    confidence: float = Field(ge=0, le=1, description="Calibrated probability of the sentiment")
    abstained: bool = Field(False, description="Unlike anything the head learnt from; not counted in trends")
    labelled_by: Literal["model", "data"] = Field("model", description="Who gave topic and sentiment")
    versions: tuple[str, ...] = Field((), description="The head versions that answered; empty for labels of people")


class Seeded(BaseModel):
    """The starter headlines are all in the log."""

    documents: int


def load() -> Iterator[Headline]:
    """The starter headlines, by date."""
    file = resources.files("verticals_financial_sentiment") / "starter" / "headlines.csv"
    for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))):
        yield Headline.model_validate(row)


def as_labelled(headline: Headline) -> AnalysedDocument:
    """A headline whose labels a person gave: certain, and so with a score of −1, 0 or 1."""
    return AnalysedDocument(
        **headline.model_dump(),
        score=LABEL_SCORE[headline.sentiment],
        confidence=1.0,
        labelled_by="data",
    )


def as_searchable(document: AnalysedDocument, *, starter: bool = False) -> Document:
    """The document as the index keeps it; all that search can be restricted by is in its metadata."""
    return Document(
        id=document.id,
        text=document.text,
        source=document.source,
        metadata={
            "date": document.date.isoformat(),
            "topic": document.topic,
            "sentiment": document.sentiment,
            "origin": "starter" if starter else "added",
        },
    )


def starter_documents() -> Iterator[Document]:
    """The starter headlines, ready for search."""
    for headline in load():
        yield as_searchable(as_labelled(headline), starter=True)
