"""What the API takes and gives."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .data import AnalysedDocument, Sentiment

MOST_TEXTS = 256
LONGEST_TEXT = 2000
_HEADLINE = "Crude slides 4% as exporters agree to pump more"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]


class AnalyzeRequest(BaseModel):
    """Either one ``text`` or up to 256 ``texts``, each of at most 2,000 characters."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"texts": [_HEADLINE, "Rates left unchanged, as expected"]}]}
    )

    text: Text | None = None
    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AnalyzeRequest:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either 'text' or 'texts'")
        return self


class AnalyzedText(BaseModel):
    """What the heads say of one text."""

    text: str = Field(examples=[_HEADLINE])
    sentiment: Sentiment = Field(examples=["negative"])
    probabilities: dict[str, float] = Field(examples=[{"negative": 0.93, "neutral": 0.05, "positive": 0.02}])
    score: float = Field(ge=-1, le=1, description="p(positive) − p(negative)", examples=[-0.91])
    confidence: float = Field(ge=0, le=1, description="Calibrated probability of the sentiment", examples=[0.93])
    topic: str = Field(examples=["energy"])
    topic_confidence: float = Field(ge=0, le=1, examples=[0.98])
    abstained: bool = Field(description="Unlike anything the heads learnt from: do not rely on this", examples=[False])
    tokens_cut: int = Field(0, description="Tokens at the end of the text that were not read", examples=[0])


class AnalyzeResponse(BaseModel):
    """One result per text, in the same order."""

    results: list[AnalyzedText]
    versions: list[str] = Field(description="The head versions that answered", examples=[["sentiment@v1", "topic@v1"]])


class DocumentIn(BaseModel):
    """A document to be analysed and added."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(examples=[_HEADLINE])
    date: dt.date | None = Field(None, description="Of publication; today (UTC) if left out", examples=["2026-06-30"])
    id: Identifier | None = Field(
        None, description="The same id again adds nothing. Left out: made of day and text", examples=["wire-81723"]
    )
    source: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        "", examples=["Ledgerline Wire"]
    )

    @model_validator(mode="after")
    def _plausible_date(self) -> DocumentIn:
        if self.date and not dt.date(1970, 1, 1) <= self.date <= today() + dt.timedelta(days=1):
            raise ValueError(f"date {self.date} is before 1970 or in the future")
        return self


class DocumentsIn(BaseModel):
    """Up to 256 documents."""

    model_config = ConfigDict(extra="forbid")

    documents: list[DocumentIn] = Field(min_length=1, max_length=MOST_TEXTS)


class DocumentAdded(AnalysedDocument):
    """A document, and whether this request added it."""

    status: Literal["added", "known"] = Field(description="'known': it was there already, nothing was changed")


class DocumentsAdded(BaseModel):
    """One result per document, in the same order."""

    documents: list[DocumentAdded]
    added: int


class DocumentPage(BaseModel):
    """A page of documents."""

    documents: list[AnalysedDocument]
    total: int | None = Field(description="All that match; null for a search, which ranks rather than counts")
    next_offset: int | None = Field(description="The 'offset' of the next page; null on the last")


class EvidenceOut(BaseModel):
    """One headline that weighs much in a point."""

    kind: str = Field(examples=["headline"])
    id: str = Field(examples=["h-0310"])
    text: str = Field(examples=[_HEADLINE])
    source: str = Field(examples=["Ledgerline Wire, 2026-03-26"])
    score: float | None = Field(examples=[-1.0])


class TrendPoint(BaseModel):
    """One day or week."""

    start: dt.date
    end: dt.date = Field(description="Last day, included")
    count: int = Field(description="Documents; those the heads declined are not counted")
    counts: dict[Sentiment, int]
    mean: float | None = Field(description="Mean score, -1 to 1; null without documents")
    smoothed: float = Field(description="Exponentially weighted mean up to here, half-life 14 days")
    change: float | None = Field(description="Mean less the mean of the bucket before; null where either is null")
    evidence: list[EvidenceOut] = Field(description="The headlines that weigh most, strongest first")


class TrendSeries(BaseModel):
    """The trend of one topic; ``topic`` is null for all documents together."""

    topic: str | None
    mood: float | None = Field(description="Smoothed score at the end of the period")
    mood_change: float | None = Field(description="Against four weeks before; null where the period is shorter")
    points: list[TrendPoint]


class TrendResponse(BaseModel):
    """One series per topic that was asked for."""

    bucket: Literal["day", "week"]
    series: list[TrendSeries]


def today() -> dt.date:
    """The current day (UTC)."""
    return dt.datetime.now(dt.UTC).date()
