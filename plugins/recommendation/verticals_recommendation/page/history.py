"""The left side: whose history, what it holds, and a search that adds to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nicegui import events, html, ui

from verticals import PlatformError
from verticals.web import ui as blocks
from verticals_recommendation import service
from verticals_recommendation.reasons import done
from verticals_recommendation.text import HISTORY_ITEMS

from .cards import about, named
from .choice import Choice

if TYPE_CHECKING:
    from verticals import ServedVertical
    from verticals_recommendation.histories import Met

_OWN = "Nobody, I put it together"
_FOUND = 6
_LISTED = 8


class HistoryPanel:
    """Shows and changes the history of a choice.

    Args:
        vertical: that is asked.
        choice: what is shown and changed.
        changed: called after each change.
    """

    def __init__(self, vertical: ServedVertical, choice: Choice, changed: Callable[[], Awaitable[None]]) -> None:
        self._vertical, self._choice, self._changed = vertical, choice, changed
        self._catalogue = service.known(vertical).catalogue

    def build(self) -> None:
        """Put the panel into the page."""
        with html.section(**{"aria-label": "History"}).classes("rc-side"), blocks.panel():
            self._user = ui.select(
                self._users(), label="User", value=self._choice.user, with_input=True, on_change=self._take_user
            ).classes("rc-field")
            self._user.props('outlined dense options-dense hide-bottom-space popup-content-class="rc-options"')
            self._field = ui.input(placeholder="Search the catalogue to add", on_change=self._search)
            self._field.classes("rc-field").props(
                "outlined dense clearable debounce=250 maxlength=500 type=search autocomplete=off hide-bottom-space "
                'aria-label="Search the catalogue to add an item"'
            )
            with self._field.add_slot("prepend"):
                ui.icon("search").props("size=sm aria-hidden=true")
            self._found = html.div(**{"aria-live": "polite"}).classes("rc-found")
            self._list = html.div()
        self.show()

    def show(self) -> None:
        """The history as it is now, the latest first."""
        history = list(reversed(self._choice.history))
        self._list.clear()
        with self._list:
            with html.div().classes("rc-side-head"):
                html.h2("History")
                if history:
                    with html.button(type="button").classes("rc-plain").on("click", self._clear):
                        html.span("Clear")
            if not history:
                html.p("Empty. Pick a user, search, or add from the list: the recommendations follow at once.").classes(
                    "p-muted rc-small"
                )
                return
            with html.ol().classes("rc-history"):
                for place, one in enumerate(history[:_LISTED]):
                    self._entry(one, read=place < HISTORY_ITEMS)
            if len(history) > HISTORY_ITEMS:
                html.p(
                    f"{len(history)} items in all. The head reads the latest {HISTORY_ITEMS}; "
                    "none of them is recommended again."
                ).classes("p-muted rc-small")

    def _entry(self, one: Met, *, read: bool) -> None:
        item = self._catalogue.items[one.item_id]
        with html.li().classes("rc-entry" if read else "rc-entry rc-unread"):
            with html.div():
                html.p(item.title)
                html.p(" · ".join(part for part in (_first_upper(done(one)), named(item.category)) if part)).classes(
                    "p-muted"
                )
            label = f"Remove {item.title}"
            button = html.button(type="button", title="Remove", **{"aria-label": label}).classes("p-icon-button")
            with button.on("click", lambda: self._remove(one.item_id)):
                ui.icon("close").props("aria-hidden=true")

    def _users(self) -> dict[str, str]:
        users = service.known(self._vertical).behaviours
        own = {self._choice.user: self._choice.user} if self._choice.user else {}  # known by its clicks alone
        return {"": _OWN} | own | {user_id: user_id for user_id in sorted(users)}

    async def _take_user(self, change: events.ValueChangeEventArguments[Any]) -> None:
        user = str(change.value or "")
        if user == self._choice.user and not self._choice.changed:
            return
        try:
            history = await service.history_of(self._vertical, user) if user else []
        except PlatformError as error:
            ui.notify(str(error), type="negative")
            return
        self._choice.take(user, history)
        await self._changed()

    async def _search(self, change: events.ValueChangeEventArguments[Any]) -> None:
        query = str(change.value or "").strip()
        found = []
        if query:
            page = await service.find(self._vertical, query=query, limit=_FOUND)
            if query != str(self._field.value or "").strip():
                return  # typed on meanwhile
            found = page.items
        self._found.clear()
        with self._found:
            if query and not found:
                html.p("Nothing found.").classes("p-muted rc-small")
            for item in found:
                button = html.button(type="button").classes("rc-hit")
                with button.on("click", lambda _, item_id=item.item_id: self._add(item_id)):
                    html.span(item.title)
                    html.span(about(item)).classes("p-muted")

    async def _add(self, item_id: str) -> None:
        self._field.value = ""
        self._found.clear()
        self._choice.add(item_id)
        await self._changed()

    async def _remove(self, item_id: str) -> None:
        self._choice.remove(item_id)
        await self._changed()

    async def _clear(self) -> None:
        self._choice.take("", [])
        self._user.value = ""
        await self._changed()


def _first_upper(text: str) -> str:
    """``Saved 28 Jun 2026``; unlike `str.capitalize` it leaves the rest alone."""
    return text[:1].upper() + text[1:]
