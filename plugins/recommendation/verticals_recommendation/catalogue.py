"""The catalogue in memory: items by id, their texts, and helpful words where an id is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from verticals import NotFound

from .data import Item
from .text import item_text


class Catalogue:
    """All items that can be recommended; it does not change.

    Args:
        items: in the order in which they are listed.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self.items: Mapping[str, Item] = {item.item_id: item for item in items}
        self.texts: Mapping[str, str] = {item_id: item_text(item) for item_id, item in self.items.items()}
        self.categories: tuple[str, ...] = tuple(sorted({item.category for item in self.items.values()} - {""}))

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.items

    def __len__(self) -> int:
        return len(self.items)

    def get(self, item_id: str) -> Item:
        """One item.

        Raises:
            NotFound: there is none; the nearest id is suggested, or the item that has this title.
        """
        if item_id in self.items:
            return self.items[item_id]
        wanted = item_id.strip().casefold()
        titled = next((item for item in self.items.values() if item.title.casefold() == wanted), None)
        remedy = (
            f"That is the title of {titled.item_id!r}: give the id."
            if titled
            else nearest(item_id, self.items, "GET /v1/recommendation/items lists them.")
        )
        raise NotFound(f"There is no item {shown(item_id)}.", remedy)

    def in_category(self, category: str | None) -> list[Item]:
        """The items of one category, or all.

        Raises:
            NotFound: no item is in it; the nearest is suggested.
        """
        if category is None:
            return list(self.items.values())
        if category not in self.categories:
            raise NotFound.named("category", category[:60], self.categories)
        return [item for item in self.items.values() if item.category == category]


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """'Did you mean …?' for the nearest of many known names; where none is near, ``otherwise``."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.strip()[:64].casefold(), folded, n=1, cutoff=0.7)
    return f"Did you mean {folded[near[0]]!r}?" if near else otherwise


def shown(name: str) -> str:
    """A name as a message repeats it, cut where it is long."""
    return repr(name if len(name) <= 64 else name[:63] + "…")
