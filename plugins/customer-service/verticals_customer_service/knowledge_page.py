"""The page of what live sessions tell: questions that nobody could answer, and suggestions to confirm.

The list stands at the left, what is chosen at the right. A gap becomes a proposal with one click, and is decided on
the same page by the same form as those of past dialogues.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from nicegui import html, ui

from verticals import PlatformError, ServedVertical
from verticals.web import ui as blocks

from . import gaps
from .confirming import Confirming
from .data import readable
from .gaps import Gap
from .proposals import Proposal
from .review import Review
from .review_page import Detail
from .suggestion_view import SOURCES, SuggestionView
from .suggestions import Suggestion

_STYLE = "".join(
    (Path(__file__).parent / "static" / name).read_text(encoding="utf-8") for name in ("review.css", "knowledge.css")
)
_TABS = (("unanswered", "Unanswered"), ("drafts", "Drafts"), ("suggestions", "Suggestions"), ("done", "Done"))
_EMPTY = {
    "unanswered": (
        "Every question was answered.",
        "Questions without an answer, and answers that did not help, gather here by what they are about.",
        "task_alt",
    ),
    "drafts": ("There is no draft.", "Choose a group under Unanswered and draft an answer.", "edit_note"),
    "suggestions": (
        "There is nothing to confirm.",
        "Thumbs, agents' replies and corrections gather here; each is a row to learn from.",
        "thumbs_up_down",
    ),
    "done": ("Nothing was decided yet.", "What was accepted or rejected is listed here, and can be undone.", "history"),
}
_FOCUS = """
requestAnimationFrame(() => {{
  const there = document.querySelector({0});
  if (there) {{ there.scrollIntoView({{block: 'nearest'}}); there.focus({{preventScroll: true}}); }}
}});
"""
_LISTED = 200  # entries of a list; what is settled makes room for others
_FEW = 8  # questions of a gap shown at first
Order = Literal["largest", "newest"]


async def knowledge(vertical: ServedVertical) -> None:
    """What the assistant does not know yet; ``?tab=`` and ``?chosen=`` in the address say what is open."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    asked = request.query_params if request else {}
    await _Page(vertical, str(asked.get("tab", "")), str(asked.get("chosen", ""))).build()


