"""The inbox: who waits for a person, most urgent first; take over, answer, give back."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from nicegui import html, ui
from nicegui.events import GenericEventArguments

from verticals import PlatformError, ServedVertical
from verticals.web import ui as blocks

from . import bubbles, composing
from .answering import Answering
from .bubbles import FACES
from .conversation import Conversations, Turn, turn
from .data import readable
from .desk import Desk
from .session import Session, State
from .waiting import Waiting, taken, waiting

_STYLE = "".join(
    (Path(__file__).parent / "static" / name).read_text(encoding="utf-8") for name in ("chat.css", "inbox.css")
)
_LOOK_AGAIN_SECONDS = 1.0
_MOODS = ((-0.6, "angry"), (-0.3, "frustrated"), (-0.1, "confused"), (0.3, "neutral"), (2.0, "satisfied"))
_REASONS = {"asked": "asked for a person", "failures": "answers did not help", "anger": "upset"}
_TAKE = "const area = document.querySelector('.cs-reply'); emit(area.value); area.value = ''; area.focus();"
_ON_ENTER = f"(event) => {{ if (event.shiftKey || event.isComposing) return; event.preventDefault(); {_TAKE} }}"
_DOWN = "const log = document.querySelector('.cs-inbox .cs-log'); if (log) log.scrollTop = log.scrollHeight;"


async def inbox(vertical: ServedVertical) -> None:
    """The desk of one agent; ``?agent=`` and ``?session=`` in the address say whose, and what is open."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    asked = request.query_params if request else {}
    await _Inbox(vertical, asked.get("agent") or "Agent", asked.get("session") or "").build()


