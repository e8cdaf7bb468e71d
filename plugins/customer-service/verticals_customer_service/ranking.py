"""What the head `answer` is worth: the same held-out questions, searched with a version of it and without any."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answering import HITS, ranked
from .data import plain
from .greetings import without_greeting

if TYPE_CHECKING:
    from verticals import Vertical

HEAD = "answer"
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
    """Search for the answers of a split's rows.

    Rows whose question stands as a title in the index are left out, and those whose answer no document has.

    Args:
        vertical: the customer-service vertical.
        version: of the head `answer`; empty: without it.
        split: of the data set `answers`.

    Returns:
        `None` where there is nothing to ask.
    """
    index = vertical.index("knowledge")
    documents = [(plain(document.title), plain(document.text)) for document in index.every()]
    titles = {title for title, _ in documents}
    places: list[int | None] = []
    for row in vertical.dataset("answers").current().iterate():
        answer = plain(row["answer"])
        wanted = row["split"] == split and plain(row["question"]) not in titles
        if not wanted or not any(answer in text for _, text in documents):
            continue
        hits = index.search(without_greeting(row["question"]), k=HITS, **ranked(version))
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