class _Page:
    """One browser window.

    Args:
        vertical: whose sessions.
        tab, chosen: what is open at first.
    """

    def __init__(self, vertical: ServedVertical, tab: str, chosen: str) -> None:
        self._vertical, self._review, self._confirming = vertical, Review(vertical), Confirming(vertical)
        self._tab = tab if tab in dict(_TABS) else "unanswered"
        self._chosen = chosen
        self._order: Order = "largest"

    async def build(self) -> None:
        blocks.heading("Knowledge", "What the assistant could not answer, and what it could learn from live sessions.")
        self._body = html.div().classes("cs-review-page")
        await self._draw()

    async def _draw(self) -> None:
        """Read what stands, and show it."""
        found = await gaps.gaps(self._vertical)
        proposals = await self._review.load()
        drafts = [one for one in proposals.listed("open") if one.source == "sessions"]
        every = await self._confirming.listed()
        waiting = [one for one in every if one.state == "open"]
        settled: list[Proposal | Suggestion] = [
            *(one for one in proposals.listed() if one.source == "sessions" and one.state != "open"),
            *(one for one in every if one.state != "open"),
        ]
        newest = sorted(found.gaps, key=lambda gap: -gap.latest.timestamp())
        lists: dict[str, list[Gap | Proposal | Suggestion]] = {
            "unanswered": [*(newest if self._order == "newest" else found.gaps)],
            "drafts": [*drafts],
            "suggestions": [*waiting],
            "done": [*settled],
        }
        entries = lists[self._tab]
        self._body.clear()
        with self._body:
            self._tabs({tab: len(listed) for tab, listed in lists.items()})
            if not entries:
                _nothing(self._tab)
                return
            if self._chosen not in {one.id for one in entries}:
                self._chosen = entries[0].id
            one = next(one for one in entries if one.id == self._chosen)
            with html.div().classes("cs-review"):
                self._list(entries[:_LISTED])
                with html.section(**{"aria-label": "Chosen"}).classes("cs-proposal"):
                    await self._show(one)

    def _tabs(self, counts: dict[str, int]) -> None:
        with html.div().classes("cs-knowledge-head"):
            with html.div(role="group", **{"aria-label": "What to look at"}).classes("cs-states"):
                for tab, title in _TABS:
                    pressed = "true" if tab == self._tab else "false"
                    with html.button(type="button", **{"aria-pressed": pressed}) as button:
                        html.span(title)
                        html.span(f"{counts[tab]:,}").classes("p-number p-muted")
                    button.on("click", lambda _, tab=tab: self._go(tab))
            if self._tab == "unanswered" and counts["unanswered"] > 1:
                other: Order = "newest" if self._order == "largest" else "largest"
                with html.button(f"The {other} first", type="button").classes("p-quiet-link cs-order") as button:
                    button.on("click", lambda: self._sort(other))

    def _list(self, entries: list[Gap | Proposal | Suggestion]) -> None:
        most = max((one.times for one in entries if not isinstance(one, Suggestion)), default=1)
        with html.nav(**{"aria-label": dict(_TABS)[self._tab]}).classes("cs-proposals"):
            for one in entries:
                current = {"aria-current": "true"} if one.id == self._chosen else {}
                with html.button(type="button", **current) as button:
                    with html.span().classes("cs-proposal-line"):
                        html.strong(_title(one))
                        html.span(_number(one)).classes("p-number")
                    html.span(_example(one)).classes("cs-proposal-example")
                    if not isinstance(one, Suggestion):
                        share = html.span(**{"aria-hidden": "true"}).classes("cs-share")
                        share.style(f"width: {one.times / most:.0%}")
                button.on("click", lambda _, chosen=one.id: self._choose(chosen))

    async def _show(self, one: Gap | Proposal | Suggestion) -> None:
        if isinstance(one, Gap):
            self._gap(one)
        elif isinstance(one, Proposal):
            Detail(one, await self._review.load(), self._review, self._decided).build()
        else:
            intents = sorted({row["intent"] for row in await self._vertical.rows("utterances")})
            SuggestionView(one, intents, self._vertical, self._confirming, self._decided).build()

    def _gap(self, gap: Gap) -> None:
        with html.header().classes("cs-proposal-head"):
            html.h2(readable(gap.name))
            with html.div().classes("p-inline"):
                if gap.answered:
                    by = "an agent" if gap.answered == 1 else "agents"
                    blocks.badge(f"{gap.answered:,} answered by {by}", "info")
                asked = f"asked {gap.times:,} times" if gap.times != 1 else "asked once"
                html.span(f"{asked}, the last time on {gap.latest:%-d %B}").classes("p-muted")
        if gap.terms:
            with html.p().classes("cs-terms"):
                for term in gap.terms[:6]:
                    html.span(term)
        with blocks.panel():
            html.p(
                "A draft takes its answer from what agents replied, or else from the nearest passage of an article. "
                "You edit it before anything is learned."
            ).classes("p-muted")
            with html.div().classes("cs-decide"), html.button(type="button").classes("p-button") as button:
                ui.icon("edit_note").props("aria-hidden=true")
                html.span("Draft an answer")
            button.on("click", lambda: self._draft(gap.id))
        with blocks.section("Questions"), html.ol().classes("cs-examples"):
            for number, one in enumerate(gap.questions):
                with html.li() as item:
                    html.p(one.text).classes("cs-asked")
                    with html.p().classes("cs-said cs-where"):
                        html.span(one.why)
                        html.time(f"{one.at:%-d %B, %H:%M}", datetime=f"{one.at:%Y-%m-%dT%H:%M:%SZ}")
                        html.a("conversation", href=f"/{self._vertical.name}/inbox?session={one.session}")
                        if one.trace_id:
                            html.a("why?", href=f"/{self._vertical.name}/trace/{one.trace_id}")
                if number >= _FEW:
                    item.classes("cs-more")
        if len(gap.questions) > _FEW:
            with html.button(f"Show all {gap.times:,}", type="button").classes("p-quiet-link cs-all") as more:
                pass
            more.on("click", js_handler="(event) => event.target.closest('.cs-proposal').classList.add('cs-whole')")

    async def _draft(self, gap: str) -> None:
        with self._body:
            try:
                made = await gaps.draft(self._vertical, gap)
            except PlatformError as error:
                ui.notify(f"{error.message} {error.remedy}".strip(), type="warning")
            else:
                self._tab, self._chosen = "drafts", made.id
            await self._settle()

    async def _go(self, tab: str) -> None:
        if tab != self._tab:
            self._tab, self._chosen = tab, ""
            await self._settle(".cs-states [aria-pressed=true]")

    async def _sort(self, order: Order) -> None:
        self._order, self._chosen = order, ""
        await self._settle(".cs-order")

    async def _choose(self, chosen: str) -> None:
        if chosen != self._chosen:  # drawn anew it would lose what was typed
            self._chosen = chosen
            await self._settle(".cs-proposals [aria-current]")

    async def _decided(self, chosen: str = "") -> None:
        """Go on with what comes next, or with what is chosen."""
        self._chosen = chosen
        await self._settle()

    async def _settle(self, focus: str = "") -> None:
        """Show what stands now; ``focus`` is what the keyboard was at, which was made anew."""
        with self._body:
            await self._draw()
            if focus:
                ui.run_javascript(_FOCUS.format(json.dumps(focus)))
            ui.navigate.history.replace(f"/{self._vertical.name}/knowledge?tab={self._tab}&chosen={self._chosen}")


def _nothing(tab: str) -> None:
    title, text, icon = _EMPTY[tab]
    blocks.empty(title, text, icon=icon)


def _title(one: Gap | Proposal | Suggestion) -> str:
    if isinstance(one, Suggestion):
        return readable(one.intent) if one.intent else "About what?"
    return readable(one.name)


def _number(one: Gap | Proposal | Suggestion) -> str:
    if isinstance(one, Suggestion):
        return one.state if one.state != "open" else SOURCES[one.signals[0].source]
    return one.state if isinstance(one, Proposal) and one.state != "open" else f"{one.times:,}"


def _example(one: Gap | Proposal | Suggestion) -> str:
    if isinstance(one, Suggestion):
        text = one.text
    elif isinstance(one, Gap):
        text = one.questions[0].text
    else:
        text = one.examples[0].question
    return " ".join(text.split())
