"""What the reader of the page has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from verticals_recommendation.data import Action
from verticals_recommendation.histories import Met

FIRST = 8


@dataclass(slots=True)
class Choice:
    """A user, or a history put together by hand; a category; how many items are shown.

    Args:
        user: whose history it is; empty for one put together here.
        history: what it holds, oldest first.
        changed: whether a user's history was changed here.
        category: only this one; empty for all.
        shown: how many recommendations.
    """

    user: str = ""
    history: list[Met] = field(default_factory=list)
    changed: bool = False
    category: str = ""
    shown: int = FIRST

    def take(self, user: str, history: Sequence[Met]) -> None:
        """Begin with a user's history, or with an empty one."""
        self.user, self.history, self.changed, self.shown = user, list(history), False, FIRST

    def add(self, item_id: str, action: Action | None = None) -> None:
        """Put an item at the end of the history; one that is there already moves to the end."""
        self.history = [*(one for one in self.history if one.item_id != item_id), Met(item_id, action)]
        self.changed, self.shown = True, FIRST

    def remove(self, item_id: str) -> None:
        """Take an item out of the history."""
        self.history = [one for one in self.history if one.item_id != item_id]
        self.changed, self.shown = True, FIRST

    def address(self) -> Mapping[str, str]:
        """The parameters that bring this choice back; the history of a user is read anew."""
        if self.user and not self.changed:
            return {"user": self.user}
        return {"history": ",".join(one.item_id for one in self.history)}

    def query(self) -> str:
        """The same as it stands in an address."""
        return urlencode(self.address(), safe=",")
