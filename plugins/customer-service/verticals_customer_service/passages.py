"""Quoting an article: the passage around a span, in whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from verticals import Document, Evidence, Hit

from .data import FAQ

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s)|(?=\n)|$)")
_WORD = re.compile(r"\w{3,}")
_LONGEST_QUOTE = 420  # characters


def evidence(document: Document, span: tuple[int, int] | None, score: float | None = None) -> Evidence:
    """An article, or an answered question, as evidence."""
    kind = FAQ if document.metadata.get("kind") == FAQ else "article"
    return Evidence(kind, document.id, document.text, document.source, score, span, document.title)


def best_span(text: str, *clues: str) -> tuple[int, int] | None:
    """The sentence or line that shares most words with the clues; the earlier of equals, `None` where none does."""
    words = stems(" ".join(clues))
    best, found = 0, None
    for start, end in sentences(text):
        shared = len(words & stems(text[start:end]))
        if shared > best:
            best, found = shared, (start, end)
    return found


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of the sentences and lines of ``text``, without the space before them."""
    for match in _SENTENCE.finditer(text):
        if said := match.group().lstrip():
            yield match.end() - len(said), match.end()


def stems(text: str) -> frozenset[str]:
    """The different words of a text, without endings that tell nothing; those of one or two letters are left out."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()))


def quoted(hit: Hit) -> tuple[int, int]:
    """What to quote from a hit: the paragraph or list around the best span, or less where that is long."""
    text = hit.document.text
    start, end = hit.span or _first_paragraph(text)
    opening, closing = _paragraph(text, start, end)
    if closing - opening > _LONGEST_QUOTE:
        opening, closing = start, _sentences_to(text, end, closing, start + _LONGEST_QUOTE)
    return opening, closing


def bulleted(text: str) -> str:
    """A quotation as it is said: list marks are shown as bullets."""
    return re.sub(r"(?m)^\s*(?:[-*•]|\d+\.)\s+", "• ", text).strip()


def shortened(text: str, limit: int) -> str:
    """The first whole sentences of ``text``, up to ``limit`` characters but at least one."""
    first = _SENTENCE.match(text)
    return text[: _sentences_to(text, first.end() if first else len(text), len(text), limit)].strip()


def _first_paragraph(text: str) -> tuple[int, int]:
    end = text.find("\n\n")
    return 0, end if end > 0 else len(text)


def _paragraph(text: str, start: int, end: int) -> tuple[int, int]:
    opening = text.rfind("\n\n", 0, start)
    closing = text.find("\n\n", end)
    return opening + 2 if opening >= 0 else 0, closing if closing >= 0 else len(text)


def _sentences_to(text: str, end: int, closing: int, limit: int) -> int:
    """The end of the last whole sentence before the limit, at least ``end``."""
    for match in _SENTENCE.finditer(text, end, closing):
        if match.end() > limit:
            break
        end = match.end()
    return end


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ies|ied|es|ed|s|y)$", "", word)[:8]
