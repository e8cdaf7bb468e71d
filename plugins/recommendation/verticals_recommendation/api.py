"""The API under ``/v1/recommendation``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from verticals import BadInput, CurrentVertical

from . import service
from .data import Identifier, Item
from .schemas import (
    EventNoted,
    EventRequest,
    EvidenceOut,
    ItemPage,
    MetItem,
    RecommendedItem,
    RecommendRequest,
    RecommendResponse,
    ScoreRequest,
    ScoreResponse,
    UserHistory,
)

router = APIRouter()


@router.post("/score")
async def score(body: ScoreRequest, vertical: CurrentVertical) -> ScoreResponse:
    """How well an item follows a history, and which items of the history speak for it."""
    history = await service.picked(vertical, body.history)
    item = await service.find_item(vertical, body.item) if isinstance(body.item, str) else body.item.as_item()
    scored = await service.score(vertical, history, item)
    return ScoreResponse(
        score=scored.score,
        evidence=[EvidenceOut.of(piece) for piece in scored.evidence],
        tokens_cut=scored.tokens_cut,
        version=scored.version,
    )


@router.post("/recommend")
async def recommend(body: RecommendRequest, vertical: CurrentVertical) -> RecommendResponse:
    """The items that come next most probably, each with its score, reason and evidence."""
    if body.history is not None and body.user_id is not None:
        raise BadInput("Both 'history' and 'user_id' are given.", "Give one of them, or neither for what is popular.")
    if body.user_id is not None:
        history = await service.history_of(vertical, body.user_id)
    else:
        history = await service.picked(vertical, body.history or [])
    found = await service.recommend(vertical, history, k=body.k, exclude_seen=body.exclude_seen, category=body.category)
    return RecommendResponse(
        basis=found.basis,
        items=[
            RecommendedItem(
                item=one.item,
                score=one.score,
                reason=one.reason,
                evidence=[EvidenceOut.of(piece) for piece in one.evidence],
            )
            for one in found.items
        ],
        history_read=list(found.read),
        version=found.version,
    )


@router.get("/items")
async def list_items(
    vertical: CurrentVertical,
    query: Annotated[
        str, Query(alias="q", max_length=500, description="Search; the best match first", examples=["sourdough"])
    ] = "",
    category: Annotated[str | None, Query(description="Only this category", examples=["baking"])] = None,
    offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """The catalogue in its own order; with ``q`` the items that match best first."""
    found = await service.find(vertical, query=query, category=category, offset=offset, limit=limit)
    return ItemPage(
        items=found.items,
        total=found.total,
        next_offset=found.next_offset,
        categories=list(service.known(vertical).catalogue.categories),
    )


@router.get("/items/{item_id}")
async def get_item(vertical: CurrentVertical, item_id: Annotated[Identifier, Path(examples=["i-003"])]) -> Item:
    """One item of the catalogue."""
    return await service.find_item(vertical, item_id)


@router.get("/users/{user_id}/history")
async def get_history(
    vertical: CurrentVertical, user_id: Annotated[Identifier, Path(examples=["u-001"])]
) -> UserHistory:
    """What a user met: the behaviours of the data set, and the clicks written since."""
    items = service.known(vertical).catalogue.items
    history = await service.history_of(vertical, user_id)
    return UserHistory(
        user_id=user_id,
        history=[MetItem(item=items[one.item_id], action=one.action, at=one.at) for one in history],
    )


@router.post("/events", status_code=201)
async def add_event(body: EventRequest, vertical: CurrentVertical) -> EventNoted:
    """Note that items were shown, clicked or judged. A click with a user joins that user's history."""
    event = await service.record(vertical, body.event, body.key)
    return EventNoted(offset=event.offset, kind=event.kind, at=event.at)
