"""``/v1/customer-service/suggestions`` and ``/gaps``: what live sessions tell, and what is to become of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from . import gaps
from .confirming import Confirming
from .data import LONGEST
from .gaps import Gaps
from .proposals import Proposal
from .suggestions import Source, State, Suggestion
from .teaching import LONGEST_ANSWER

router = APIRouter()
_QUESTIONS = 5
_DRAFTED = 20  # proposals at a time
SuggestionId = Annotated[str, Path(description="Session and offset of the question", max_length=200)]


class SuggestionDecided(BaseModel):
    """What is to become of a suggestion; intent, text and answer take the place of its own."""

    action: Literal["accept", "reject", "undo"] = Field(examples=["accept"])
    intent: str | None = Field(None, max_length=200, examples=["gift_wrapping"])
    text: str | None = Field(None, min_length=1, max_length=LONGEST)
    answer: str | None = Field(None, max_length=LONGEST_ANSWER)
    article: bool | None = Field(
        None, description="Whether the answer becomes a document; when not said, it does where there is one"
    )


class Drafting(BaseModel):
    """Which gaps are to be filled."""

    gap: str | None = Field(None, max_length=64, description="This one; when not said, the largest")
    least: int = Field(3, ge=1, description="Customers who asked it, where no gap is named", examples=[3])


@router.get("/suggestions")
async def list_suggestions(
    vertical: CurrentVertical,
    state: State | None = None,
    source: Source | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Suggestion]:
    """What thumbs, agents' replies and corrections suggest to learn, what happened last first."""
    return (await Confirming(vertical).listed(state, source))[:limit]


@router.get("/suggestions/{suggestion}")
async def get_suggestion(suggestion: SuggestionId, vertical: CurrentVertical) -> Suggestion:
    """A suggestion, with what spoke for it."""
    return await Confirming(vertical).get(suggestion)


@router.post("/suggestions/{suggestion}/decisions")
async def decide_suggestion(
    suggestion: SuggestionId, decided: SuggestionDecided, vertical: CurrentVertical
) -> Suggestion:
    """Decide about a suggestion. Accepted, its question joins the data set, and its answer, if it has one, the index.

    `undo` takes a decision back: the suggestion is open again, and what it has taught is gone.
    """
    confirming = Confirming(vertical)
    if decided.action == "undo":
        return await confirming.undo(suggestion)
    if decided.action == "reject":
        return await confirming.reject(suggestion)
    return await confirming.accept(
        suggestion, intent=decided.intent, text=decided.text, answer=decided.answer, article=decided.article
    )


@router.get("/gaps")
async def list_gaps(vertical: CurrentVertical, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Gaps:
    """Groups of questions that the assistant could not answer, the largest first, with their most typical questions."""
    found = await gaps.gaps(vertical)
    few = [one.model_copy(update={"questions": one.questions[:_QUESTIONS]}) for one in found.gaps[:limit]]
    return found.model_copy(update={"gaps": few})


@router.post("/gaps/drafts", status_code=201)
async def draft_proposals(drafting: Drafting, vertical: CurrentVertical) -> list[Proposal]:
    """Make proposals that fill gaps, each with an answer to begin with; decide about them as about any other."""
    if drafting.gap is not None:
        return [await gaps.draft(vertical, drafting.gap)]
    asked = [gap for gap in (await gaps.gaps(vertical)).gaps if gap.times >= drafting.least]
    return [await gaps.draft(vertical, gap.id) for gap in asked[:_DRAFTED]]
