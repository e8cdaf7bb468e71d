"""The arithmetic of lists: variety, shares of evidence, popularity."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .data import Behaviour, Item

POPULAR_DAYS = 30
POOL = 5  # so many times the items asked for are weighed for variety


@dataclass(frozen=True, slots=True)
class Popular:
    """How popular an item is now.

    Args:
        item_id: which.
        score: people who met it, each counted less the longer ago, over that of the most popular item: 0 to 1.
        people: who met it in the last 30 days.
    """

    item_id: str
    score: float
    people: int


def likeness(one: Item, other: Item) -> float:
    """How alike two items are, 0 to 1: the share of category and tags that they have in common (Jaccard)."""
    left, right = ({item.category, *item.tags} - {""} for item in (one, other))
    return len(left & right) / len(left | right) if left | right else 0.0


def diversified(ranked: Sequence[tuple[Item, float]], k: int, diversity: float) -> list[tuple[Item, float]]:
    """The best ``k`` of a ranking, each weighed against its likeness to those above it.

    Maximal marginal relevance (Carbonell and Goldstein, 1998): each place goes to the item with the highest
    ``(1 - diversity) * relevance - diversity * likeness to the most alike item above``, where relevance is the score
    within the ranking given, from 0 (its last) to 1 (its first).

    Args:
        ranked: items with their scores, best first; those that may be taken.
        k: how many to take.
        diversity: 0 leaves the ranking as it is; 1 looks at variety only.
    """
    if not ranked or diversity == 0:
        return list(ranked[:k])
    lowest, highest = ranked[-1][1], ranked[0][1]
    width = (highest - lowest) or 1.0
    left = {place: (score - lowest) / width for place, (_, score) in enumerate(ranked)}
    nearest_above = dict.fromkeys(left, 0.0)
    taken: list[tuple[Item, float]] = []
    while left and len(taken) < k:
        place = max(left, key=lambda at: (1 - diversity) * left[at] - diversity * nearest_above[at])
        taken.append(ranked[place])
        del left[place]
        for other in left:
            nearest_above[other] = max(nearest_above[other], likeness(ranked[place][0], ranked[other][0]))
    return taken


def shares(strengths: Sequence[float]) -> list[float]:
    """Each strength as its share of all; equal shares where all are zero."""
    total = sum(strengths)
    return [strength / total if total > 0 else 1 / len(strengths) for strength in strengths]


def popularity(behaviours: Iterable[Behaviour], half_life_days: float) -> list[Popular]:
    """Every item that someone met, the most popular first.

    "Now" is the latest behaviour, not the clock: a catalogue whose log ends in June is judged as of June. A user
    counts once per item, by the latest meeting.
    """
    latest: dict[tuple[str, str], dt.datetime] = {}
    for one in behaviours:
        key = one.item_id, one.user_id
        latest[key] = max(latest.get(key, one.at), one.at)
    if not latest:
        return []
    now = max(latest.values())
    weight: dict[str, float] = defaultdict(float)
    people: dict[str, int] = defaultdict(int)
    for (item_id, _), at in latest.items():
        days = (now - at) / dt.timedelta(days=1)
        weight[item_id] += 0.5 ** (days / half_life_days)
        people[item_id] += days <= POPULAR_DAYS
    most = max(weight.values())
    ordered = sorted(weight, key=lambda item_id: (-weight[item_id], item_id))
    return [Popular(item_id, weight[item_id] / most, people[item_id]) for item_id in ordered]
