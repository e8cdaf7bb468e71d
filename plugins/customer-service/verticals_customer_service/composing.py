"""A composed answer: the passages that answer a question, word for word, each with the number of its citation.

The passage that fits best comes first. A sentence joins it only where it speaks of something in the question that
nothing said so far does: of the same article one with several such words, of another one with any, if that article is
nearly as near and its title is about the question. What repeats is left out, and so is what does not stand by itself:
an item of a list, or a sentence that points back ("It is free"), would say something else than its article does. This
is greedy coverage of the question's words, as in maximum coverage summarisation (Takamura and Okumura, EACL 2009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from verticals import Evidence, Hit

from .passages import bulleted, evidence, quoted, sentences, stems

PASSAGES = 3  # that an answer has at most, of as many articles
NEARLY = 0.85  # of the best article's similarity: from here on another one may add to it
SAME = 0.6  # share of a passage's words that were said already, from which on it repeats them
LONGEST = 700  # characters of an answer; a first passage is shorter
SHORTEST = 20  # characters of a passage that joins: less is a heading
SEVERAL = 2  # words of the question that a further passage of the first article speaks of
_DEPENDENT = re.compile(
    r"\s*(?:[-*•]|\d+\.\s|(?:it|its|this|that|these|those|they|their|them|he|she|then|there|otherwise|but|and|or|so|"
    r"such|both|either|neither|nor|also|else|in that case|if not|if so|no|yes|not|here|afterwards|instead|however|"
    r"for that|by then|after that)\b|\S+:)|.*:\s*$",
    re.IGNORECASE,
)
_MARK = re.compile(r"\[(\d{1,2})\]")
# Words of a question that do not tell what it is about.
_EMPTY = stems(
    "about after again all also and any anything are because been before being but can could did does doing don for "
    "from get gets give got had has have hello help her him his how into its just know let like long made make many "
    "may maybe mine more much must need needs not off one order ordered orders our out over own please put really "
    "same say see she should some someone something still such take tell than thank thanks that the their them then "
    "there these they thing things this those through too use very via want wants was way were what when where "
    "which while who whom whose why will with without work works would yes yet you your yours"
)


@dataclass(frozen=True, slots=True)
class Composed:
    """An answer of passages.

    Args:
        text: the passages in reading order, each followed by the number of its citation, ``[1]`` for the first.
        citations: where each stands, with its span; an article with two passages is cited twice.
    """

    text: str
    citations: tuple[Evidence, ...]


def compose(question: str, hits: Sequence[Hit]) -> Composed:
    """The answer to a question from what was found for it.

    Args:
        question: the customer's words.
        hits: those that may be quoted, best first; at least one.
    """
    first, *others = hits[:PASSAGES]
    near = [first, *(hit for hit in others if (hit.similarity or 0.0) >= NEARLY * (first.similarity or 0.0))]
    chosen = [_Passage(0, *quoted(first))]
    said = stems(first.document.title) | chosen[0].words(near)
    wanted = stems(question) - _EMPTY - said
    room = LONGEST - len(chosen[0].text(near))
    while wanted and len(chosen) < PASSAGES:
        more = _best(near, chosen, wanted, said, room, stems(question))
        if more is None:
            break
        chosen.append(more)
        own = more.words(near)
        said, wanted, room = said | own, wanted - own, room - len(more.text(near))
    return _written(_merged(sorted(chosen), near), near)


def marked(text: str, count: int) -> Iterator[str | int]:
    """The parts of an answer's text: words, and the numbers of citations where it refers to one of ``count``."""
    at = 0
    for mark in _MARK.finditer(text):
        if 1 <= int(mark[1]) <= count:
            yield from (text[at : mark.start()],) if at < mark.start() else ()
            yield int(mark[1])
            at = mark.end()
    if at < len(text):
        yield text[at:]


def whole(hit: Hit) -> Composed:
    """The answer that a document is from its first word to its last."""
    text = hit.document.text
    return Composed(f"{text} [1]", (evidence(hit.document, (0, len(text)), hit.similarity),))


