"""The passage of a text that answers a query best, so that evidence can point at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

# Looking further would cost more than the search itself; documents that long are better imported as passages.
_SEARCHED_CHARACTERS = 100_000
_LONGEST_PASSAGE = 400

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？｡؟।]+[”’」』）]*|(?=\n)|$)")


def passages(text: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of the sentences and lines of ``text``, without surrounding space; overlong ones are cut."""
    for match in _SENTENCE.finditer(text, 0, _SEARCHED_CHARACTERS):
        start, end = match.span()
        while start < end:
            stop = end if end - start <= _LONGEST_PASSAGE else _cut(text, start)
            sentence = text[start:stop]
            if stripped := sentence.strip():
                begin = start + sentence.index(stripped[0])
                yield begin, begin + len(stripped)
            start = stop


def best_span(text: str, weights: Mapping[str, float], tokens: Callable[[str], list[str]]) -> tuple[int, int] | None:
    """The passage of ``text`` whose words weigh most, the shorter of equals; `None` where none of them occurs.

    A text of one passage is its own best passage whatever the words.

    Args:
        text: what to look in, its first 100,000 characters.
        weights: the query's words, as ``tokens`` gives them, with their rarity.
        tokens: gives the words of a text.
    """
    best: tuple[float, int, tuple[int, int]] | None = None
    count = 0
    for count, (start, end) in enumerate(passages(text), start=1):  # noqa: B007
        weight = sum(weights.get(word, 0.0) for word in set(tokens(text[start:end])))
        if best is None or (weight, start - end) > best[:2]:
            best = weight, start - end, (start, end)
    return best[2] if best and (best[0] > 0 or count == 1) else None


def _cut(text: str, start: int) -> int:
    """Where to end an overlong passage: behind a space if there is one."""
    limit = start + _LONGEST_PASSAGE
    space = text.rfind(" ", start + 1, limit)
    return space + 1 if space > 0 else limit
