"""Gaps: groups of questions that the assistant could not answer, and drafts of what would fill them.

Questions become vectors once; the groups are made anew, in a thread, only when the questions are others than before.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from verticals import NotFound, ServedVertical

from . import passages
from .confirming import Confirming
from .mining.clusters import clusters, middle
from .mining.groups import best_answer
from .mining.naming import names
from .mining.pairs import Pair
from .mining.phrases import is_unspaced
from .mining.vectors import Vectors, counted
from .noticing import Unanswered, noticed
from .proposals import Example, Proposal, ProposalMade, Proposals
from .review import Review
from .teaching import bare

LATEST = 5_000  # questions that are grouped; older ones wait until some of these are settled
# Set on the starter utterances, as docs/benchmarks.md tells.
NEAR = 0.55  # least cosine of two questions of one matter
NEAR_SIGNS = 0.25  # the same for vectors of counted signs
SAME = 0.75  # groups whose middles agree so much are one
QUOTED = 0.3  # least similarity of an article whose passage is a draft
_EMBEDDED = 64  # questions at a time, so that customers' own do not wait for long
_READ = 240  # characters of a question
_TYPICAL = 6


class Gap(BaseModel):
    """Questions of one matter that the assistant could not answer."""

    id: str = Field(examples=["g41c0a77"])
    name: str = Field(description="Suggested for its intent", examples=["gift_wrapping"])
    terms: list[str] = Field([], description="The words that tell it from other gaps")
    times: int = Field(description="How many customers asked it")
    first: datetime
    latest: datetime
    answered: int = Field(0, description="How many of them an agent has answered")
    questions: list[Unanswered] = Field(description="The most typical first")


class Gaps(BaseModel):
    """All gaps, the largest first."""

    gaps: list[Gap]
    questions: int = Field(description="That nobody could answer and about which nothing was decided")
    grouped: int = Field(description="How many of them were grouped: the latest 5,000 at most")


@dataclass
class _Known:
    """What this process has computed so far for one tenant."""

    vectors: dict[str, Any] = field(default_factory=dict)
    of: tuple[str, ...] | None = None
    groups: list[list[int]] = field(default_factory=list)
    computing: asyncio.Lock = field(default_factory=asyncio.Lock)


async def gaps(vertical: ServedVertical) -> Gaps:
    """The gaps that the tenant's sessions show; questions that are in a proposal already are left out."""
    known: _Known = vertical.state.setdefault(f"gaps of {vertical.tenant}", _Known())
    async with known.computing:
        proposals = await Review(vertical).load()
        drafted = proposals.seen()
        open_ones = [one for one in (await noticed(vertical)).unanswered() if one.id not in drafted]
        latest = sorted(open_ones, key=lambda one: one.at)[-LATEST:]
        rejected = await _rejected(vertical, known, proposals)
        await _embed(vertical, known, [one.text for one in latest])
        latest = await asyncio.to_thread(_without_rejected, latest, known.vectors, rejected)
        ids = tuple(one.id for one in latest)
        if known.of != ids:
            known.groups = await asyncio.to_thread(_groups, latest, known.vectors)
            known.of = ids
        replies = {one.id for one in await Confirming(vertical).listed(source="agent")}
        found = await asyncio.to_thread(_named, latest, known.groups, replies)
    return Gaps(gaps=found, questions=len(open_ones), grouped=len(latest))


async def draft(vertical: ServedVertical, identifier: str) -> Proposal:
    """A proposal that fills a gap: its questions, a name, and an answer to begin with.

    The answer is the best of what agents have answered to these questions; where none has, the nearest passage of
    the knowledge index; where nothing is near, it is left to be written.

    Raises:
        NotFound: there is no such gap; it may have been drafted already.
    """
    found = next((one for one in (await gaps(vertical)).gaps if one.id == identifier), None)
    if found is None:
        raise NotFound(
            f"There is no gap {identifier[:64]!r}.",
            "It may have a draft already. They are listed by: platform customer-service gaps, GET …/gaps",
        )
    replies = {one.id: one.answer for one in await Confirming(vertical).listed(source="agent") if one.answer}
    answer, basis = await _answer(vertical, found, replies)
    rows = await vertical.rows("utterances")
    examples = [Example(id=one.id, question=one.text, answer=replies.get(one.id, "")) for one in found.questions]
    made = ProposalMade(
        proposal=f"p{found.id[1:]}", name=found.name, known=any(row["intent"] == found.name for row in rows),
        answer=answer, terms=found.terms, examples=examples, source="sessions", basis=basis,
    )  # fmt: skip
    await vertical.events.append("proposal-made", made, key=f"proposal:{made.proposal}:made")
    return (await Review(vertical).load()).get(made.proposal)