def gathered(parts: Sequence[tuple[str, Sequence[Evidence]]]) -> tuple[list[str], list[Evidence]]:
    """Texts that make one answer, with numbers that count from 1 in the order of the text, and the citations of all.

    A text without a number of its own rests on its first citation as a whole, and has that one's at its end. What two
    of them quote is cited once. What else such a text cites, which only is near, stands behind all that has a number.

    Args:
        parts: each a text with its citations.
    """
    texts, cited, near = list[str](), list[Evidence](), list[Evidence]()
    for text, own in parts:
        said = list(marked(text, len(own)))
        shown = {part for part in said if isinstance(part, int)}
        if own and not shown:
            said += [" ", 1]
        numbers = (
            part if isinstance(part, str) else f"[{_number(own[part - 1], bool(shown), cited)}]" for part in said
        )
        texts.append("".join(numbers))
        near += [item for number, item in enumerate(own, start=1) if number not in (shown or {1})]
    for item in near:
        _number(item, False, cited)
    return texts, cited


def _number(item: Evidence, exact: bool, cited: list[Evidence]) -> int:
    """The number of a citation among all, to which it is added where it, or if not ``exact`` its document, is new."""
    for number, other in enumerate(cited, start=1):
        if other.id == item.id and (not exact or other.span == item.span):
            return number
    cited.append(item)
    return len(cited)


def footnoted(text: str, citations: Sequence[Evidence]) -> str:
    """The text with its citations' titles below, for where only text can be shown; one without numbers as it is."""
    numbers = [part for part in marked(text, len(citations)) if isinstance(part, int)]
    notes = [f"[{number}] {citations[number - 1].title or citations[number - 1].id}" for number in numbers]
    return "\n\n".join([text, "\n".join(dict.fromkeys(notes))]) if notes else text


def unnumbered(text: str, count: int) -> str:
    """The text without its numbers, for who sends it on as words of their own."""
    return "".join(part.rstrip(" ") if isinstance(part, str) else "" for part in marked(text, count))


@dataclass(frozen=True, slots=True, order=True)
class _Passage:
    """A part of the article of a hit."""

    hit: int
    start: int
    end: int

    def text(self, near: Sequence[Hit]) -> str:
        return near[self.hit].document.text[self.start : self.end]

    def words(self, near: Sequence[Hit]) -> frozenset[str]:
        return stems(self.text(near))

    def overlaps(self, other: _Passage) -> bool:
        return self.hit == other.hit and self.start < other.end and other.start < self.end


def _best(
    near: Sequence[Hit],
    chosen: Sequence[_Passage],
    wanted: frozenset[str],
    said: frozenset[str],
    room: int,
    question: frozenset[str],
) -> _Passage | None:
    """The sentence that speaks of most of what is ``wanted`` and was not said; of equals the nearer article's."""
    best, most = None, 0
    for number, hit in enumerate(near):
        if number and not stems(hit.document.title) & question - _EMPTY:
            continue
        for start, end in sentences(hit.document.text):
            one = _Passage(number, start, end)
            words = one.words(near)
            gain = len(words & wanted)
            if gain <= most or (number == 0 and gain < SEVERAL) or _DEPENDENT.match(one.text(near)):
                continue
            if not SHORTEST <= end - start <= room or any(map(one.overlaps, chosen)):
                continue
            if len(words & said) < SAME * len(words):
                best, most = one, gain
    return best


def _merged(ordered: Iterable[_Passage], near: Sequence[Hit]) -> list[_Passage]:
    """Passages with nothing but space between them are one."""
    merged: list[_Passage] = []
    for one in ordered:
        last = merged[-1] if merged else None
        if last and last.hit == one.hit and not near[one.hit].document.text[last.end : one.start].strip():
            merged[-1] = _Passage(last.hit, last.start, one.end)
        else:
            merged.append(one)
    return merged


def _written(ordered: Sequence[_Passage], near: Sequence[Hit]) -> Composed:
    said = "\n\n".join(f"{bulleted(one.text(near))} [{number}]" for number, one in enumerate(ordered, start=1))
    cited = (evidence(near[one.hit].document, (one.start, one.end), near[one.hit].similarity) for one in ordered)
    return Composed(said, tuple(cited))
