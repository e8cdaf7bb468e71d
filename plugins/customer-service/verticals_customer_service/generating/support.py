"""Whether passages support a text: sentence by sentence, and within a sentence statement by statement.

Ours, and measured on hand-written cases (`tests/support*.toml`). A statement is supported by the sentence of a passage
that shares most of its words, where also

- each of its numbers stands there, with the same unit;
- each of its names, addresses and links stands in the passages;
- it says "not" where that sentence does, and has none of two opposite words where that sentence has the other;
- words that make a promise larger ("always", "free", "guarantee") stand there too;
- what its words leave open, the encoder does not: the sentence means nearly the same.

Sentences of a passage that give orders to an assistant support nothing. English is understood; in other languages only
what a passage says word for word counts as supported.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .english import SMALL
from .words import Said, said

#: Vectors of length 1 of texts, [n, dimension].
Embed = Callable[[Sequence[str]], Awaitable[np.ndarray]]

# Set on the development half of the cases; docs/benchmarks.md has the figures of the other half.
COVERED = 0.6  # share of a statement's content words that the sentence which supports it has
COVERED_BY_MEANING = 0.4  # the same where the encoder says that both mean nearly the same
SAME_MEANING = 0.75  # cosine from which they do
NEAR = 0.35  # cosine below which no words help
_AS_GOOD = 0.85  # of the best sentence's share of words: others that have so much may support a statement too

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?]+[\"”’)]*(?=\s|$)|[。！？]+[”」』]*|(?=\n)|$)")
_MARK = re.compile(r"^\s*(?:[-*•]|\d+\.)\s+")
_CITED = re.compile(r"\s*\[(\d+)\]")
_PART = re.compile(
    r"[;–—]|:(?=\s)|, (?=(?:and|but|so|while|although|whereas|which|if|unless|at|with)\b)|\b(?:but|unless)\b"
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|rule|prompt|polic|guideline|above|previous)"
    r"|\b(?:tell|inform|promise|assure|convince)\b.{0,20}\b(?:the |every |all |any )?(?:customer|user|visitor)s?\b"
    r"|\b(?:you are|act as|pretend to be|from) now\b|\byou are (?:an?|the) (?:ai|assistant|pirate|bot|model)"
    r"|\bfrom now on\b|\b(?:system|assistant|developer)\s*(?:prompt|message)?\s*:|<\|?/?(?:system|im_start|im_end|inst)"
    r"|^\W*(?:say|reply|respond|answer|output|print|repeat|write)\b.{0,30}(?:\bthat\b|\bwith\b|:|\bonly\b|[\"“])"
    r"|\b(?:language model|system prompt|as an ai|jailbreak|developer mode)\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Unsupported:
    """A sentence that the passages do not support."""

    sentence: str
    why: str


@dataclass(frozen=True)
class Checked:
    """A text that was held against passages.

    Args:
        sentences: each one, and the places (from 0) of the passages that support it.
        unsupported: those that none does.
    """

    sentences: tuple[tuple[str, tuple[int, ...]], ...]
    unsupported: tuple[Unsupported, ...]


@dataclass(frozen=True)
class _Source:
    """A sentence of a passage, or a point of a list with the line that leads to it."""

    passage: int
    text: str
    before: str = ""  # the sentence before it
    lead: str = ""

    @cached_property
    def said(self) -> Said:
        return said(f"{self.lead} {self.text}")

    @cached_property
    def words(self) -> frozenset[str]:
        """All words here and in the sentence before, as they stand."""
        return frozenset(re.findall(r"[\w@.:/'+-]*\w", _folded(f"{self.before} {self.lead} {self.text}")))

    @cached_property
    def parts(self) -> list[Said]:
        return [said(part) for part in _parts(self.text)]

    @cached_property
    def context(self) -> Said:
        return said(self.before)

    def covers(self, claim: Said) -> float:
        """Share of a statement's content words that stand here; those of the sentence before count half."""
        here = claim.content & self.said.content
        near = claim.content & self.context.content - here
        return (len(here) + 0.5 * len(near)) / max(1, len(claim.content))


async def check(text: str, passages: Sequence[str], embed: Embed) -> Checked:
    """Hold each sentence of ``text`` against the passages that it cites as ``[1]``, or else against all of them.

    Args:
        text: what was written; a sentence may end in citations, which count the passages from 1.
        passages: what it was to be written from.
        embed: vectors of texts.
    """
    written = [(_CITED.sub("", one).strip(), _cited(one)) for one in _sentences(_citations_inside(text))]
    written = [(sentence, cited) for sentence, cited in written if re.search(r"\w", sentence)]
    sources = [source for place, passage in enumerate(passages) for source in _sources(place, passage)]
    vectors = await embed([*(one for one, _ in written), *(one.text for one in sources)])
    nearness = vectors[: len(written)] @ vectors[len(written) :].T
    kept, refused = [], []
    for (sentence, cited), near in zip(written, nearness, strict=True):
        if strange := [number for number in cited if not 1 <= number <= len(passages)]:
            refused.append(Unsupported(sentence, f"it cites [{strange[0]}], and there are {len(passages)} passages"))
            continue
        within = [at for at, one in enumerate(sources) if not cited or one.passage + 1 in cited]
        found = _judge(sentence, [sources[at] for at in within], [float(near[at]) for at in within])
        if isinstance(found, str):
            refused.append(Unsupported(sentence, found))
        else:
            kept.append((sentence, tuple(number - 1 for number in cited) or found))
    return Checked(tuple(kept), tuple(refused))


