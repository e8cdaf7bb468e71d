"""What the vertical does, for the API and the page alike: score, recommend, find, remember."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from verticals import BadInput, Conflict, Event, Evidence, NotFound, PlatformError, Prediction

from .catalogue import Catalogue, nearest, shown
from .data import Behaviour, Item, as_document, items
from .events import Click, Feedback, Impression
from .histories import Met, by_user, chosen, met
from .ranking import POOL, Popular, diversified, popularity
from .reasons import MOST_EVIDENCE, evidence, popular_reason, reason
from .text import HISTORY_ITEMS, history_text, item_text

if TYPE_CHECKING:
    from verticals import ServedVertical

_STATE = "known"
_PAGE = 1000
_NEW = "new"
_log = logging.getLogger("verticals.recommendation")


@dataclass(frozen=True, slots=True)
class Known:
    """What is read once, when the vertical starts to serve.

    Args:
        catalogue: all items.
        behaviours: per user, all they did.
        popular: items by popularity, the most popular first.
    """

    catalogue: Catalogue
    behaviours: Mapping[str, Sequence[Behaviour]]
    popular: Sequence[Popular]


@dataclass(frozen=True, slots=True)
class Scored:
    """How well an item follows a history, and which items of the history speak for it, the loudest first."""

    score: float
    evidence: tuple[Evidence, ...]
    version: str
    tokens_cut: int


@dataclass(frozen=True, slots=True)
class Recommended:
    """One recommended item, with its reason."""

    item: Item
    score: float
    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A ranked list. ``basis`` says what the scores are: the head's probabilities, or popularity where none is asked.

    Args:
        basis: ``interest`` or ``popularity``.
        items: best first.
        read: ids of the history's items that the head read, the latest last.
        version: of the head that answered; empty for popularity.
    """

    basis: Literal["interest", "popularity"]
    items: tuple[Recommended, ...]
    read: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of items; ``total`` is ``None`` for a search, which ranks rather than counts."""

    items: list[Item]
    total: int | None
    next_offset: int | None


def known(vertical: ServedVertical) -> Known:
    """What a running vertical knows."""
    return cast(Known, vertical.state[_STATE])


async def picked(vertical: ServedVertical, item_ids: Sequence[str]) -> list[Met]:
    """A history that is given by item ids, oldest first.

    Raises:
        NotFound: an item is not in the catalogue.
    """
    for item_id in item_ids:
        await find_item(vertical, item_id)
    return chosen(item_ids)


async def find_item(vertical: ServedVertical, item_id: str) -> Item:
    """One item of the catalogue.

    Raises:
        NotFound: there is none; the nearest is suggested.
    """
    catalogue = known(vertical).catalogue
    found = catalogue.items.get(item_id)
    return found if found is not None else await asyncio.to_thread(catalogue.get, item_id)


async def history_of(vertical: ServedVertical, user_id: str) -> list[Met]:
    """What a user met, oldest first: the data set's behaviours, and the clicks written to the log since.

    Raises:
        NotFound: nothing is known of the user; the nearest is suggested.
    """
    here = known(vertical)
    clicks = [_as_view(event) for event in await _events(vertical, user_id)]
    behaviours = [*here.behaviours.get(user_id, ()), *clicks]
    if not behaviours:
        remedy = await asyncio.to_thread(
            nearest, user_id, here.behaviours, f"{len(here.behaviours):,} users are known; a click event adds one."
        )
        raise NotFound(f"There is no user {shown(user_id)}.", remedy)
    return [one for one in met(behaviours) if one.item_id in here.catalogue]


async def score(vertical: ServedVertical, history: Sequence[Met], item: Item) -> Scored:
    """How probable it is that the item comes next, rather than one drawn at random.

    Raises:
        BadInput: the history is empty.
    """
    if not history:
        raise BadInput(
            "The history is empty, so there is nothing to judge by.",
            "Give at least one item, or ask …/recommend, which falls back to what is popular.",
        )
    candidates = {_NEW: item_text(item)}
    answer, strengths = await asyncio.gather(
        _rank(vertical, history, candidates), _strengths(vertical, history, candidates)
    )
    why = evidence(_read(history), known(vertical).catalogue.items, strengths[_NEW])
    return Scored(answer.confidence, tuple(why), answer.version, answer.tokens_cut)


async def recommend(
    vertical: ServedVertical,
    history: Sequence[Met],
    *,
    k: int = 10,
    exclude_seen: bool = True,
    category: str | None = None,
) -> Recommendations:
    """The items that come next most probably, a little diversified; without a history what is popular now.

    Raises:
        NotFound: there is no such category.
    """
    catalogue = known(vertical).catalogue
    seen = {one.item_id for one in history} if exclude_seen else set()
    allowed = {item.item_id: item for item in catalogue.in_category(category) if item.item_id not in seen}
    if not history:
        return Recommendations("popularity", tuple(_popular(vertical, allowed, k)))
    read = tuple(one.item_id for one in _read(history))
    if not allowed:
        return Recommendations("interest", (), read)
    answer = await _rank(vertical, history, {item_id: catalogue.texts[item_id] for item_id in allowed})
    pool = [(allowed[item_id], probability) for item_id, probability in answer.ranking[: POOL * k]]
    best = await asyncio.to_thread(diversified, pool, k, vertical.settings.diversity)
    texts = {item.item_id: catalogue.texts[item.item_id] for item, _ in best}
    strengths = await _strengths(vertical, history, texts)
    listed = []
    for item, probability in best:
        speaking = strengths[item.item_id]
        why = evidence(_read(history), catalogue.items, speaking)[:MOST_EVIDENCE]
        told = reason(why, history, catalogue.items, max(speaking))
        listed.append(Recommended(item, probability, told, tuple(why)))
    return Recommendations("interest", tuple(listed), read, answer.version)


async def find(
    vertical: ServedVertical, *, query: str = "", category: str | None = None, offset: int = 0, limit: int = 50
) -> Found:
    """A page of the catalogue in its own order; with a query the best matching items first.

    Raises:
        NotFound: there is no such category.
    """
    catalogue = known(vertical).catalogue
    if not query.strip():
        listed = catalogue.in_category(category)
        more = offset + limit < len(listed)
        return Found(listed[offset : offset + limit], len(listed), offset + limit if more else None)
    catalogue.in_category(category)
    where = {"category": category} if category else None
    hits = await vertical.index("catalogue").search(query, k=offset + limit + 1, where=where)
    found = [catalogue.items[hit.document.id] for hit in hits if hit.document.id in catalogue]
    more = len(found) > offset + limit
    return Found(found[offset : offset + limit], None, offset + limit if more else None)


async def record(vertical: ServedVertical, event: Impression | Click | Feedback, key: str | None = None) -> Event:
    """Write what happened with a recommendation to the log.

    Raises:
        NotFound: an item is not in the catalogue.
    """
    for item_id in event.items if isinstance(event, Impression) else [event.item]:
        await find_item(vertical, item_id)
    return await vertical.events.append(event.kind, event.model_dump(mode="json"), key=key)


@asynccontextmanager
async def lifespan(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read catalogue and behaviours, bring the index level, and warm the head in the background."""
    rows, behaviour_rows = await asyncio.gather(vertical.rows("items"), vertical.rows("behaviours"))
    vertical.state[_STATE] = here = await asyncio.to_thread(
        _known, rows, behaviour_rows, vertical.settings.popularity_half_life_days
    )
    await _level_index(vertical, here.catalogue)
    warming = asyncio.create_task(_warm(vertical, here), name="recommendation: warm the head")
    try:
        yield
    finally:
        warming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await warming


