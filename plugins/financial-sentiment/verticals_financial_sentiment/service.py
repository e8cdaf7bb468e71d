"""What the vertical does, for the API and the page alike: analyse, add, list, trends."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from verticals import BadInput, Conflict, Hit, NotFound, PlatformError, Prediction

from . import trends
from .data import AnalysedDocument, Seeded, Sentiment, as_labelled, as_searchable, load
from .documents import Documents, Filter

if TYPE_CHECKING:
    from verticals import ServedVertical

_STATE = "documents"
_PAGE = 1000
_RETRY_SECONDS = 5.0
_log = logging.getLogger("verticals.financial_sentiment")
MOST_HITS = 500
NEAR_ENOUGH = 0.3  # cosine; unrelated headlines lie below


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the heads say of one text."""

    sentiment: Sentiment
    probabilities: dict[str, float]
    score: float
    confidence: float
    topic: str
    topic_confidence: float
    abstained: bool
    tokens_cut: int
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A text to be analysed and added. Without an id, day and text are its identity."""

    text: str
    date: dt.date
    id: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """The id that was given, else one made of day and text."""
        identity = f"{self.date} {self.text}"
        return self.id or f"d-{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of documents; ``total`` is ``None`` for a search, which ranks rather than counts."""

    documents: list[AnalysedDocument]
    total: int | None
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Series:
    """The trend of one topic, or of all documents (``topic`` is ``None``)."""

    topic: str | None
    mood: trends.Mood | None
    points: list[trends.Point]


def documents(vertical: ServedVertical) -> Documents:
    """The documents of a running vertical."""
    return cast(Documents, vertical.state[_STATE])


async def analyse(vertical: ServedVertical, texts: Sequence[str]) -> list[Analysis]:
    """What both heads say of each text, in the same order."""
    sentiments, topics = await asyncio.gather(
        vertical.head("sentiment").predict_many(list(texts)), vertical.head("topic").predict_many(list(texts))
    )
    return [_analysis(sentiment, topic) for sentiment, topic in zip(sentiments, topics, strict=True)]


async def add(vertical: ServedVertical, new: Sequence[NewDocument]) -> list[tuple[AnalysedDocument, bool]]:
    """Analyse documents and append them to the log and the index; per document, whether it was new.

    Adding a document again changes nothing and gives what is known of it; so a request may be repeated.

    Raises:
        BadInput: two of the documents have one id.
        Conflict: an id stands for another text or day already. Nothing is added then.
    """
    known = documents(vertical)
    _check_identities(new, known)
    fresh = [one for one in new if one.key not in known]
    for one, analysis in zip(fresh, await analyse(vertical, [one.text for one in fresh]) if fresh else [], strict=True):
        document = AnalysedDocument(
            id=one.key,
            date=one.date,
            text=one.text,
            source=one.source,
            topic=analysis.topic,
            sentiment=analysis.sentiment,
            score=analysis.score,
            confidence=analysis.confidence,
            abstained=analysis.abstained,
            versions=analysis.versions,
        )
        known.apply([await vertical.events.append("document", document.model_dump(mode="json"), key=_key(one.key))])
    stored = [known.get(one.key) for one in new]
    added = [document for document in stored if document is not None]
    # Also those known before: a request that was cut off between log and index is healed by its repetition.
    await vertical.index("documents").upsert([as_searchable(document) for document in added if _is_added(document)])
    names = {one.key for one in fresh}
    return [(document, document.id in names) for document in added]


async def find(vertical: ServedVertical, wanted: Filter, *, query: str = "", offset: int = 0, limit: int = 50) -> Found:
    """A page of the wanted documents: newest first, or with a query the best matching first.

    Raises:
        NotFound: a topic that does not occur.
        BadInput: a search that pages beyond `MOST_HITS` results.
    """
    known = documents(vertical)
    known.check_topics(wanted.topics)
    if not query.strip():
        selected = await asyncio.to_thread(known.select, wanted)
        more = offset + limit < len(selected)
        return Found(selected[offset : offset + limit], len(selected), offset + limit if more else None)
    if offset + limit > MOST_HITS:
        raise BadInput(f"A search shows its best {MOST_HITS} results.", "Narrow it by topic, sentiment or period.")
    where = await asyncio.to_thread(_where, vertical, wanted)
    if where is None:
        return Found([], None, None)
    hits: list[Hit] = await vertical.index("documents").search(query, k=offset + limit + 1, where=where)
    found = [document for hit in hits if _answers(hit) and (document := known.get(hit.document.id))]
    more = len(found) > offset + limit and offset + 2 * limit <= MOST_HITS
    return Found(found[offset : offset + limit], None, offset + limit if more else None)


def get(vertical: ServedVertical, document_id: str) -> AnalysedDocument:
    """One document.

    Raises:
        NotFound: there is none with this id.
    """
    found = documents(vertical).get(document_id)
    if found is None:
        raise NotFound(f"There is no document {document_id!r}.", "GET …/documents lists those there are.")
    return found


