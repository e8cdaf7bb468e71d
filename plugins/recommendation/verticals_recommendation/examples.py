"""From behaviours to what the head learns from: after this history came that item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verticals import BadInput, Preparation

from .data import Behaviour, Item
from .histories import by_user, met
from .text import HISTORY_ITEMS, history_text, item_text

_LEAST_TO_HOLD_OUT = 4  # items of a user: below, holding two out would leave nothing to learn from


@dataclass(frozen=True, slots=True)
class Step:
    """One user's next item.

    Args:
        user_id: whose.
        before: ids of all items met before, oldest first.
        item_id: that came next.
        split: a user's last item is ``test``, the one before ``validation``, earlier ones are ``train``.
    """

    user_id: str
    before: tuple[str, ...]
    item_id: str
    split: str


def prepare(context: Preparation) -> Iterator[Mapping[str, Any]]:
    """The training examples of the head ``interest``; items that left the catalogue are passed over.

    Raises:
        BadInput: no behaviour names an item of the catalogue.
    """
    items = {row["item_id"]: Item.model_validate(row) for row in context.rows("items")}
    behaviours = [Behaviour.model_validate(row) for row in context.rows()]
    if behaviours and not any(one.item_id in items for one in behaviours):
        raise BadInput(
            f"None of the {len(behaviours):,} behaviours names an item of the catalogue "
            f"(the first names {behaviours[0].item_id!r}).",
            "Import the items that belong to them: platform data import recommendation/items FILE.",
        )
    for step in steps(behaviours, items):
        history = history_text([items[item_id] for item_id in step.before[-HISTORY_ITEMS:]])
        yield {"history": history, "item": item_text(items[step.item_id]), "split": step.split}


def steps(behaviours: Sequence[Behaviour], items: Mapping[str, Item]) -> Iterator[Step]:
    """Every step of every user, by user and time; users with fewer than four items give training steps only."""
    for user_id, own in sorted(by_user(behaviours).items()):
        sequence = tuple(one.item_id for one in met(own) if one.item_id in items)
        for place in range(1, len(sequence)):
            from_end = len(sequence) - place
            split = {1: "test", 2: "validation"}.get(from_end, "train")
            if len(sequence) < _LEAST_TO_HOLD_OUT:
                split = "train"
            yield Step(user_id, sequence[:place], sequence[place], split)
