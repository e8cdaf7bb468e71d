"""The chat page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from nicegui import background_tasks, html, ui
from nicegui.events import GenericEventArguments

from verticals import NotFound, PlatformError, ServedVertical
from verticals.web import ui as blocks

from . import bubbles
from .answers import Answer
from .conversation import Conversations, Reply
from .events import Feedback, Wrong
from .page_words import page_words, preferred
from .stream import Update, follow

_STYLE = (Path(__file__).parent / "static" / "chat.css").read_text(encoding="utf-8")
# Keeps the newest turn in view. Enter sends, Shift+Enter begins a line; a word that is being composed is left alone.
_FOLLOW = """
const log = document.querySelector('.cs-log');
const down = () => log.scrollTo({top: log.scrollHeight, behavior: 'smooth'});
new MutationObserver(down).observe(log, {childList: true});
log.scrollTop = log.scrollHeight;
document.querySelector('.cs-box textarea').focus({preventScroll: true});
"""
_TAKE = "const area = document.querySelector('.cs-box textarea'); emit(area.value); area.value = ''; area.focus();"
_ON_ENTER = f"(event) => {{ if (event.shiftKey || event.isComposing) return; event.preventDefault(); {_TAKE} }}"
_ON_CLICK = f"() => {{ {_TAKE} }}"


async def chat(vertical: ServedVertical) -> None:
    """Talk with the assistant; ``?session=`` in the address brings a conversation back."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    page = _Chat(vertical, _preferred())
    await page.build(request.query_params.get("session") if request else None)
    ui.run_javascript(_FOLLOW)


def language(vertical: ServedVertical) -> str:
    """That of the chat page: the one that the browser prefers, where the shop answers in it, else the shop's own."""
    return Conversations(vertical).beginning(_preferred()).language


def _preferred() -> str | None:
    request = ui.context.client.request
    return preferred(request.headers.get("accept-language", "")) if request else None


class _Chat:
    """One browser window's conversation."""

    def __init__(self, vertical: ServedVertical, language: str | None) -> None:
        self._vertical = vertical
        self._conversations = Conversations(vertical)
        self._beginning = self._conversations.beginning(language)
        self._language, self._words = self._beginning.language, page_words(self._beginning.language)
        self._session: str | None = None
        self._shown: set[int] = set()
        self._one_at_a_time = asyncio.Lock()

    async def build(self, session: str | None) -> None:
        """The page, with the turns of ``session`` if there is one."""
        with html.div(lang=self._language).classes("cs-chat"):
            self._head()
            self._log = html.div(
                role="log", tabindex="0", **{"aria-label": self._words.conversation, "aria-live": "polite"}
            )
            with self._log.classes("cs-log"):
                bubbles.assistant(self._beginning.greeting)
                with html.div() as self._suggested:
                    bubbles.chips(self._beginning.suggestions, send=self.send, label=self._words.begin)
                if session:
                    await self._restore(session)
            self._composer()
        if self._session:
            self._follow(max(self._shown, default=0))

    async def send(self, text: str) -> None:
        """Ask a question and show its answer."""
        text = text.strip()
        if not text:
            return
        with self._log:
            self._suggested.set_visibility(False)
            bubbles.customer(text)
            typing = bubbles.typing(self._words)
            async with self._one_at_a_time:
                try:
                    reply = await self._ask(text)
                except PlatformError as error:
                    blocks.notice(f"{error.message} {error.remedy}".strip(), "error")
                else:
                    if reply.action != "silent":
                        self._show(reply, reply.offset)
                finally:
                    typing.delete()

    async def _ask(self, text: str) -> Reply:
        if self._session is None:
            self._session = (await self._conversations.start(language=self._language)).session
            ui.navigate.history.replace(f"/{self._vertical.name}?session={self._session}")
            self._follow(0)
        return await self._conversations.reply(self._session, text)

    async def _restore(self, session: str) -> None:
        try:
            turns = await self._conversations.history(session)
        except NotFound:
            blocks.notice(self._words.unknown, "warning")
            return
        self._session = session
        self._suggested.set_visibility(not turns)
        for turn in turns:
            if turn.answer:
                self._show(turn.answer, turn.offset, turn.feedback)
            elif turn.role == "agent":
                bubbles.agent(turn.agent or "", turn.text)
            else:
                bubbles.customer(turn.text)
            self._shown.add(turn.offset)

    def _follow(self, seen: int) -> None:
        """Show what comes without being asked for: an agent's words, and an answer that was under way at a reload."""
        task = background_tasks.create(self._listen(self._session or "", seen), name="chat")
        ui.context.client.on_delete(lambda: task.cancel())

    async def _listen(self, session: str, seen: int) -> None:
        async for one in follow(self._vertical, session, seen):
            if isinstance(one, Update):
                with self._log:
                    self._tell(one)

    def _tell(self, one: Update) -> None:
        if one.turn and one.turn.answer:
            self._show(one.turn.answer, one.offset)
        elif one.turn and one.turn.role == "agent":
            bubbles.agent(one.agent or "", one.turn.text)
        elif note := self._words.note(one.kind, one.agent):
            bubbles.note(note)

    def _show(self, answer: Answer, offset: int, thumb: str | None = None) -> None:
        if offset in self._shown:
            return
        self._shown.add(offset)

        async def rate(which: Literal["up", "down"], wrong: Wrong | None, comment: str) -> None:
            told = Feedback(session=self._session or "", offset=offset, thumb=which, wrong=wrong, comment=comment)
            await self._conversations.feedback(told)

        path = f"/{self._vertical.name}"
        bubbles.answer(answer, send=self.send, rate=rate, thumb=thumb, words=self._words, pages=path)

    def _head(self) -> None:
        shop: str = self._vertical.settings.shop_name
        with html.header().classes("cs-head"):
            html.span(shop[:1].upper(), **{"aria-hidden": "true"}).classes("cs-avatar")
            with html.div():
                html.h1(shop)
                html.p(self._words.about)
            with html.a(href=f"/{self._vertical.name}", title=self._words.again).classes("p-icon-button") as again:
                ui.icon("edit_square").props("aria-hidden=true")
            again.props(f'aria-label="{self._words.again}"')

    def _composer(self) -> None:
        async def take(event: GenericEventArguments) -> None:
            await self.send(str(event.args or ""))

        with html.div().classes("cs-composer"):
            with html.div().classes("cs-box"):
                area = html.textarea(
                    rows=1, placeholder=self._words.ask, enterkeyhint="send", **{"aria-label": self._words.message}
                )
                area.on("keydown.enter", take, js_handler=_ON_ENTER)
                with html.button(type="button", title=self._words.send, **{"aria-label": self._words.send}).classes(
                    "cs-send"
                ) as send:
                    ui.icon("arrow_upward").props("aria-hidden=true")
                send.on("click", take, js_handler=_ON_CLICK)
            html.p(self._words.keys).classes("cs-hint")
