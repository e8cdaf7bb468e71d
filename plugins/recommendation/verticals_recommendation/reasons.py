"""Why an item is recommended, in plain words and as evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from verticals import Evidence

from .data import Action, Item
from .histories import Met
from .ranking import POPULAR_DAYS, Popular, shares

MOST_EVIDENCE = 3
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


def reason(found: Sequence[Evidence], history: Sequence[Met], items: Mapping[str, Item]) -> str:
    """``Because you finished “Proof and Crumb” and saved “Flour From Field to Bowl”.``"""
    actions = {one.item_id: one.action for one in history}
    first, *others = found
    named = [first, *(piece for piece in others[:1] if (piece.score or 0.0) >= ALSO * (first.score or 0.0))]
    parts: list[str] = []
    for piece in named:
        verb = _DONE[actions[piece.id]]
        title = f"“{items[piece.id].title}”"
        parts.append(title if parts and parts[0].startswith(verb) else f"{verb} {title}")
    return f"Because you {' and '.join(parts)}"


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
