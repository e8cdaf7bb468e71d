"""The documents of the log, in memory, for lists and trends. The log is the truth; this follows it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from verticals import BadInput, Event, NotFound

from .data import AnalysedDocument, Sentiment


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents: by topic, sentiment and day (both ends included); what is empty does not restrict."""

    topics: tuple[str, ...] = ()
    sentiments: tuple[Sentiment, ...] = ()
    start: dt.date | None = None
    end: dt.date | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.end < self.start:
            raise BadInput(f"The period ends ({self.end}) before it starts ({self.start}).", "Swap 'from' and 'to'.")

    def matches(self, document: AnalysedDocument) -> bool:
        """Whether the document is one of those."""
        return (
            (not self.topics or document.topic in self.topics)
            and (not self.sentiments or document.sentiment in self.sentiments)
            and (self.start is None or document.date >= self.start)
            and (self.end is None or document.date <= self.end)
        )


class Documents:
    """Every document that an event told of, newest first. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[str, AnalysedDocument] = {}
        self._ordered: tuple[AnalysedDocument, ...] | None = ()
        self.revision = 0

    def apply(self, events: Iterable[Event]) -> None:
        """Take in events; one that was seen before, or of another kind, changes nothing."""
        with self._lock:
            for event in events:
                if event.kind != "document":
                    continue
                document = AnalysedDocument.model_validate(event.payload)
                if self._by_id.setdefault(document.id, document) is document:
                    self._ordered = None
                    self.revision += 1

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, document_id: str) -> bool:
        return document_id in self._by_id

    def get(self, document_id: str) -> AnalysedDocument | None:
        """One document, if there is such a one."""
        return self._by_id.get(document_id)

    def all(self) -> tuple[AnalysedDocument, ...]:
        """All documents, newest first; of one day by id, descending."""
        with self._lock:
            if self._ordered is None:
                self._ordered = tuple(sorted(self._by_id.values(), key=lambda one: (one.date, one.id), reverse=True))
            return self._ordered

    def select(self, wanted: Filter) -> list[AnalysedDocument]:
        """The wanted documents, newest first."""
        return [document for document in self.all() if wanted.matches(document)]

    def topics(self) -> list[str]:
        """All topics that occur, sorted."""
        return sorted({document.topic for document in self.all()})

    def newest(self) -> dt.date | None:
        """The day of the newest document."""
        ordered = self.all()
        return ordered[0].date if ordered else None

    def check_topics(self, topics: Collection[str]) -> None:
        """Raise `NotFound`, with the nearest topic suggested, for one that does not occur."""
        known = self.topics()
        for topic in topics:
            if topic not in known:
                raise NotFound.named("topic", topic, known)
