"""What the reader of the page has chosen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from verticals_financial_sentiment.data import Sentiment
from verticals_financial_sentiment.documents import Filter
from verticals_financial_sentiment.trends import Bucket, Point

PERIODS: dict[str, int | None] = {"1M": 31, "3M": 92, "6M": 183, "All": None}
FIRST_PAGE = 20


@dataclass(slots=True)
class Selection:
    """What is chosen: topics (none: all), period, bucket, one point of the chart, sentiments, a search, list length."""

    topics: tuple[str, ...] = ()
    period: str = "All"
    bucket: Bucket = "week"
    point: tuple[str | None, Point] | None = None
    sentiment: Sentiment | None = None
    query: str = ""
    shown: int = FIRST_PAGE

    def toggle_topic(self, topic: str | None) -> None:
        """Choose a topic, or take it back; ``None`` goes back to all."""
        if topic is None:
            self.topics = ()
        elif topic in self.topics:
            self.topics = tuple(one for one in self.topics if one != topic)
        else:
            self.topics = (*self.topics, topic)
        self.point, self.shown = None, FIRST_PAGE

    def start(self, newest: dt.date | None) -> dt.date | None:
        """First day of the period, which ends with the newest document."""
        days = PERIODS[self.period]
        return newest - dt.timedelta(days=days) if days and newest else None

    def filter(self, newest: dt.date | None) -> Filter:
        """Which documents the list shows."""
        sentiments = (self.sentiment,) if self.sentiment else ()
        if self.point is None:
            return Filter(self.topics, sentiments, self.start(newest))
        topic, point = self.point
        return Filter((topic,) if topic else self.topics, sentiments, point.start, point.end)
