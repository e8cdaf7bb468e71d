"""History on one side, recommendations on the other, kept in step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nicegui import events, html, ui

from verticals import PlatformError
from verticals.web import ui as blocks
from verticals_recommendation import service
from verticals_recommendation.events import Feedback
from verticals_recommendation.schemas import MOST_ITEMS

from .cards import Thumb, card, named
from .choice import FIRST, Choice
from .history import HistoryPanel

if TYPE_CHECKING:
    from verticals import ServedVertical

_HINTS = {
    "interest": "Probability that this comes next, rather than a random item",
    "popularity": "Popularity, relative to the most popular item",
}


class View:
    """The view of one reader.

    Args:
        vertical: that answers.
    """

    def __init__(self, vertical: ServedVertical) -> None:
        self._vertical = vertical
        self._choice = Choice()
        self._panel = HistoryPanel(vertical, self._choice, self._history_changed)
        self._asked = 0

    async def build(self, address: Mapping[str, str]) -> None:
        """Put the view into the page, with the choice that the address names."""
        try:
            await self._begin(address)
        except PlatformError as error:
            blocks.notice(f"{error} The history begins empty.", "warning")
        self._layout = html.div().classes("rc-layout")
        with self._layout:
            self._panel.build()
            with html.section(**{"aria-label": "Recommendations"}).classes("rc-results"):
                with html.div().classes("rc-bar"):
                    html.h2("Recommended")
                    self._categories()
                self._caption = html.p(**{"aria-live": "polite"}).classes("p-muted rc-small")
                self._list = html.div()
        await self._show()

    async def _begin(self, address: Mapping[str, str]) -> None:
        """The history of the address; where it names none, that of the first user."""
        if "history" in address:
            item_ids = [part for part in address["history"].split(",") if part]
            self._choice.take("", await service.picked(self._vertical, item_ids))
            return
        users = service.known(self._vertical).behaviours
        user = address.get("user") or min(users, default="")
        if user:
            self._choice.take(user, await service.history_of(self._vertical, user))

    def _categories(self) -> None:
        async def change(event: events.ValueChangeEventArguments[Any]) -> None:
            self._choice.category, self._choice.shown = str(event.value or ""), FIRST
            await self._show()

        categories = service.known(self._vertical).catalogue.categories
        if len(categories) < 2:
            return
        options = {"": "All categories"} | {name: named(name) for name in categories}
        select = ui.select(options, value="", on_change=change).classes("rc-category")
        select.props('outlined dense options-dense hide-bottom-space aria-label="Category"')

    async def _history_changed(self) -> None:
        with self._layout:  # the button that was pressed may be gone, and its place with it
            self._panel.show()
            ui.navigate.history.replace(f"/{self._vertical.name}?{self._choice.query()}")
            await self._show()

    async def _show(self) -> None:
        """Ask anew; an answer that a later question has overtaken is dropped."""
        self._asked += 1
        asked, choice = self._asked, self._choice
        self._list.classes(add="rc-waiting")
        try:
            found = await service.recommend(
                self._vertical, choice.history, k=choice.shown, category=choice.category or None
            )
        except PlatformError as error:
            if asked == self._asked:
                self._list.clear()
                with self._list:
                    blocks.notice(str(error), "error")
            return
        finally:
            if asked == self._asked:
                self._list.classes(remove="rc-waiting")
        if asked != self._asked:
            return
        self._caption.clear()
        with self._caption:
            html.span(_told(found))
        self._list.clear()
        with self._list:
            self._cards(found)

    def _cards(self, found: service.Recommendations) -> None:
        if not found.items:
            blocks.empty("Nothing left to recommend", "Everything here is in the history. Choose another category.")
            return
        hint = _HINTS[found.basis]
        with html.ol().classes("rc-cards"):
            for place, one in enumerate(found.items, start=1):
                card(place, one, hint=hint, add=self._add, rate=self._rate)
        if len(found.items) == self._choice.shown < MOST_ITEMS:
            with html.button(type="button").classes("rc-more").on("click", self._more):
                html.span("Show more")

    async def _add(self, item_id: str) -> None:
        self._choice.add(item_id)
        await self._history_changed()

    async def _rate(self, item_id: str, thumb: Thumb) -> None:
        try:
            await service.record(self._vertical, Feedback(user_id=self._choice.user or None, item=item_id, thumb=thumb))
        except PlatformError as error:
            ui.notify(str(error), type="negative")

    async def _more(self) -> None:
        self._choice.shown = min(self._choice.shown * 2, MOST_ITEMS)
        await self._show()


def _told(found: service.Recommendations) -> str:
    """What the list below is, in words."""
    if found.basis == "popularity":
        return "Without a history there is nothing personal to say: this is what is popular now."
    version = found.version.rpartition("/")[2]
    return f"By what {version} makes of the history, with a little variety. The score is a probability."
