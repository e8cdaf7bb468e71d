"""The box that judges one headline at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from nicegui import html, ui

from verticals import PlatformError
from verticals.web import ui as blocks
from verticals_financial_sentiment import service
from verticals_financial_sentiment.data import SENTIMENTS
from verticals_financial_sentiment.schemas import LONGEST_TEXT, today

from .marks import score_bar, sentiment_badge
from .wording import named

if TYPE_CHECKING:
    from verticals import ServedVertical

_EXAMPLES = (
    "Crude slides 4% as exporters agree to pump more",
    "Lender doubles its profit forecast",
    "Central bank holds its key rate",
)


class AnalyseBox:
    """Type a headline, see what the heads say of it, add it to the documents if it should count.

    Args:
        vertical: that answers.
        added: called after a headline was added.
    """

    def __init__(self, vertical: ServedVertical, *, added: Callable[[], Awaitable[None]]) -> None:
        self._vertical, self._added = vertical, added

    def build(self) -> None:
        """Put the box into the page."""
        with blocks.panel():
            with html.form(**{"aria-label": "Analyse a headline"}).classes("fs-ask") as form:
                self._field = (
                    ui.input(label="Analyse a headline")
                    .props(f'outlined dense maxlength={LONGEST_TEXT} autocomplete="off" hide-bottom-space')
                    .classes("fs-grow")
                )
                with html.button(type="submit").classes("p-button"):
                    html.span("Analyse")
            form.on("submit.prevent", self._ask)
            self._result = html.div(**{"aria-live": "polite"}).classes("fs-result")
            with self._result:
                self._suggest()

    def _suggest(self) -> None:
        with html.p().classes("p-muted fs-examples"):
            html.span("For example:")
            for example in _EXAMPLES:
                html.button(example, type="button").classes("fs-example").on(
                    "click", lambda text=example: self._ask_for(text)
                )

    async def _ask_for(self, text: str) -> None:
        self._field.value = text
        await self._ask()

    async def _ask(self) -> None:
        text = str(self._field.value or "").strip()
        try:
            analysis = (await service.analyse(self._vertical, [text]))[0] if text else None
        except PlatformError as error:
            self._result.clear()
            with self._result:
                blocks.notice(str(error), "error")
            return
        self._result.clear()
        with self._result:
            if analysis is None:
                html.p("Type a headline first.").classes("p-muted")
                self._suggest()
            else:
                self._show(text, analysis)

    def _show(self, text: str, analysis: service.Analysis) -> None:
        with html.div().classes("fs-verdict"):
            with html.div().classes("fs-verdict-main"):
                html.p(text).classes("fs-quote")
                with html.div().classes("p-inline"):
                    sentiment_badge(analysis.sentiment)
                    score_bar(analysis.score, analysis.sentiment)
                    html.span(f"{named(analysis.topic)} · {analysis.topic_confidence:.0%}").classes("fs-topic")
                if analysis.abstained:
                    blocks.notice(
                        "This reads unlike any headline the heads learnt from, so don't rely on it.", "warning"
                    )
                if analysis.tokens_cut:
                    blocks.notice("The text is long: its end was not read.", "warning")
                self._offer(text)
            with html.div().classes("fs-verdict-ranking"):
                blocks.ranking([(label, analysis.probabilities.get(label, 0.0)) for label in reversed(SENTIMENTS)])

    def _offer(self, text: str) -> None:
        async def add() -> None:
            try:
                ((_, new),) = await service.add(
                    self._vertical, [service.NewDocument(text, today(), source="this page")]
                )
            except PlatformError as error:
                ui.notify(str(error), type="negative")
                return
            ui.notify("Added; it counts in the trends now." if new else "It was there already.")
            button.set_enabled(False)
            await self._added()

        button = ui.button("Add to the documents", icon="add", on_click=add).props("flat dense no-caps size=md")
