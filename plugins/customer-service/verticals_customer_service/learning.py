"""From stored dialogues to proposals: what is new is compared with what was proposed before, and the rest is grouped.

A pair that resembles a proposal joins it, also one that was rejected, so that nobody is asked twice; ids of proposals
never change. Without new dialogues nothing is computed and nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .dialogues import stored
from .mining.clusters import middle
from .mining.groups import NEAR, NEAR_SIGNS, divided, grouped, sign_vectors, vectors
from .mining.pairs import Pair, pairs
from .proposals import KINDS, DialoguesMined, Example, ProposalGrown, ProposalMade, Proposals

if TYPE_CHECKING:
    from verticals import Vertical

_PAGE = 500
_TYPICAL = 6  # examples that stand for a proposal
_UTTERANCES = 16  # of each known intent, that groups are compared with
_KEPT = 200  # examples of one proposal that are stored; more of the same teach nothing
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Mined:
    """What a mining found.

    Args:
        dialogues: that were read; 0 where there were no new ones.
        pairs: answered questions in them.
        made: new proposals.
        grown: questions that joined earlier ones.
        alone: questions that resemble no other.
    """

    dialogues: int = 0
    pairs: int = 0
    made: int = 0
    grown: int = 0
    alone: int = 0


def load(vertical: Vertical) -> Proposals:
    """All proposals as they stand."""
    proposals, after = Proposals(), 0
    while page := vertical.events.read(after=after, limit=_PAGE, kinds=KINDS):
        for event in page:
            proposals.apply(event)
        after = page[-1].offset
    return proposals


def mine(vertical: Vertical, progress: Told | None = None) -> Mined:
    """Propose what the stored dialogues tell.

    Args:
        vertical: whose dialogues.
        progress: told how many of how many texts are encoded.
    """
    proposals = load(vertical)
    read, through, found = _fresh_pairs(vertical, proposals)
    if through <= proposals.mined_through:
        return Mined()
    embed = vertical.host.engine.embed
    seen = proposals.seen()
    rest, joined = _join(vertical, proposals, [pair for pair in found if pair.id not in seen])
    groups = grouped(rest, embed, _known(vertical), progress) if len(rest) > 1 else []
    for group in groups:
        first = hashlib.sha256(group.pairs[0].id.encode()).hexdigest()
        made = ProposalMade(
            proposal=f"p{first[:7]}", name=group.name, known=group.known, answer=group.answer,
            terms=list(group.terms), examples=_examples(group.pairs[:_KEPT]),
        )  # fmt: skip
        vertical.events.append("proposal-made", made, key=f"proposal:{made.proposal}:made")
    vertical.events.append("dialogues-mined", DialoguesMined(through=through, pairs=len(found)))
    in_groups = sum(len(group.pairs) for group in groups)
    return Mined(read, len(found), len(groups), joined, len(rest) - in_groups)


def _fresh_pairs(vertical: Vertical, proposals: Proposals) -> tuple[int, int, list[Pair]]:
    """How many dialogues there are, the offset of the last, and their pairs; of a dialogue its latest form counts."""
    through = 0
    found: dict[str, list[Pair]] = {}
    for offset, dialogue in stored(vertical):
        through = offset
        found[dialogue.dialogue] = list(pairs(dialogue))
    return len(found), through, [pair for own in found.values() for pair in own]


def _join(vertical: Vertical, proposals: Proposals, found: Sequence[Pair]) -> tuple[list[Pair], int]:
    """Let pairs join the proposals that they resemble; those that resemble none, and how many joined."""
    known = proposals.listed()
    if not known or not found:
        return list(found), 0
    embed = vertical.host.engine.embed
    stands_for = {one.id: [_pair(example) for example in one.examples[:_TYPICAL]] for one in known}
    alone: list[Pair] = []
    joined: dict[str, list[Pair]] = {}
    for number, (texts, near) in enumerate(zip(divided(found), (NEAR, NEAR_SIGNS), strict=True)):
        typical = {name: divided(own)[number] for name, own in stands_for.items()}
        chosen = [name for name, own in typical.items() if own]
        if not texts or not chosen:
            alone += texts
            continue
        everything = [*texts, *(pair for name in chosen for pair in typical[name])]
        own = vectors(everything, embed) if number == 0 else sign_vectors(everything)
        middles, at = [], len(texts)
        for name in chosen:
            middles.append(middle(own[at : at + len(typical[name])]))
            at += len(typical[name])
        close = own[: len(texts)] @ np.stack(middles).T
        for pair, nearest, similarity in zip(texts, close.argmax(axis=1), close.max(axis=1), strict=True):
            if similarity >= near:
                joined.setdefault(chosen[nearest], []).append(pair)
            else:
                alone.append(pair)
    for name, members in joined.items():
        room = max(0, _KEPT - proposals.get(name).times)
        if room:
            vertical.events.append("proposal-grown", ProposalGrown(proposal=name, examples=_examples(members[:room])))
    return alone, sum(map(len, joined.values()))


def _known(vertical: Vertical) -> list[tuple[str, str]]:
    """Some utterances of each intent that the assistant knows, taken evenly from all there are."""
    of_intent: dict[str, list[str]] = {}
    for row in vertical.dataset("utterances").current().iterate():
        of_intent.setdefault(row["intent"], []).append(row["text"])
    return [
        (texts[len(texts) * number // chosen], intent)
        for intent, texts in of_intent.items()
        for chosen in [min(len(texts), _UTTERANCES)]
        for number in range(chosen)
    ]


def _examples(members: Sequence[Pair]) -> list[Example]:
    return [Example(id=pair.id, question=pair.question, answer=pair.answer) for pair in members]


def _pair(example: Example) -> Pair:
    return Pair(example.id, example.question, example.answer)