async def _answer(vertical: ServedVertical, gap: Gap, replies: dict[str, str]) -> tuple[str, str]:
    """A draft, and what it was taken from."""
    answered = [Pair(one.id, one.text, replies[one.id]) for one in gap.questions if one.id in replies]
    if answered:
        said = await vertical.embed([pair.answer[:_READ] for pair in answered])
        return best_answer(answered, np.asarray(said, np.float32)), "agents"
    hits = await vertical.index("knowledge").search(bare(gap.questions[0].text), k=1)
    if hits and (hits[0].similarity or 0.0) >= QUOTED:
        start, end = passages.quoted(hits[0])
        return passages.bulleted(hits[0].document.text[start:end]), hits[0].document.id
    return "", ""


async def _embed(vertical: ServedVertical, known: _Known, texts: Sequence[str]) -> None:
    """See that the vectors of all texts that the encoder reads are known."""
    if len(known.vectors) > 4 * LATEST:  # most are of questions that were settled long ago
        known.vectors.clear()
    wanted = dict.fromkeys(bare(text)[:_READ] for text in texts if not is_unspaced(text))
    new = [text for text in wanted if text not in known.vectors]
    for start in range(0, len(new), _EMBEDDED):
        some = new[start : start + _EMBEDDED]
        known.vectors.update(zip(some, await vertical.embed(some), strict=True))


async def _rejected(vertical: ServedVertical, known: _Known, proposals: Proposals) -> list[Vectors]:
    """The middles of the proposals that were rejected; questions like theirs are no gap."""
    rejected = [one for one in proposals.listed("rejected") if one.source == "sessions"]
    texts = [[e.question for e in one.examples[:_TYPICAL] if not is_unspaced(e.question)] for one in rejected]
    await _embed(vertical, known, [text for own in texts for text in own])
    return [middle(_vectors(own, known.vectors)) for own in texts if own]


def _without_rejected(
    questions: list[Unanswered], vectors: dict[str, Any], rejected: Sequence[Vectors]
) -> list[Unanswered]:
    if not rejected:
        return questions
    spaced = [one for one in questions if not is_unspaced(one.text)]
    if not spaced:
        return questions
    close = (_vectors([one.text for one in spaced], vectors) @ np.stack(rejected).T).max(axis=1)
    gone = {one.id for one, near in zip(spaced, close, strict=True) if near >= NEAR}
    return [one for one in questions if one.id not in gone]


def _groups(questions: Sequence[Unanswered], vectors: dict[str, Any]) -> list[list[int]]:
    """Places of the questions of each matter, the most typical first; what resembles nothing stands alone."""
    found: list[list[int]] = []
    for unspaced, near in ((False, NEAR), (True, NEAR_SIGNS)):
        places = np.array([n for n, one in enumerate(questions) if is_unspaced(one.text) is unspaced], np.intp)
        if not len(places):
            continue
        texts = [questions[place].text for place in places]
        own = counted([bare(text) for text in texts]) if unspaced else _vectors(texts, vectors)
        inner = clusters(own, near, same=SAME)
        found += [places[group].tolist() for group in inner]
        alone = set(range(len(places))) - {place for group in inner for place in group.tolist()}
        found += [[int(places[place])] for place in sorted(alone)]
    return found


def _named(questions: Sequence[Unanswered], groups: Sequence[Sequence[int]], replies: set[str]) -> list[Gap]:
    members = [[questions[place] for place in group] for group in groups]
    named = names([[Pair(one.id, one.text, "") for one in group] for group in members])
    made = []
    for group, name in zip(members, named, strict=True):
        times = sorted(one.at for one in group)
        oldest = min(group, key=lambda one: (one.at, one.id))
        made.append(
            Gap(
                id=f"g{hashlib.sha256(oldest.id.encode()).hexdigest()[:7]}",
                name=name.name,
                terms=list(name.terms),
                times=len(group),
                first=times[0],
                latest=times[-1],
                answered=sum(one.id in replies for one in group),
                questions=group,
            )
        )
    return sorted(made, key=lambda gap: (-gap.times, -gap.latest.timestamp()))


def _vectors(texts: Sequence[str], vectors: dict[str, Any]) -> Vectors:
    stacked: Vectors = np.stack([vectors[bare(text)[:_READ]] for text in texts]).astype(np.float32)
    return stacked
