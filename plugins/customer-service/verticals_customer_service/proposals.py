"""Proposals: what past dialogues suggest that the assistant should know, and what people decided about it.

A proposal is its events, as a session is: it was made by a mining, it grew by later ones, it was renamed, edited,
merged, accepted or rejected. What stands here is computed from them each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from verticals import Conflict, Event, NotFound

from .data import Intent
from .teaching import Taught

Source = Literal["dialogues", "sessions"]
KINDS = ("proposal-made", "proposal-grown", "proposal-reviewed", "dialogues-mined")
State = Literal["open", "accepted", "rejected", "merged"]
Action = Literal["edit", "accept", "reject", "merge", "undo"]


class Example(BaseModel):
    """A question that a customer asked and the answer that settled it."""

    id: str = Field(description="Of the dialogue and the turn in it, or of the session and the message's offset")
    question: str
    answer: str = Field(description="Empty where nobody has answered it")


class ProposalMade(BaseModel):
    """A group of questions was found."""

    proposal: str
    name: Intent = Field(description="Of the intent")
    known: bool = Field(description="Whether there is an intent of this name already")
    answer: str
    terms: list[str] = Field([], description="The telling words")
    examples: list[Example]
    source: Source = Field("dialogues", description="Past dialogues (or a person), or questions of live sessions")
    basis: str = Field("", description="Where the answer of a draft was taken from: `agents`, or the id of a document")


class ProposalGrown(BaseModel):
    """A later mining found more questions of the same matter."""

    proposal: str
    examples: list[Example]


class ProposalReviewed(Taught):
    """A person decided something."""

    proposal: str
    action: Action
    name: Intent | None = None
    answer: str | None = None
    into: str | None = Field(None, description="The proposal that it was merged into")


class DialoguesMined(BaseModel):
    """A mining was finished."""

    through: int = Field(description="Offset of the last dialogue that it read")
    pairs: int


class Proposal(BaseModel):
    """A proposal as it stands."""

    id: str
    name: str = Field(description="Of the intent, in snake_case", examples=["gift_list"])
    known: bool = Field(description="Whether the assistant knew the intent when the proposal was made")
    state: State = "open"
    times: int = Field(description="How many customers asked it")
    answer: str
    terms: list[str] = Field([], description="The words that tell it from other proposals")
    examples: list[Example] = Field([], description="The most typical first")
    into: str | None = None
    document: str | None = None
    source: Source = Field("dialogues", description="Where the questions were asked")
    basis: str = Field("", description="Where the answer of a draft was taken from: `agents`, or the id of a document")
    taught: Taught | None = Field(None, exclude=True)
    undone: int = Field(0, exclude=True)


class Proposals:
    """All proposals, by their events, oldest first.

    Args:
        events: of the kinds in `KINDS`; others are passed over.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._all: dict[str, Proposal] = {}
        self.mined_through = 0
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Take one more event into account."""
        if event.kind == "dialogues-mined":
            self.mined_through = max(self.mined_through, event.payload["through"])
        elif event.kind == "proposal-made":
            made = ProposalMade.model_validate(event.payload)
            self._all[made.proposal] = Proposal(
                id=made.proposal, name=made.name, known=made.known, times=len(made.examples), answer=made.answer,
                terms=made.terms, examples=made.examples, source=made.source,
                basis=made.basis,
            )  # fmt: skip
        elif event.kind == "proposal-grown":
            grown = ProposalGrown.model_validate(event.payload)
            self._grow(self.final(grown.proposal), grown.examples)
        elif event.kind == "proposal-reviewed":
            self._review(ProposalReviewed.model_validate(event.payload))

    def get(self, identifier: str) -> Proposal:
        """One proposal by its id, or by its name; of several the open one, then the one asked most.

        Raises:
            NotFound: there is none; the nearest is suggested.
        """
        if identifier in self._all:
            return self._all[identifier]
        named = sorted((one for one in self.listed() if one.name == identifier), key=lambda one: one.state != "open")
        if named:
            return named[0]
        raise NotFound.named("proposal", identifier[:64], [one.name for one in self.listed("open")])

    def open(self, identifier: str) -> Proposal:
        """One that is not decided.

        Raises:
            NotFound: there is none.
            Conflict: it is accepted, rejected or merged already.
        """
        found = self.get(identifier)
        if found.state != "open":
            back = f" That is taken back by: platform customer-service undo {found.id}" * (found.state != "merged")
            raise Conflict(
                f"The proposal {found.id} ({found.name}) is {found.state} already.", f"Choose an open one.{back}"
            )
        return found

    def final(self, identifier: str) -> Proposal:
        """The proposal that one was merged into, however often; itself where it was not."""
        found = self._all[identifier]
        while found.into is not None:
            found = self._all[found.into]
        return found

    def listed(self, state: State | None = None) -> list[Proposal]:
        """Those of a state, or all but the merged; what was asked most comes first."""
        chosen = (one for one in self._all.values() if one.state == state or (state is None and one.state != "merged"))
        return sorted(chosen, key=lambda one: (-one.times, one.id))

    def seen(self) -> set[str]:
        """Ids of the examples that are in a proposal, whatever was decided about it."""
        return {example.id for one in self._all.values() for example in one.examples}

    def _grow(self, proposal: Proposal, examples: list[Example]) -> None:
        known = {example.id for example in proposal.examples}
        proposal.examples = [*proposal.examples, *(one for one in examples if one.id not in known)]
        proposal.times = len(proposal.examples)

    def _review(self, reviewed: ProposalReviewed) -> None:
        proposal = self._all[reviewed.proposal]
        if reviewed.action == "undo" and proposal.state in ("accepted", "rejected"):
            proposal.state, proposal.document, proposal.taught = "open", None, None
            proposal.undone += 1
        if proposal.state != "open" or reviewed.action == "undo":
            return
        proposal.name = reviewed.name or proposal.name
        proposal.answer = reviewed.answer or proposal.answer
        match reviewed.action:
            case "accept":
                proposal.state, proposal.document, proposal.taught = "accepted", reviewed.document, reviewed
            case "reject":
                proposal.state = "rejected"
            case "merge" if reviewed.into is not None:
                proposal.state, proposal.into = "merged", reviewed.into
                self._grow(self.final(reviewed.into), proposal.examples)
