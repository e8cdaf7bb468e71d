"""The passage of a text that answers a query best, so that evidence can point at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

# Looking further would cost more than the search itself; documents that long are better imported as passages.
_SEARCHED_CHARACTERS = 100_000
_LONGEST_PASSAGE = 400

#: Gives the passages of a text: ``(start, end)`` and the different words of each.
ByPassage = Callable[[str], Iterable[tuple[int, int, AbstractSet[str]]]]

# A run of signs is entered at its beginning only: looking from each of a thousand dots takes seconds.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？｡؟।]++[”’」』）]*+|\n")


def passages(text: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of the sentences and lines of ``text``, without surrounding space; overlong ones are cut."""
    searched = min(len(text), _SEARCHED_CHARACTERS)
    start = 0
    for end in (*(match.end() for match in _SENTENCE_END.finditer(text, 0, searched)), searched):
        while start < end:
            stop = end if end - start <= _LONGEST_PASSAGE else _cut(text, start)
            sentence = text[start:stop].rstrip()
            begin = stop - len(text[start:stop].lstrip())
            if sentence:
                yield begin, start + len(sentence)
            start = stop


def best_span(text: str, weights: Mapping[str, float], by_passage: ByPassage) -> tuple[int, int] | None:
    """The passage of ``text`` whose words weigh most, the shorter of equals; `None` where none of them occurs.

    A text of one passage is its own best passage whatever the words.

    Args:
        text: what to look in, its first 100,000 characters.
        weights: the query's words, as ``by_passage`` gives them, with their rarity.
        by_passage: gives the passages of a text with their different words.
    """
    asked = weights.keys()
    best: tuple[float, int, tuple[int, int]] | None = None
    count = 0
    for count, (start, end, words) in enumerate(by_passage(text), start=1):  # noqa: B007
        weight = sum(weights[word] for word in asked & words)
        if best is None or (weight, start - end) > best[:2]:
            best = weight, start - end, (start, end)
    return best[2] if best and (best[0] > 0 or count == 1) else None


def _cut(text: str, start: int) -> int:
    """Where to end an overlong passage: behind a space if there is one."""
    limit = start + _LONGEST_PASSAGE
    space = text.rfind(" ", start + 1, limit)
    return space + 1 if space > 0 else limit