async def trend(
    vertical: ServedVertical,
    topics: Sequence[str | None],
    bucket: trends.Bucket,
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    evidence: int = 3,
) -> list[Series]:
    """One series per topic, in the order asked for; the topic ``None`` stands for all documents together.

    Raises:
        NotFound: a topic that does not occur.
        BadInput: the period is backwards or too long for the bucket.
    """
    known = documents(vertical)
    known.check_topics([topic for topic in topics if topic is not None])
    newest = known.newest()
    until = min(end, newest) if end and newest and (start is None or start <= newest) else end or newest

    def compute() -> list[Series]:
        everything = known.all()
        series = []
        for topic in topics:
            chosen = [one for one in everything if one.topic == topic] if topic is not None else everything
            points = trends.trend(chosen, bucket, start=start, end=until, evidence=evidence)
            series.append(Series(topic, trends.mood(points), points))
        return series

    return await asyncio.to_thread(compute)


@asynccontextmanager
async def lifespan(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the log, add the starter headlines once, complete the index, and follow the log while serving."""
    known, last = Documents(), 0
    while events := await vertical.events.read(after=last, limit=_PAGE):
        await asyncio.to_thread(known.apply, events)
        last = events[-1].offset
    vertical.state[_STATE] = known
    if vertical.settings.starter_documents:
        await _seed(vertical, known)
    await _complete_index(vertical, known)
    following = asyncio.create_task(_follow(vertical, known, last), name="financial-sentiment: follow the log")
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _seed(vertical: ServedVertical, known: Documents) -> None:
    if await vertical.events.read(kinds=["seeded"], limit=1):
        return
    headlines = await asyncio.to_thread(lambda: list(load()))
    for headline in headlines:
        if headline.id not in known:
            payload = as_labelled(headline).model_dump(mode="json")
            known.apply([await vertical.events.append("document", payload, key=_key(headline.id))])
    await vertical.events.append("seeded", Seeded(documents=len(headlines)).model_dump(), key="seeded")


async def _complete_index(vertical: ServedVertical, known: Documents) -> None:
    """Bring into the index what the log has and the index lacks, after a crash between the two."""
    added = [document for document in known.all() if _is_added(document)]
    starters = {headline.id for headline in await asyncio.to_thread(lambda: list(load()))}
    index = vertical.index("documents")
    if await index.count() < len(starters | {document.id for document in added}):
        for first in range(0, len(added), _PAGE):
            await index.upsert([as_searchable(document) for document in added[first : first + _PAGE]])


async def _follow(vertical: ServedVertical, known: Documents, after: int) -> None:
    """Take in what other processes append, for as long as the vertical serves."""
    while True:
        try:
            async for event in vertical.events.follow(after):
                known.apply([event])
                after = event.offset
        except PlatformError as error:
            _log.warning("The log cannot be followed at the moment: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)


def _analysis(sentiment: Prediction, topic: Prediction) -> Analysis:
    probabilities = dict(sentiment.ranking)
    return Analysis(
        sentiment=cast(Sentiment, sentiment.label),
        probabilities=probabilities,
        score=signed_score(probabilities),
        confidence=sentiment.confidence,
        topic=topic.label or "",
        topic_confidence=topic.confidence,
        abstained=sentiment.abstained or topic.abstained,
        tokens_cut=max(sentiment.tokens_cut, topic.tokens_cut),
        versions=tuple(dict.fromkeys((sentiment.version, topic.version))),
    )


def signed_score(probabilities: dict[str, float]) -> float:
    """p(positive) − p(negative), in [-1, 1]."""
    return min(1.0, max(-1.0, probabilities.get("positive", 0.0) - probabilities.get("negative", 0.0)))


def _check_identities(new: Sequence[NewDocument], known: Documents) -> None:
    seen: dict[str, NewDocument] = {}
    for one in new:
        if seen.setdefault(one.key, one) is not one:
            raise BadInput(f"Two of the documents have the id {one.key!r}.", "Give each its own id, or send it once.")
    taken = [
        one.key
        for one in new
        if (before := known.get(one.key)) is not None and (before.text, before.date) != (one.text, one.date)
    ]
    if taken:
        named = ", ".join(repr(key) for key in taken[:10]) + (f" and {len(taken) - 10} more" if len(taken) > 10 else "")
        raise Conflict(
            f"Another text or day is stored already under {named}; nothing was added.",
            "Documents do not change once added: give the new ones other ids.",
        )


def _where(vertical: ServedVertical, wanted: Filter) -> dict[str, list[str]] | None:
    """The filter as an exact restriction of the search; ``None`` where nothing can match."""
    where: dict[str, list[str]] = {}
    if wanted.topics:
        where["topic"] = list(wanted.topics)
    if wanted.sentiments:
        where["sentiment"] = list(wanted.sentiments)
    if wanted.start or wanted.end:
        period = Filter(start=wanted.start, end=wanted.end)
        where["date"] = sorted({one.date.isoformat() for one in documents(vertical).select(period)})
        if not where["date"]:
            return None
    if not vertical.settings.starter_documents:
        where["origin"] = ["added"]
    return where


def _answers(hit: Hit) -> bool:
    """A hit that shares words with the query, or is near to it in meaning; search itself always finds something."""
    return hit.lexical_rank is not None or (hit.similarity or 0.0) >= NEAR_ENOUGH


def _is_added(document: AnalysedDocument) -> bool:
    return document.labelled_by == "model"


def _key(document_id: str) -> str:
    return f"document:{document_id}"
