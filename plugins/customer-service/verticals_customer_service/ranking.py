"""What the head `answer` is worth: the same held-out questions, searched with a version of it and without any."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .data import FAQ, plain
from .finding import among_articles
from .greetings import without_greeting

if TYPE_CHECKING:
    from verticals import Vertical

_FIRST = 5


@dataclass(frozen=True, slots=True)
class Found:
    """How far in front a document with the right answer stands.

    Args:
        questions: that were asked.
        first, five: share of them with it in the first place, and among the first five.
        mrr: one over its place, 0 behind the tenth, mean over the questions.
    """

    questions: int
    first: float
    five: float
    mrr: float

    def told(self) -> str:
        """``right first 61.2%, among the first 5 83.0%, MRR@10 0.704``."""
        return f"right first {self.first:.1%}, among the first 5 {self.five:.1%}, MRR@10 {self.mrr:.3f}"


def measure(vertical: Vertical, version: str, split: str) -> Found | None:
    """Search for the answers of a split's rows among the articles, as the assistant does.

    Rows whose question stands as a title in the index are left out, and those whose answer no article has.

    Args:
        vertical: the customer-service vertical.
        version: of the head `answer`; empty: without it.
        split: of the data set `answers`.

    Returns:
        `None` where there is nothing to ask.
    """
    index, language = vertical.index("knowledge"), vertical.settings.language
    documents = list(index.every())
    titles = {plain(document.title) for document in documents}
    articles = [plain(document.text) for document in documents if document.metadata.get("kind") != FAQ]
    places: list[int | None] = []
    for row in vertical.dataset("answers").current().iterate():
        answer = plain(row["answer"])
        wanted = row["split"] == split and plain(row["question"]) not in titles
        if not wanted or not any(answer in text for text in articles):
            continue
        hits = index.search(without_greeting(row["question"]), **among_articles(language, version))
        right = (place for place, hit in enumerate(hits, start=1) if answer in plain(hit.document.text))
        places.append(next(right, None))
    if not places:
        return None
    return Found(
        len(places),
        statistics.fmean(place == 1 for place in places),
        statistics.fmean(place is not None and place <= _FIRST for place in places),
        statistics.fmean(1 / place if place else 0.0 for place in places),
    )
