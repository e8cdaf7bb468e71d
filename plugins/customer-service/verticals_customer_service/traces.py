"""The trace of a turn: all that its answer depended on, so that one can see why, and what other thresholds would do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from verticals import Document, Hit, Prediction

from .answers import Answer, Ranked, Rule
from .emotions import Emotion, Feeling


class Thresholds(BaseModel):
    """Where the policy draws its lines."""

    confidence: float = Field(0.5, ge=0, le=1, description="Least confidence in an intent to answer from its template")
    similarity: float = Field(0.35, ge=0, le=1, description="Least similarity of an article to be quoted")
    certainty: float = Field(
        0.0, ge=0, le=1, description="Least probability that an answer is right, where that was measured"
    )
    failures: int = Field(3, ge=1, description="Answers in a row that do not help before a person is asked to go on")


class Passage(BaseModel):
    """One search result, without the document's text."""

    id: str
    title: str
    score: float
    similarity: float | None
    dense_rank: int | None
    lexical_rank: int | None
    span: tuple[int, int] | None
    relevance: float | None = Field(None, description="What the head `answer` said of it, where it ranked")

    @classmethod
    def of(cls, hit: Hit) -> Passage:
        """Of a hit."""
        return cls(
            id=hit.document.id, title=hit.document.title, score=hit.score, similarity=hit.similarity,
            dense_rank=hit.dense_rank, lexical_rank=hit.lexical_rank, span=hit.span,
            relevance=hit.relevance,
        )  # fmt: skip

    def hit(self, document: Document) -> Hit:
        """The hit again, with its document as it is now."""
        whole = self.span is not None and self.span[1] <= len(document.text)
        span = self.span if whole else None
        ranks = self.dense_rank, self.lexical_rank
        return Hit(document, self.score, self.similarity, *ranks, span, relevance=self.relevance)


class Generation(BaseModel):
    """What became of a generator's attempt to phrase an answer."""

    by: str = Field(description="The model or head")
    used: bool
    why: str = Field("", description="Why it was not used: what failed, or what is wrong with the sentence")
    sentence: str = Field("", description="The first sentence that the passages do not support")
    wrote: str = Field("", description="What the generator wrote, as far as 2,000 characters")
    instead: str = Field(description="The quote that it was to take the place of")
    said: str = Field("", description="What was said in its place, with the numbers of its own citations")
    cited: list[int] = Field([], description="Which of the quote's citations these are, counted from 0")
    seconds: float


class Reading(BaseModel):
    """What head and index said of a message, or of a part of it."""

    intent: str | None
    confidence: float
    ranking: list[Ranked] = Field(description="All intents, best first")
    abstained: bool = Field(description="The intent head has met nothing like it")
    familiarity: float | None
    version: str
    passages: list[Passage] = Field(description="The articles that the search found, best first")
    faq: list[Passage] = Field([], description="The questions of the FAQ that it found, best first")

    @property
    def prediction(self) -> Prediction:
        """What the intent head had said."""
        ranking = tuple((one.label, one.probability) for one in self.ranking)
        return Prediction(self.intent, self.confidence, ranking, self.abstained, self.familiarity, version=self.version)


class TracedMatter(Reading):
    """One matter of several."""

    span: tuple[int, int] = Field(description="Where the message speaks of it")
    generation: Generation | None = Field(None, description="Where a generator was asked to phrase this part")


class TracedDetail(BaseModel):
    """What the head `slots` found."""

    start: int
    end: int
    label: str
    confidence: float


class Trace(Reading):
    """All that one answer depended on."""

    text: str = Field(description="The customer's message")
    matters: list[TracedMatter] = Field([], description="What the customer wanted, where it was several things")
    details: list[TracedDetail] = Field([], description="What the head `slots` found in the message")
    thresholds: Thresholds
    emotion: Emotion | None
    course: list[Feeling] = Field(description="The customer's feelings, this message's last")
    failures: int = Field(description="Answers in a row that did not help, before this one")
    waiting: bool = Field(description="A person had been asked to go on already")
    previous: int | None = Field(description="Offset of the assistant's message before")
    today: date = Field(description="What words like `tomorrow` count from")
    language: str = Field("", description="In which it was answered; empty where the shop had only one")
    rule: Rule
    template_id: str | None
    generation: Generation | None = Field(
        None, description="Where a generator was asked to phrase the answer; of several parts each has its own"
    )

    @property
    def generations(self) -> dict[tuple[int, int], Generation]:
        """What a generator wrote, by the place of the message that it answers."""
        every = [((0, len(self.text)), self.generation), *((one.span, one.generation) for one in self.matters)]
        return {place: one for place, one in every if one is not None}


def reading(prediction: Prediction, hits: Sequence[Hit], faq: Sequence[Hit]) -> dict[str, Any]:
    """The fields of a `Reading`."""
    return {
        "intent": prediction.label,
        "confidence": prediction.confidence,
        "ranking": [Ranked(label=label, probability=p) for label, p in prediction.ranking],
        "abstained": prediction.abstained,
        "familiarity": prediction.familiarity,
        "version": prediction.version,
        "passages": [Passage.of(hit) for hit in hits],
        "faq": [Passage.of(hit) for hit in faq],
    }


class TracedTurn(BaseModel):
    """The trace of one turn, and what was said."""

    trace_id: str
    session: str
    offset: int = Field(description="Of the answer")
    reply_to: int = Field(description="Offset of the customer's message")
    answer: Answer
    trace: Trace


class Replay(BaseModel):
    """What would have been said with other thresholds, or by another version of the intent head."""

    trace_id: str
    thresholds: Thresholds
    version: str = Field("", description="That read the message", examples=["customer-service/intent@v2"])
    answer: Answer
    changed: bool = Field(description="Whether action or text differ from what was said")
    missing: Sequence[str] = Field([], description="Articles found at the time that are no longer in the index")