class _Inbox:
    """One browser window."""

    def __init__(self, vertical: ServedVertical, agent: str, session: str) -> None:
        self._vertical, self._agent, self._session = vertical, agent, session
        self._desk, self._conversations = Desk(vertical), Conversations(vertical)
        self._line: Session | None = None
        self._titles: dict[str, str] = {}
        self._listed: object = None
        self._shown: object = None
        self._drawn_mode: object = None
        self._suggestion: ui.element | None = None

    async def build(self) -> None:
        """The queue beside the conversation that is open."""
        # What is shown is taken away and made anew; this stays, so what is called from a button has a place to stand.
        self._root = html.div().classes("cs-inbox")
        with self._root:
            with html.aside(**{"aria-label": "Conversations"}).classes("cs-queue"):
                with html.header():
                    html.h1("Inbox")
                    name = ui.input("You are", value=self._agent).props("dense outlined maxlength=100")
                    name.classes("cs-name").on("change", self._rename, js_handler="(event) => emit(event.target.value)")
                self._queue = html.div(role="list", **{"aria-label": "Waiting", "aria-live": "polite"})
            self._main = html.section(**{"aria-label": "Conversation"}).classes("cs-open")
        await self._look()
        ui.timer(_LOOK_AGAIN_SECONDS, self._look)

    async def _look(self) -> None:
        """Bring queue and conversation up to date, where something changed."""
        queue = await waiting(self._vertical)
        mine = [
            (session, await self._last_words(session))
            for session, agent in (await taken(self._vertical)).items()
            if agent == self._agent
        ]
        listed = [(one.session, round(one.seconds / 15)) for one in queue], mine, self._session
        if listed != self._listed:
            self._listed = listed
            self._list(queue, mine)
        if not self._session:
            if self._shown is None:
                self._shown = ""
                with self._main:
                    blocks.empty("No conversation is open", "Choose one that waits, on the left.", icon="forum")
            return
        try:
            if self._line is None:
                self._line = await Session.open(self._vertical, self._session)
            state = await self._line.read()
        except PlatformError as error:
            self._session, self._line = "", None
            self._main.clear()
            with self._main:
                blocks.notice(error.message, "warning")
            return
        shown = state.session, state.last, tuple(state.thumbs.items()), self._agent
        if shown != self._shown:
            before, self._shown = self._shown, shown
            await self._show(state, same=isinstance(before, tuple) and before[0] == state.session)

    async def _last_words(self, session: str) -> str:
        if session not in self._titles:  # asked every second, and all of the session would be read
            asked = (await self._conversations.state(session)).of("customer")
            self._titles[session] = str(asked[-1].payload["text"]) if asked else session[:8]
        return self._titles[session]

    def _list(self, queue: list[Waiting], mine: list[tuple[str, str]]) -> None:
        self._queue.clear()
        with self._queue:
            if mine:
                html.h2(f"Yours · {len(mine)}")
                for session, text in mine:
                    self._entry(session, "headset_mic", text, "You have this conversation", "")
            html.h2(f"Waiting · {len(queue)}")
            if not queue:
                html.p("Nobody waits for a person.").classes("cs-nobody")
            for one in queue:
                mood = _mood(one.mood)
                last = next((line for line in one.summary.splitlines() if line.startswith("Last message: ")), "")
                self._entry(
                    one.session, FACES[mood], last.removeprefix("Last message: ").strip("“”") or one.summary,
                    f"{_REASONS[one.reason]}, {mood}", _ago(one.seconds),
                )  # fmt: skip

    def _entry(self, session: str, face: str, title: str, hint: str, since: str) -> None:
        chosen = "true" if session == self._session else "false"
        with html.div(role="listitem"):
            button = html.button(type="button", **{"aria-current": chosen}).classes("cs-entry")
            with button:
                ui.icon(face).props("aria-hidden=true").classes("cs-face")
                with html.span().classes("cs-about"):
                    html.strong(title)
                    html.small(hint)
                html.time(since)
            button.on("click", lambda _, session=session: self._choose(session))

    async def _choose(self, session: str) -> None:
        self._session, self._line = session, None
        with self._root:
            ui.navigate.history.replace(f"/{self._vertical.name}/inbox?agent={quote(self._agent)}&session={session}")
            await self._look()

    async def _rename(self, event: GenericEventArguments) -> None:
        self._agent = str(event.args or "").strip()[:100] or "Agent"
        with self._root:
            await self._look()

    async def _show(self, state: State, *, same: bool) -> None:
        """The conversation; where it only went on, what the agent is writing stays."""
        if not same or self._drawn_mode != (state.status, state.agent):
            self._main.clear()
            self._drawn_mode = state.status, state.agent
            with self._main:
                self._head(state)
                self._about(state)
                self._log = html.div(role="log", tabindex="0", **{"aria-label": "Messages", "aria-live": "polite"})
                self._log.classes("cs-log")
                self._foot(state)
        await self._suggest(state)
        self._log.clear()
        with self._log:
            for message in state.messages:
                said = turn(message, state.thumbs.get(message.offset))
                _turn(said, message.payload.get("emotion"), self._vertical.name)
        ui.run_javascript(_DOWN)

    def _head(self, state: State) -> None:
        with html.header().classes("cs-open-head"):
            with html.div():
                html.h2(f"Conversation {state.session[:8]}")
                told = {
                    "open": "The assistant answers", "waiting": "Waits for a person; the assistant still answers",
                    "taken": f"{state.agent} has it; the assistant is silent", "resolved": "Resolved",
                }  # fmt: skip
                html.p(f"{told[state.status]} · by {state.channel}")
            with html.div().classes("cs-steps"):
                if state.status == "taken" and state.agent == self._agent:
                    self._step("Return to the assistant", "smart_toy", self._give_back)
                    self._step("Resolve", "check", self._resolve, main=True)
                elif state.status == "resolved":
                    self._step("Reopen", "undo", self._reopen)
                else:
                    self._step("Take over", "headset_mic", self._take_over, main=True)
                    self._step("Resolve", "check", self._resolve)

    def _step(self, name: str, icon: str, call: object, *, main: bool = False) -> None:
        with html.button(type="button").classes("cs-step cs-main" if main else "cs-step") as button:
            ui.icon(icon).props("aria-hidden=true")
            html.span(name)
        button.on("click", call)  # type: ignore[arg-type]

    def _about(self, state: State) -> None:
        """What the person who goes on needs to know."""
        if state.handover is None:
            return
        with html.details(open=True).classes("cs-summary"):
            html.summary("What happened so far")
            html.p(state.handover["summary"])
            for attempt in state.handover["failed"]:
                with html.p().classes("cs-attempt"):
                    html.span("Did not help: ")
                    html.q(attempt["text"])
            course = state.handover["course"]
            if course:
                with html.p().classes("cs-course"):
                    for feeling in course:
                        ui.icon(FACES[feeling]).props(f'role=img title="{feeling}" aria-label="{feeling}"')

    def _foot(self, state: State) -> None:
        self._suggestion = None
        if state.status != "taken" or state.agent != self._agent:
            return
        with html.footer().classes("cs-composer"):
            self._suggestion = html.div()
            with html.div().classes("cs-box"):
                box = html.textarea(rows=1, placeholder="Write to the customer", **{"aria-label": "Your reply"})
                box.classes("cs-reply").on("keydown.enter", self._reply, js_handler=_ON_ENTER)
                with html.button(type="button", title="Send", **{"aria-label": "Send"}).classes("cs-send") as send:
                    ui.icon("arrow_upward").props("aria-hidden=true")
                send.on("click", self._reply, js_handler=f"() => {{ {_TAKE} }}")

    async def _suggest(self, state: State) -> None:
        """What the assistant would say to a message that nobody has answered yet."""
        if self._suggestion is None:
            return
        self._suggestion.clear()
        asked = state.of("customer")
        if not state.pending or not asked:
            return
        answer = await Answering(self._vertical).answer(asked[-1].payload["text"])
        if answer.action not in ("answer", "search", "ask"):
            return
        area = "document.querySelector('.cs-reply')"
        own = json.dumps(composing.unnumbered(answer.text, len(answer.citations)))
        with self._suggestion, html.div().classes("cs-suggested"):
            html.small("Suggested reply")
            html.p(answer.text)
            bubbles.sources(answer.citations)
            use = html.button("Use it", type="button")
            use.on("click", js_handler=f"() => {{ {area}.value = {own}; {area}.focus(); }}")

    async def _reply(self, event: GenericEventArguments) -> None:
        text = str(event.args or "").strip()
        if text:
            await self._tried(lambda: self._desk.reply(self._session, self._agent, text))

    async def _take_over(self) -> None:
        await self._tried(lambda: self._desk.take_over(self._session, self._agent))

    async def _give_back(self) -> None:
        await self._tried(lambda: self._desk.give_back(self._session, self._agent))

    async def _resolve(self) -> None:
        await self._tried(lambda: self._desk.resolve(self._session, self._agent))

    async def _reopen(self) -> None:
        await self._tried(lambda: self._desk.reopen(self._session, self._agent))

    async def _tried(self, step: object) -> None:
        with self._root:
            try:
                await step()  # type: ignore[operator]
            except PlatformError as error:
                ui.notify(f"{error.message} {error.remedy}".strip(), type="warning")
            await self._look()


def _turn(said: Turn, emotion: dict[str, object] | None, name: str) -> None:
    """A message as an agent sees it: the customer's on the left, with how they feel; the assistant's with its trace."""
    side = "cs-assistant" if said.role == "customer" else "cs-customer"
    with html.div().classes(f"cs-turn {side} cs-by-{said.role}"):
        html.div(said.text).classes("cs-bubble")
        if said.answer and said.answer.citations:
            bubbles.sources(said.answer.citations)
        told = [{"customer": "Customer", "assistant": "Assistant", "agent": said.agent or "Agent"}[said.role]]
        if said.answer and said.answer.intent:
            told.append(readable(said.answer.intent))
        if said.feedback:
            told.append("helped" if said.feedback == "up" else "did not help")
        if emotion and emotion["label"] != "neutral":
            told.append(str(emotion["label"]))
        with html.small():
            html.span(" · ".join(told))
            html.time(f"{said.at:%H:%M}", datetime=f"{said.at:%Y-%m-%dT%H:%M:%SZ}")
            if said.answer and said.answer.trace_id:
                html.a("why?", href=f"/{name}/trace/{said.answer.trace_id}")


def _mood(score: float) -> str:
    return next(name for limit, name in _MOODS if score < limit)


def _ago(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
