"""``/v1/customer-service/proposals``: what past dialogues suggest, and what is to become of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from verticals import BadInput, CurrentVertical

from .data import LONGEST
from .proposals import Proposal, State
from .review import Review
from .teaching import LONGEST_ANSWER

router = APIRouter(prefix="/proposals")
_EXAMPLES = 5
ProposalId = Annotated[str, Path(description="Its id, or its name", max_length=64, examples=["p1f0c2a9"])]


class Proposed(BaseModel):
    """A proposal of one's own; personal data is replaced before it is stored."""

    name: str = Field(max_length=200, examples=["gift_list"])
    answer: str = Field(max_length=LONGEST_ANSWER, examples=["Make a list under Account > Gift lists."])
    questions: list[Annotated[str, Field(min_length=1, max_length=LONGEST)]] = Field(
        min_length=1, max_length=200, examples=[["How do I make a gift list?"]]
    )


class Edited(BaseModel):
    """Another name or answer."""

    name: str | None = Field(None, max_length=200, examples=["wedding_list"])
    answer: str | None = Field(None, max_length=LONGEST_ANSWER)


class Decided(Edited):
    """What is to become of a proposal."""

    action: Literal["accept", "reject", "merge", "undo"] = Field(examples=["accept"])
    article: bool | None = Field(
        None, description="Whether the accepted answer becomes a document; when not said, it does for a new intent"
    )
    without: set[str] = Field(set(), description="Ids of examples whose questions are not to be learned")
    into: str | None = Field(None, max_length=64, description="The proposal that it is merged into")


@router.get("")
async def list_proposals(vertical: CurrentVertical, state: State | None = None) -> list[Proposal]:
    """The proposals, what was asked most first, each with its most typical examples."""
    found = (await Review(vertical).load()).listed(state)
    return [one.model_copy(update={"examples": one.examples[:_EXAMPLES]}) for one in found]


@router.post("", status_code=201)
async def propose(proposed: Proposed, vertical: CurrentVertical) -> Proposal:
    """Add a proposal of one's own to those of past dialogues; the same one again changes nothing."""
    return await Review(vertical).propose(proposed.name, proposed.answer, proposed.questions)


@router.get("/{proposal}")
async def get_proposal(proposal: ProposalId, vertical: CurrentVertical) -> Proposal:
    """A proposal with all its examples."""
    return (await Review(vertical).load()).get(proposal)


@router.patch("/{proposal}")
async def edit_proposal(proposal: ProposalId, edited: Edited, vertical: CurrentVertical) -> Proposal:
    """Give an open proposal another name or answer."""
    return await Review(vertical).edit(proposal, edited.name, edited.answer)


@router.post("/{proposal}/decisions")
async def decide(proposal: ProposalId, decided: Decided, vertical: CurrentVertical) -> Proposal:
    """Decide about a proposal: the proposal as it stands then, or the one that it was merged into.

    Accepted, its questions join the data set and its answer the index. Rejected, questions like its own are not
    proposed again. `undo` takes back either: the proposal is open again, and what it has taught is gone.
    """
    review = Review(vertical)
    if decided.action == "undo":
        return await review.undo(proposal)
    if decided.action == "reject":
        return await review.reject(proposal)
    if decided.action == "accept":
        return await review.accept(proposal, decided.name, decided.answer, decided.article, decided.without)
    if decided.into is None:
        raise BadInput("A merge needs the proposal to merge into.", 'Say it as "into".')
    return await review.merge(proposal, decided.into)