def _known(
    rows: Sequence[Mapping[str, object]], behaviour_rows: Sequence[Mapping[str, object]], half_life_days: float
) -> Known:
    catalogue = Catalogue(Item.model_validate(row) for row in rows)
    behaviours = [Behaviour.model_validate(row) for row in behaviour_rows]
    popular = [one for one in popularity(behaviours, half_life_days) if one.item_id in catalogue]
    return Known(catalogue, by_user(behaviours), popular)


async def _level_index(vertical: ServedVertical, catalogue: Catalogue) -> None:
    """Let search find what the data set ``items`` holds now, which an import may have changed."""
    index = vertical.index("catalogue")
    gone = await asyncio.to_thread(lambda: [item.item_id for item in items() if item.item_id not in catalogue])
    documents = await asyncio.to_thread(lambda: [as_document(item) for item in catalogue.items.values()])
    with contextlib.suppress(Conflict):  # another process writes to the index, and levels it
        await index.upsert(documents)
        await index.delete(gone)


async def _warm(vertical: ServedVertical, here: Known) -> None:
    """Have the features of all items computed before the first request needs them."""
    if not here.catalogue.texts:
        return
    try:
        await vertical.head("interest").predict({"query": "warm", "candidates": dict(here.catalogue.texts)})
    except PlatformError as error:
        _log.warning("The head could not be warmed: %s", error)


def _read(history: Sequence[Met]) -> Sequence[Met]:
    """The part of a history that the head reads."""
    return history[-HISTORY_ITEMS:]


async def _rank(vertical: ServedVertical, history: Sequence[Met], candidates: Mapping[str, str]) -> Prediction:
    catalogue = known(vertical).catalogue
    query = history_text([catalogue.items[one.item_id] for one in _read(history)])
    return await vertical.head("interest").predict({"query": query, "candidates": dict(candidates)})


async def _strengths(
    vertical: ServedVertical, history: Sequence[Met], candidates: Mapping[str, str]
) -> dict[str, list[float]]:
    """Per candidate, how strongly each item of the history would lead to it if it were the whole history."""
    catalogue = known(vertical).catalogue
    queries = [history_text([catalogue.items[one.item_id]]) for one in _read(history)]
    answers = await vertical.head("interest").predict_many(
        [{"query": query, "candidates": dict(candidates)} for query in queries]
    )
    by_item = [dict(answer.ranking) for answer in answers]
    return {name: [strengths[name] for strengths in by_item] for name in candidates}


def _popular(vertical: ServedVertical, allowed: Mapping[str, Item], k: int) -> list[Recommended]:
    best = [one for one in known(vertical).popular if one.item_id in allowed][:k]
    return [Recommended(allowed[one.item_id], one.score, popular_reason(one), ()) for one in best]


async def _events(vertical: ServedVertical, user_id: str) -> list[Event]:
    """The clicks of a user, oldest first."""
    clicks: list[Event] = []
    while True:
        after = clicks[-1].offset if clicks else 0
        page = await vertical.events.read(after=after, limit=_PAGE, kinds=["click"], where={"user_id": user_id})
        clicks.extend(page)
        if len(page) < _PAGE:
            return clicks


def _as_view(event: Event) -> Behaviour:
    payload = event.payload
    return Behaviour(user_id=payload["user_id"], item_id=payload["item"], action="view", at=event.at)
