"""Quoting an article: the passage around a span, in whole sentences."""

from __future__ import annotations

import re

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
    words = {_stem(word) for clue in clues for word in _WORD.findall(clue.lower())}
    best, found = 0, None
    for match in _SENTENCE.finditer(text):
        shared = len(words & {_stem(word) for word in _WORD.findall(match.group().lower())})
        if shared > best:
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            best, found = shared, (start, match.end())
    return found


def quote(hit: Hit) -> tuple[str, tuple[int, int] | None]:
    """What to say from a hit, and where it stands: the paragraph or list around the best span, if it is not too long.

    Returns:
        the text, without list marks, and its span in the document.
    """
    text = hit.document.text
    start, end = hit.span or _first_paragraph(text)
    opening, closing = _paragraph(text, start, end)
    if closing - opening > _LONGEST_QUOTE:
        opening, closing = start, _sentences_to(text, end, closing, start + _LONGEST_QUOTE)
    said = re.sub(r"(?m)^\s*(?:[-*•]|\d+\.)\s+", "• ", text[opening:closing])
    return said.strip(), (opening, closing)


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
