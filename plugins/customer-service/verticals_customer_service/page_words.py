"""The fixed words of the chat page and of the widget, in each of their languages, from `static/page_words.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from .events import Wrong

if TYPE_CHECKING:
    from verticals.web.ui import EvidenceWords

_FILE = Path(__file__).parent / "static" / "page_words.toml"


@dataclass(frozen=True)
class PageWords:
    """What the chat page and the widget say by themselves; names are of what is named or told."""

    conversation: str
    begin: str
    about: str
    again: str
    open: str
    close: str
    message: str
    ask: str
    write: str
    send: str
    keys: str
    typing: str
    more: str
    you: str
    assistant: str
    topics: str
    sources: str
    source: str
    source_number: str
    evidence: str
    evidence_one: str
    evidence_ranked: str
    evidence_none: str
    score: str
    kind_article: str
    kind_faq: str
    done: str
    why: str
    understood: str
    unclear: str
    helpful: str
    helped: str
    helpless: str
    wrong: str
    wrong_question: str
    wrong_answer: str
    wrong_unclear: str
    wrong_other: str
    comment: str
    thanks: str
    person: str
    colleague: str
    waiting: str
    here: str
    back: str
    taken_over: str
    returned: str
    resolved: str
    unknown: str
    unsent: str
    refused: str
    offline: str
    failed: str

    def note(self, kind: str, agent: str | None) -> str | None:
        """What is said of an event, if anything is."""
        notes = {"taken-over": self.taken_over, "returned": self.returned, "resolved": self.resolved}
        return notes[kind].format(agent=agent or self.colleague) if kind in notes else None

    def drawer(self) -> EvidenceWords:
        """What the evidence drawer says."""
        from verticals.web.ui import EvidenceWords

        return EvidenceWords(
            title=self.evidence,
            none=self.evidence_none,
            one=self.evidence_one,
            several=self.evidence_ranked,
            ranked=self.evidence_ranked,
            close=self.done,
            score=self.score,
            kinds={"article": self.kind_article, "faq": self.kind_faq},
        )

    def reasons(self) -> dict[Wrong, str]:
        """What may be wrong with an answer, as customers choose it."""
        return {reason: getattr(self, f"wrong_{reason}") for reason in get_args(Wrong)}


@functools.cache
def languages() -> dict[str, PageWords]:
    """The words of every language that they are written in."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {language: PageWords(**table) for language, table in tables.items()}


def page_words(language: str) -> PageWords:
    """The words in a language; English where they are not written in it."""
    return languages().get(language, languages()["en"])


def every_word() -> dict[str, dict[str, str]]:
    """All words by language, for the widget."""
    return {language: asdict(words) for language, words in languages().items()}


def preferred(header: str) -> str | None:
    """The first language of an ``Accept-Language`` header, ISO 639-1."""
    first = header.split(",")[0].split(";")[0].strip().lower()[:2]
    return first if len(first) == 2 and first.isalpha() else None


ENGLISH = page_words("en")
