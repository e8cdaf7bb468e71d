"""``/v1/customer-service/proposals``: what past dialogues suggest, and what is to become of it."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .data import LONGEST
from .proposals import Proposal, State
from .review import Review

router = APIRouter(prefix="/proposals")
_EXAMPLES = 5


class Edited(BaseModel):
    """Another name or answer."""

    name: str | None = Field(None, max_length=200, examples=["gift_list"])
    answer: str | None = Field(None, max_length=LONGEST * 5)


class Accepted(Edited):
    """How a proposal is accepted."""

    article: bool | None = Field(
        None, description="Whether the answer becomes a document; when not said, it does for a new intent"
    )
    without: set[str] = Field(set(), description="Ids of examples whose questions are not to be learned")


class MergedInto(BaseModel):
    """Which proposal another one becomes part of."""

    into: str = Field(max_length=64, examples=["p1f0c2a9"])


@router.get("")
async def list_proposals(vertical: CurrentVertical, state: State | None = None) -> list[Proposal]:
    """The proposals, what was asked most first, each with its most typical examples."""
    found = (await Review(vertical).load()).listed(state)
    return [one.model_copy(update={"examples": one.examples[:_EXAMPLES]}) for one in found]


@router.get("/{proposal}")
async def get_proposal(proposal: str, vertical: CurrentVertical) -> Proposal:
    """A proposal with all its examples."""
    return (await Review(vertical).load()).get(proposal)


@router.patch("/{proposal}")
async def edit_proposal(proposal: str, edited: Edited, vertical: CurrentVertical) -> Proposal:
    """Give an open proposal another name or answer."""
    return await Review(vertical).edit(proposal, edited.name, edited.answer)


@router.post("/{proposal}/merge")
async def merge_proposal(proposal: str, merged: MergedInto, vertical: CurrentVertical) -> Proposal:
    """Make an open proposal part of another open one, and give that one."""
    return await Review(vertical).merge(proposal, merged.into)


@router.post("/{proposal}/reject")
async def reject_proposal(proposal: str, vertical: CurrentVertical) -> Proposal:
    """Leave an open proposal aside; questions like its own are not proposed again."""
    return await Review(vertical).reject(proposal)


@router.post("/{proposal}/accept")
async def accept_proposal(proposal: str, accepted: Accepted, vertical: CurrentVertical) -> Proposal:
    """Teach the assistant an open proposal: its questions join the data set, its answer the index."""
    review = Review(vertical)
    return await review.accept(proposal, accepted.name, accepted.answer, accepted.article, accepted.without)
