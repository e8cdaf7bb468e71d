"""How the mood of a set of documents moves: means per day or week, a smoothed line, and the reasons.

Pure functions of dated scores; nothing here knows where the documents come from.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from verticals import BadInput, Evidence

from .data import SENTIMENTS, AnalysedDocument, Sentiment

Bucket = Literal["day", "week"]
DAYS: Mapping[Bucket, int] = {"day": 1, "week": 7}
HALF_LIFE_DAYS = 14
COMPARED_DAYS = 28
MOST_BUCKETS = 2000


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of a trend.

    Args:
        start, end: first and last day, both included.
        count: documents in it.
        counts: documents by sentiment.
        mean: mean score, -1 to 1; ``None`` for a bucket without documents.
        smoothed: exponentially weighted mean of this bucket and all before it, -1 to 1.
        change: ``mean`` less the mean of the bucket before; ``None`` where either has no documents.
        evidence: the documents that weigh most in it, strongest first.
    """

    start: dt.date
    end: dt.date
    count: int
    counts: Mapping[Sentiment, int]
    mean: float | None
    smoothed: float
    change: float | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Mood:
    """Where a trend stands: its smoothed score, and the change against four weeks before where it is that old."""

    score: float
    change: float | None


def bucket_start(day: dt.date, bucket: Bucket) -> dt.date:
    """The first day of the bucket that ``day`` lies in; weeks begin on Monday (ISO 8601)."""
    return day if bucket == "day" else day - dt.timedelta(days=day.weekday())


def trend(
    documents: Iterable[AnalysedDocument],
    bucket: Bucket = "week",
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    evidence: int = 3,
) -> list[Point]:
    """The trend of ``documents``, one point per bucket, in order of time and without gaps.

    ``start`` and ``end`` are widened to whole buckets, so that a point means the same whatever period is asked for.
    Documents before ``start`` still count in the smoothed line. Points begin with the first bucket that has a
    document and end with ``end`` (else with the last document). Abstained documents are left out.

    The smoothed line weighs a document that is `HALF_LIFE_DAYS` older half as much; buckets count by their
    documents, so a day with one headline moves it less than a day with twenty, and an empty one not at all.

    Raises:
        BadInput: ``end`` lies before ``start``, or there would be more than `MOST_BUCKETS` points.
    """
    if start is not None and end is not None and end < start:
        raise BadInput(f"The period ends ({end}) before it starts ({start}).", "Swap 'from' and 'to'.")
    filled: dict[dt.date, list[AnalysedDocument]] = defaultdict(list)
    for document in documents:
        if not document.abstained and (end is None or bucket_start(document.date, bucket) <= end):
            filled[bucket_start(document.date, bucket)].append(document)
    if not filled:
        return []
    width = DAYS[bucket]
    first, last = min(filled), bucket_start(end, bucket) if end else max(filled)
    shown_from = max(first, bucket_start(start, bucket)) if start else first
    if (last - shown_from).days // width >= MOST_BUCKETS:
        raise BadInput(
            f"From {shown_from} to {last} there are more than {MOST_BUCKETS:,} {bucket}s.",
            "Ask for a shorter period, or for weeks.",
        )
    points: list[Point] = []
    total, weight, previous = 0.0, 0.0, first
    before: float | None = None
    for opens in _steps(filled, shown_from, last, width):
        inside = filled.get(opens, [])
        decay = 0.5 ** ((opens - previous).days / HALF_LIFE_DAYS)
        total = total * decay + sum(document.score for document in inside)
        weight = weight * decay + len(inside)
        mean = _clip(sum(document.score for document in inside) / len(inside)) if inside else None
        # `before` is the bucket just before: steps outside the shown period skip empty ones.
        known = before if previous == opens - dt.timedelta(days=width) else None
        if opens >= shown_from:
            points.append(
                Point(
                    start=opens,
                    end=opens + dt.timedelta(days=width - 1),
                    count=len(inside),
                    counts=_counts(inside),
                    mean=mean,
                    smoothed=_clip(total / weight),
                    change=mean - known if mean is not None and known is not None else None,
                    evidence=strongest(inside, evidence),
                )
            )
        before, previous = mean, opens
    return points


def mood(points: Sequence[Point]) -> Mood | None:
    """Where the trend stands at its end; ``None`` for a trend without points."""
    if not points:
        return None
    then = points[-1].start - dt.timedelta(days=COMPARED_DAYS)
    earlier = next((point.smoothed for point in reversed(points) if point.start <= then), None)
    score = points[-1].smoothed
    return Mood(score, None if earlier is None else score - earlier)


def strongest(documents: Iterable[AnalysedDocument], most: int) -> tuple[Evidence, ...]:
    """The documents furthest from neutral, as evidence; of equals the newest first."""
    ordered = sorted(documents, key=lambda one: (-abs(one.score), -one.date.toordinal(), one.id))
    return tuple(
        Evidence(
            kind="headline",
            id=one.id,
            text=one.text,
            source=", ".join(part for part in (one.source, one.date.isoformat()) if part),
            score=one.score,
        )
        for one in ordered[:most]
    )


def _steps(filled: Mapping[dt.date, object], shown_from: dt.date, last: dt.date, width: int) -> Iterable[dt.date]:
    yield from sorted(opens for opens in filled if opens < shown_from)
    for number in range((last - shown_from).days // width + 1):
        yield shown_from + dt.timedelta(days=number * width)


def _counts(documents: Iterable[AnalysedDocument]) -> dict[Sentiment, int]:
    found = Counter(document.sentiment for document in documents)
    return {sentiment: found[sentiment] for sentiment in SENTIMENTS}


def _clip(score: float) -> float:
    return min(1.0, max(-1.0, score))
