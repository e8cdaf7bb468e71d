"""One suggestion on a page: the question, what spoke for it, and the form that decides about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nicegui import html, ui

from verticals import PlatformError, ServedVertical
from verticals.web import ui as blocks

from .confirming import Confirming
from .data import readable
from .fields import intent_field
from .suggestions import Source, Suggestion

SOURCES: dict[Source, str] = {
    "correction": "corrected", "agent": "agent's reply", "thumb-down": "thumb down", "thumb-up": "thumb up"
}  # fmt: skip
_ICONS: dict[Source, str] = {
    "correction": "rule", "agent": "headset_mic", "thumb-down": "thumb_down", "thumb-up": "thumb_up"
}  # fmt: skip


class SuggestionView:
    """Decides about one suggestion.

    Args:
        one: the suggestion.
        intents: that there are.
        vertical: whose it is.
        confirming: carries decisions out.
        decided: called with the id of what to show next; empty: the next in the list.
    """

    def __init__(
        self,
        one: Suggestion,
        intents: Sequence[str],
        vertical: ServedVertical,
        confirming: Confirming,
        decided: Callable[[str], Awaitable[None]],
    ) -> None:
        self._one, self._intents, self._name = one, intents, vertical.name
        self._confirming, self._decided = confirming, decided

    def build(self) -> None:
        """Put it into the page."""
        one = self._one
        with html.header().classes("cs-proposal-head"):
            html.h2(one.text).classes("cs-question")
            if one.state != "open":
                blocks.badge(one.state, "success" if one.state == "accepted" else "neutral")
        self._signals()
        if one.state == "open":
            self._form()
        else:
            self._told()
        if one.said:
            with blocks.section("What the assistant answered"), blocks.panel():
                html.p(one.said).classes("cs-answer")
                if one.understood:
                    html.p(f"It took the question for “{readable(one.understood)}”.").classes("p-muted cs-small")

    def _signals(self) -> None:
        with html.ul().classes("cs-signals"):
            for signal in self._one.signals:
                with html.li():
                    ui.icon(_ICONS[signal.source]).props("aria-hidden=true")
                    by = f" by {signal.by}" if signal.by else ""
                    html.span(f"{SOURCES[signal.source].capitalize()}{by}")
                    if signal.told:
                        html.q(signal.told)
                    html.span(f"{signal.at:%-d %B, %H:%M} · event {signal.event}").classes("p-muted")
            with html.li():
                html.a("conversation", href=f"/{self._name}/inbox?session={self._one.session}").classes("p-quiet-link")
                if self._one.trace_id:
                    html.a("why?", href=f"/{self._name}/trace/{self._one.trace_id}").classes("p-quiet-link")

    def _form(self) -> None:
        one = self._one
        with blocks.panel():
            self._text = ui.textarea("Question, as it is learned", value=one.text)
            self._text.props("outlined autogrow maxlength=2000")
            self._intent = intent_field([*one.others, *self._intents], one.intent)
            if one.others:
                with html.div(role="group", **{"aria-label": "It might be"}).classes("cs-might"):
                    for label in dict.fromkeys([*one.others]):
                        button = html.button(readable(label), type="button")
                        button.on("click", lambda _, label=label: self._intent.set_value(label))
            self._answer = ui.textarea("Answer", value=one.answer).props("outlined autogrow maxlength=10000")
            self._article = ui.checkbox("The assistant quotes this answer from now on", value=bool(one.answer))
            self._article.props("dense")
            with html.div().classes("cs-decide"):
                with html.button(type="button").classes("p-button") as accept:
                    ui.icon("check").props("aria-hidden=true")
                    html.span("Accept")
                accept.on("click", self._accept)
                ui.button("Reject", on_click=self._reject).props("flat no-caps color=negative")

    def _told(self) -> None:
        one = self._one
        with blocks.panel():
            if one.state == "accepted":
                html.p(f"Learned as “{readable(one.intent or '')}”.")
                if one.document:
                    html.p(one.answer).classes("cs-answer")
                    html.a(
                        "The document in the index", href=f"/indexes/{self._name}/knowledge?document={one.document}"
                    ).classes("p-quiet-link")
            with html.div().classes("cs-decide"):
                ui.button("Undo", icon="undo", on_click=self._undo).props("flat no-caps")

    async def _accept(self) -> None:
        given = {"text": self._text, "intent": self._intent, "answer": self._answer}
        text, intent, answer = (str(given[name].value or "").strip() for name in ("text", "intent", "answer"))
        work = self._confirming.accept(
            self._one.id, intent=intent or None, text=text or None, answer=answer,
            article=bool(self._article.value and answer),
        )  # fmt: skip
        await self._do(work, "Accepted. Improve, and the assistant knows the question.")

    async def _reject(self) -> None:
        await self._do(self._confirming.reject(self._one.id), "Rejected.")

    async def _undo(self) -> None:
        await self._do(self._confirming.undo(self._one.id), "Undone: it is to be decided again.")

    async def _do(self, work: Awaitable[Suggestion], told: str) -> None:
        try:
            await work
        except PlatformError as error:
            ui.notify(f"{error.message} {error.remedy}".strip(), type="negative", multi_line=True)
            return
        ui.notify(told, type="positive")
        await self._decided("")
