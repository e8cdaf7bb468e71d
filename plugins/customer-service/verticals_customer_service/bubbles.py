"""How one turn of a conversation looks: its bubble, and below an answer its evidence, intent and thumbs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

from nicegui import html, ui
from nicegui.events import GenericEventArguments

from verticals import Evidence
from verticals.web import ui as blocks

from . import composing
from .answers import Answer
from .data import LONGEST, readable
from .events import Wrong
from .page_words import ENGLISH, PageWords

Send = Callable[[str], Awaitable[None]]
Rate = Callable[[Literal["up", "down"], Wrong | None, str], Awaitable[None]]
FACES = {
    "angry": "mood_bad", "frustrated": "sentiment_dissatisfied", "confused": "contact_support",
    "neutral": "sentiment_neutral", "satisfied": "sentiment_satisfied",
}  # fmt: skip
_EMAIL = re.compile(r"([\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+)")
_EMIT_COMMENT = "(event) => emit(event.target.closest('.cs-comment').querySelector('input').value)"
_INTO_VIEW = "requestAnimationFrame(() => getHtmlElement({0})?.scrollIntoView({{block: 'nearest'}}))"
_THUMBS: tuple[Literal["up", "down"], ...] = ("up", "down")


def customer(text: str) -> None:
    """What the customer wrote."""
    with html.div().classes("cs-turn cs-customer"):
        html.div(text).classes("cs-bubble")


def assistant(text: str, citations: Sequence[Evidence] = (), words: PageWords = ENGLISH) -> ui.element:
    """The assistant's bubble, in which numbers open their citations; the turn, to put more below."""
    turn: ui.element = html.div().classes("cs-turn cs-assistant")
    with turn, html.div().classes("cs-bubble"):
        for part in composing.marked(text, len(citations)):
            if isinstance(part, int):
                item = citations[part - 1]
                mark = blocks.evidence([item], label=str(part), words=words.drawer()).classes("cs-mark")
                mark.props["aria-label"] = words.source_number.format(number=part, title=item.title or item.id)
            else:
                _words(part)
    return turn


def _words(text: str) -> None:
    for part in _EMAIL.split(text):
        if _EMAIL.fullmatch(part):
            html.a(part, href=f"mailto:{part}")
        elif part:
            html.span(part)


def agent(name: str, text: str) -> None:
    """What an agent wrote."""
    with assistant(text):
        html.p(name).classes("cs-hint")


def note(text: str) -> None:
    """What happened to the conversation: no one's words."""
    html.p(text, role="status").classes("cs-note")


def answer(
    given: Answer,
    *,
    send: Send,
    rate: Rate,
    thumb: str | None = None,
    words: PageWords = ENGLISH,
    pages: str = "",
) -> None:
    """An answer with what it rests on.

    Args:
        given: the answer.
        send: asks a question on the customer's behalf, for the topics offered.
        rate: notes a thumb.
        thumb: the thumb it has already.
        words: the page's.
        pages: path of the vertical's pages, for the one that tells why.
    """
    with assistant(given.text, given.citations, words):
        if given.offers:
            chips(given.offers, send=send, label=words.topics)
        with html.div().classes("cs-under"):
            sources(given.citations, words)
            with html.div().classes("cs-meta"):
                _intent(given, words)
                if given.trace_id:
                    html.a(words.why, href=f"{pages}/trace/{given.trace_id}").classes("cs-why")
                _thumbs(rate, thumb, words)


def sources(citations: Iterable[Evidence], words: PageWords = ENGLISH) -> None:
    """What an answer rests on; the style numbers them as they are in its text."""
    with html.div().classes("cs-sources"):
        for item in citations:
            blocks.evidence([item], label=item.title or item.id, words=words.drawer())


def chips(texts: Iterable[str], *, send: Send, label: str) -> ui.element:
    """Questions to pick from."""
    row: ui.element = html.div(role="group", **{"aria-label": label}).classes("cs-chips")
    with row:
        for text in texts:
            html.button(text, type="button").on("click", lambda _, text=text: send(text))
    return row


