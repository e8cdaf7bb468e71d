"""How an item and a history become text. Training, serving and measuring all go through here, so they agree."""

from __future__ import annotations

from collections.abc import Sequence

from .data import Item

HISTORY_ITEMS = 5  # the encoder reads 128 tokens by default, which is what five items take


def item_text(item: Item) -> str:
    """Title, category and tags: ``Proof and Crumb (baking: podcast, intermediate, bread, flour)``.

    An item that has neither category nor tags is told by its description instead.
    """
    about = ": ".join(part for part in (item.category, ", ".join(item.tags)) if part)
    if about:
        return f"{item.title} ({about})"
    return f"{item.title}. {item.description}" if item.description else item.title


def history_text(items: Sequence[Item]) -> str:
    """The last items of a history, the latest first, so that what does not fit is the oldest.

    Args:
        items: oldest first; a history of one item reads as the item itself.
    """
    return "; ".join(item_text(item) for item in reversed(items[-HISTORY_ITEMS:]))
