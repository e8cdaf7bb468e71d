"""A history: the distinct items someone met, in the order of the first meeting."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .data import STRENGTH, Action, Behaviour


@dataclass(frozen=True, slots=True)
class Met:
    """One item of a history.

    Args:
        item_id: which.
        action: the strongest thing done with it (finish, buy, save, view); `None` where only the item is known.
        at: when that was done last.
    """

    item_id: str
    action: Action | None = None
    at: dt.datetime | None = None


def met(behaviours: Iterable[Behaviour]) -> list[Met]:
    """What one user met, oldest first; an item met again keeps its first place and takes the stronger action."""
    found: dict[str, Met] = {}
    for one in sorted(behaviours, key=lambda behaviour: behaviour.at):
        before = found.get(one.item_id)
        if before is None or before.action is None or STRENGTH[one.action] >= STRENGTH[before.action]:
            found[one.item_id] = Met(one.item_id, one.action, one.at)
    return list(found.values())


def chosen(item_ids: Iterable[str]) -> list[Met]:
    """A history of which only the items are known, oldest first; a repeated item keeps its first place."""
    return [Met(item_id) for item_id in dict.fromkeys(item_ids)]


def by_user(behaviours: Iterable[Behaviour]) -> dict[str, list[Behaviour]]:
    """The behaviours of each user."""
    users: dict[str, list[Behaviour]] = defaultdict(list)
    for one in behaviours:
        users[one.user_id].append(one)
    return dict(users)