def gives_orders(text: str) -> bool:
    """Whether a sentence speaks to an assistant rather than of the matter."""
    return bool(_ORDER.search(text))


def _judge(sentence: str, sources: Sequence[_Source], near: Sequence[float]) -> tuple[int, ...] | str:
    """Places of the passages that support a sentence, or why none does."""
    if not sources:
        return "nothing that could support it is among the passages"
    if gives_orders(sentence):
        return "it speaks of instructions"
    if (verbatim := next((one.passage for one in sources if _plain(one.text) == _plain(sentence)), None)) is not None:
        return (verbatim,)
    if not _is_english(sentence):
        return "it is not in English, and no passage says it word for word"
    names = said(sentence).names | _first_name(sentence, sources)
    supporting: list[int] = []
    for part in _parts(sentence):
        claim, words = said(part), _folded(part)
        own = [name for name in names if name in words]
        ranks = [one.covers(claim) + 0.1 * _shared(claim, one) for one in sources]
        best = sorted(range(len(sources)), key=lambda at: (-ranks[at], -near[at]))
        reasons = []
        for at in (one for one in best if ranks[one] >= _AS_GOOD * ranks[best[0]]):
            reason = _unsupported_by(claim, own, sources[at], near[at])
            if reason is None:
                supporting.append(sources[at].passage)
                break
            reasons.append(reason)
        else:
            return reasons[0]
    return tuple(dict.fromkeys(supporting))


def _unsupported_by(claim: Said, names: Sequence[str], source: _Source, near: float) -> str | None:
    """Why a sentence of a passage does not support a statement; `None` where it does."""
    have, around = source.said, source.context
    if not claim.content:
        return "it says nothing that a passage could say"
    if near < NEAR:
        return "no passage is about that"
    if source.covers(claim) < (COVERED_BY_MEANING if near >= SAME_MEANING else COVERED):
        return f"no passage says so: {', '.join(sorted(claim.content - have.content))}"
    for name in names:
        if name not in source.words and name.rstrip("s") not in source.words:
            return f"“{name}” stands in no passage that says so"
    for quantity in claim.quantities:
        if not any(quantity.fits(one) for one in (*have.quantities, *around.quantities)):
            return f"“{quantity.value}” stands in no passage that says so"
    if missing := claim.loaded - have.every - around.every:
        return f"“{min(missing)}” stands in no passage that says so"
    part = max(source.parts, key=lambda one: len(one.content & claim.content), default=have)
    if claim.contradicts(part if part.content & claim.content else have):
        return "the passage says the opposite"
    if claim.negated != (part.negated or said(source.lead).negated):
        return "it says “not” where the passage does not" if claim.negated else "the passage says “not”"
    return None


def _first_name(sentence: str, sources: Sequence[_Source]) -> frozenset[str]:
    """The first word where it may be a name: no form of a verb, and none that the passages know."""
    word = re.match(r"\W*([A-Z][\w'’-]+)", sentence)
    known = frozenset[str]().union(*(one.said.every for one in sources))
    strange = word and said(word[1]).content - known and not word[1].endswith(("ing", "ed", "ly"))
    return frozenset({_folded(word[1])}) if word and strange else frozenset()


def _shared(claim: Said, source: _Source) -> int:
    """How many numbers of a statement stand in a sentence."""
    return sum(any(one.fits(other) for other in source.said.quantities) for one in claim.quantities)


def _sources(place: int, passage: str) -> list[_Source]:
    """The sentences of a passage, each with the one before it; a point of a list with the line that leads to it."""
    found: list[_Source] = []
    lead, before = "", ""
    for line in passage.split("\n"):
        if not line.strip():
            continue
        point = bool(_MARK.match(line))
        for match in _SENTENCE.finditer(_MARK.sub("", line)):
            text = match.group().strip()
            if not text or gives_orders(text):
                continue
            found.append(_Source(place, text, lead=lead) if point else _Source(place, text, before))
            before = text
        if not point:
            lead = before if before.endswith(":") else ""
    return found


def _sentences(text: str) -> list[str]:
    return [match.group().strip() for match in _SENTENCE.finditer(_MARK.sub("", text)) if match.group().strip()]


def _citations_inside(text: str) -> str:
    """Citations that follow a full stop, moved before it, so that they stay with their sentence."""
    return re.sub(r"([.!?]+)((?:\s*\[\d+\])+)", r"\2\1", text)


def _cited(sentence: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(number) for number in _CITED.findall(sentence)))


def _parts(sentence: str) -> list[str]:
    """The statements of a sentence; what is too short to say anything belongs to its neighbour."""
    parts: list[str] = []
    for part in _PART.split(sentence):
        if parts and (len(said(part).content) < 2 or len(said(parts[-1]).content) < 2):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    return parts


def _is_english(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    latin = sum(word.isascii() for word in words)
    return bool(words) and latin >= 0.8 * len(words) and (len(words) < 4 or bool(SMALL & set(words)))


def _folded(text: str) -> str:
    return text.lower().replace("’", "'")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+|[£$€¥%+−-]", _folded(text)))
