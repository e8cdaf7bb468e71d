"""Why an item is recommended, in plain words and as evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from verticals import Evidence

from .data import Action, Item
from .histories import Met
from .ranking import POPULAR_DAYS, Popular, shares

MOST_EVIDENCE = 3
WEAK = 0.5  # below, an item of the history alone would not lead to the candidate
ALSO = 0.8  # a second item is named too when it speaks at least this much as loudly as the first
_DONE: Mapping[Action | None, str] = {
    "view": "viewed",
    "save": "saved",
    "buy": "bought",
    "finish": "finished",
    None: "picked",
}


def evidence(history: Sequence[Met], items: Mapping[str, Item], strengths: Sequence[float]) -> list[Evidence]:
    """The items of a history that speak for a candidate, the loudest first.

    Args:
        history: what was met.
        items: of the catalogue, by id.
        strengths: per item of the history, how strongly it alone leads to the candidate.

    Returns:
        One piece per item; its score is its share of all strengths, so they sum to 1.
    """
    pieces = [
        Evidence(
            kind="history",
            id=one.item_id,
            text=items[one.item_id].description or items[one.item_id].title,
            source=f"{items[one.item_id].title}, {done(one)}",
            score=share,
        )
        for one, share in zip(history, shares(strengths), strict=True)
    ]
    return sorted(pieces, key=lambda piece: -(piece.score or 0.0))


def reason(found: Sequence[Evidence], history: Sequence[Met], items: Mapping[str, Item], strongest: float = 1.0) -> str:
    """``Because you finished “Proof and Crumb” and saved “Flour From Field to Bowl”``.

    Args:
        found: the evidence, the loudest first; at least one piece.
        history: what was met.
        items: of the catalogue, by id.
        strongest: how strongly the loudest item alone leads to the candidate; where that is weak, the reason says so.
    """
    actions = {one.item_id: one.action for one in history}
    first, *others = found
    title = f"“{items[first.id].title}”"
    if strongest < WEAK:
        return f"Fits the history as a whole; nearest is {title}, which you {_DONE[actions[first.id]]}"
    because = f"Because you {_DONE[actions[first.id]]} {title}"
    second = next((piece for piece in others[:1] if (piece.score or 0.0) >= ALSO * (first.score or 0.0)), None)
    if second is None:
        return because
    same = actions[second.id] == actions[first.id]
    return f"{because} and {'' if same else _DONE[actions[second.id]] + ' '}“{items[second.id].title}”"


def popular_reason(popular: Popular) -> str:
    """``Popular now: 9 people in the last 30 days``."""
    if not popular.people:
        return f"Popular before, but met by nobody in the last {POPULAR_DAYS} days"
    people = "1 person" if popular.people == 1 else f"{popular.people} people"
    return f"Popular now: {people} in the last {POPULAR_DAYS} days"


def done(one: Met) -> str:
    """``finished 2 Jun 2026``."""
    return _DONE[one.action] + (f" {day(one.at)}" if one.at else "")


def day(moment: dt.datetime) -> str:
    """``2 Jun 2026``."""
    return f"{moment.day} {moment:%b %Y}"
