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

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?]+[\"”’)]*(?=\s|$)|[。！？]+[”」』]*|(?=\n)|$)")
_MARK = re.compile(r"^\s*(?:[-*•]|\d+\.)\s+")
_CITED = re.compile(r"\s*\[(\d+)\]")
_PART = re.compile(r"[;:–—]|, (?=(?:and|but|so|while|although|whereas|which|if|unless|at|with)\b)|\b(?:but|unless)\b")
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
    """A sentence of a passage, with what stands around it."""

    passage: int
    text: str
    around: str

    @cached_property
    def said(self) -> Said:
        return said(self.text)

    @cached_property
    def parts(self) -> list[Said]:
        return [said(part) for part in _parts(self.text)]

    @cached_property
    def context(self) -> Said:
        return said(self.around)


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
    everything = frozenset().union(*(one.said.every | one.context.every for one in sources))
    spoken = {word for one in sources for word in re.findall(r"[\w@.:/'+-]+", _folded(f"{one.around} {one.text}"))}
    whole = said(sentence)
    for name in sorted(whole.names):
        if name not in spoken and name.rstrip("s") not in spoken and said(name).content - everything:
            return f"“{name}” stands in none of the passages"
    supporting: list[int] = []
    for part in _parts(sentence):
        reason = "no passage says so"
        claim = said(part)
        order = sorted(range(len(sources)), key=lambda at: (-_overlap(claim, sources[at]), -near[at]))
        for at in order[:3]:
            reason_here = _unsupported_by(claim, sources[at], near[at])
            if reason_here is None:
                supporting.append(sources[at].passage)
                break
            if at == order[0]:
                reason = reason_here
        else:
            return reason
    return tuple(dict.fromkeys(supporting))


def _unsupported_by(claim: Said, source: _Source, near: float) -> str | None:
    """Why a sentence of a passage does not support a statement; `None` where it does."""
    have, around = source.said, source.context
    if near < NEAR:
        return "no passage is about that"
    known = have.content | around.content
    covered = len(claim.content & known) / len(claim.content) if claim.content else 1.0
    if covered < (COVERED_BY_MEANING if near >= SAME_MEANING else COVERED):
        return f"no passage says so: {', '.join(sorted(claim.content - known))}"
    for quantity in claim.quantities:
        if not any(quantity.fits(one) for one in (*have.quantities, *around.quantities)):
            return f"{quantity.value} stands in no passage that says so"
    if missing := claim.loaded - have.every - around.every:
        return f"“{min(missing)}” stands in no passage that says so"
    part = max(source.parts, key=lambda one: len(one.content & claim.content), default=have)
    if claim.contradicts(part if part.content & claim.content else have):
        return "the passage says the opposite"
    negated = part.negated or (around.negated and _leads(source))
    if claim.negated != negated:
        return "it says “not” where the passage does not" if claim.negated else "the passage says “not”"
    return None


def _leads(source: _Source) -> bool:
    """Whether what stands around a sentence is the line that leads to its list."""
    return source.around.rstrip().endswith(":")


def _overlap(claim: Said, source: _Source) -> float:
    own = len(claim.content & source.said.content) + 0.5 * len(
        claim.content & source.context.content - source.said.content
    )
    return own + 0.5 * sum(any(one.fits(other) for other in source.said.quantities) for one in claim.quantities)


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
            found.append(_Source(place, text, lead if point else before))
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
    return " ".join(re.findall(r"\w+", _folded(text)))