def typing(words: PageWords = ENGLISH) -> ui.element:
    """Three dots while the answer is on its way."""
    turn: ui.element = html.div(role="status", **{"aria-label": words.typing}).classes("cs-turn cs-assistant")
    with turn, html.div().classes("cs-bubble cs-typing"):
        for _ in range(3):
            html.i()
    return turn


def _intent(given: Answer, words: PageWords) -> None:
    """The intent and its confidence, small; the whole ranking behind it."""
    if given.intent is None:
        return
    understood = given.action in ("answer", "ask", "smalltalk")
    intent = readable(given.intent) if understood else words.unclear.format(intent=readable(given.intent).lower())
    shown = f"{intent} · {given.confidence:.0%}"
    if len(given.intents) > 1:
        shown = ", ".join(f"{readable(part.intent or '')} · {part.probability:.0%}" for part in given.intents)
    with html.button(type="button", title=words.understood, **{"aria-haspopup": "dialog"}) as button:
        html.span(shown)
        with ui.menu().classes("cs-ranking").props("no-parent-event") as menu:
            html.p(words.understood)
            blocks.ranking((readable(one.label), one.probability) for one in given.ranking)
    button.classes("cs-intent").on("click", menu.toggle)


def _thumbs(rate: Rate, thumb: str | None, words: PageWords) -> None:
    buttons: dict[str, ui.element] = {}

    async def press(which: Literal["up", "down"]) -> None:
        await rate(which, None, "")
        for name, button in buttons.items():
            button.props(f"aria-pressed={'true' if name == which else 'false'}")
        asked.set_visibility(which == "down")
        if which == "down":
            ui.run_javascript(_INTO_VIEW.format(asked.id))

    with html.div(role="group", **{"aria-label": words.helpful}).classes("cs-thumbs"):
        for name, label in zip(_THUMBS, (words.helped, words.helpless), strict=True):
            pressed = "true" if thumb == name else "false"
            button = html.button(type="button", title=label, **{"aria-label": label, "aria-pressed": pressed})
            with button:
                ui.icon(f"thumb_{name}").props("aria-hidden=true")
            buttons[name] = button.on("click", lambda _, name=name: press(name))
    asked = _what_was_wrong(rate, words)
    asked.set_visibility(False)


def _what_was_wrong(rate: Rate, words: PageWords) -> ui.element:
    """Reasons to choose from, each noted at once, and a line to add; who passes it over has lost nothing."""
    reasons: dict[Wrong, ui.element] = {}
    chosen: list[Wrong] = []

    async def choose(reason: Wrong) -> None:
        chosen[:] = [reason]
        for name, button in reasons.items():
            button.props(f"aria-pressed={'true' if name == reason else 'false'}")
        await rate("down", reason, "")

    async def tell(event: GenericEventArguments) -> None:
        await rate("down", chosen[0] if chosen else None, str(event.args or "").strip()[:LONGEST])
        asked.clear()
        with asked:
            html.p(words.thanks, role="status").classes("cs-hint")

    asked: ui.element = html.div(role="group", **{"aria-label": words.wrong}).classes("cs-wrong")
    with asked:
        html.span(words.wrong).classes("p-muted")
        for reason, label in words.reasons().items():
            button = html.button(label, type="button", **{"aria-pressed": "false"})
            reasons[reason] = button.on("click", lambda _, reason=reason: choose(reason))
        with html.div().classes("cs-comment"):
            line = html.input_(
                type="text", maxlength=LONGEST, placeholder=words.comment, **{"aria-label": words.comment}
            )
            line.on(
                "keydown.enter", tell, js_handler="(event) => { if (!event.isComposing) emit(event.target.value); }"
            )
            html.button(words.send, type="button").on("click", tell, js_handler=_EMIT_COMMENT)
    return asked
