"""One session: its state is derived from its events, and nothing is written that the state no longer allows.

The events of a session make a chain: each is written under a key that names the one before it. Of two that were meant
to follow the same event only the first is written, whichever process they come from; who was second reads what
happened, and decides anew. So the assistant is silent from the very event on by which an agent takes over.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from verticals import Event, NotFound, ServedVertical

from .answers import Answer
from .emotions import Emotion, Feeling, Mood

Status = Literal["open", "waiting", "taken", "resolved"]
Mode = Literal["auto", "manual"]
CHAINED = (
    "session-started", "message", "handover", "taken-over", "returned", "resolved", "reopened", "reply-failed",
)  # fmt: skip
READ = (*CHAINED, "feedback")
_PAGE = 500
_REMEMBERED = 2_000  # messages, some 10 kB each


@dataclass(frozen=True)
class State:
    """What is known of a session after some of its events.

    Args:
        session: its name.
        last: offset of the latest event of the chain.
        status: `open`: the assistant answers; `waiting`: it does, and a person was asked to go on; `taken`: an agent
            has it; `resolved`: settled.
        agent: who has it, while it is taken.
        language: of the customer's latest message that told it, else the one chosen at the beginning.
        messages: all of them, oldest first, without the answers' traces.
        pending: offsets of the customer's messages that nobody has answered yet.
        failed: offset of the message that could not be answered.
        handover: what the person was told, from the handover until it is returned or resolved.
        waiting_since: when the person was asked.
        thumbs: the latest one, by offset of the answer.
    """

    session: str
    last: int
    at: datetime
    status: Status = "open"
    agent: str | None = None
    channel: str = "api"
    language: str | None = None
    messages: tuple[Event, ...] = ()
    pending: tuple[int, ...] = ()
    failed: int | None = None
    handover: Mapping[str, Any] | None = None
    waiting_since: datetime | None = None
    thumbs: Mapping[int, Literal["up", "down"]] = field(default_factory=dict)

    @property
    def mode(self) -> Mode:
        """Who answers: the assistant (`auto`) or an agent (`manual`)."""
        return "manual" if self.status == "taken" else "auto"

    def of(self, role: str) -> list[Event]:
        """The messages of the customer, the assistant or the agents."""
        return [message for message in self.messages if message.payload["role"] == role]

    @property
    def mood(self) -> Mood:
        """The course of the customer's emotions."""
        emotions = (message.payload.get("emotion") for message in self.of("customer"))
        return Mood.of(Emotion.model_validate(one) if one else None for one in emotions)

    @property
    def course(self) -> tuple[Feeling, ...]:
        """The customer's feelings, message by message."""
        return self.mood.course

    def answer_to(self, offset: int) -> Event | None:
        """The assistant's answer to a message."""
        return next((said for said in self.of("assistant") if said.payload["reply_to"] == offset), None)

    def last_answer(self) -> Event | None:
        """The assistant's latest message."""
        said = self.of("assistant")
        return said[-1] if said else None

    def may_answer(self, offset: int) -> bool:
        """Whether the assistant may answer a message: it has the session, and nobody has answered yet."""
        return self.mode == "auto" and offset in self.pending


def after(state: State | None, event: Event) -> State:
    """The state after one more event."""
    payload = event.payload
    if event.kind == "session-started":
        channel, language = payload.get("channel", "api"), payload.get("language")
        return State(payload["session"], event.offset, event.at, channel=channel, language=language)
    if state is None:
        raise NotFound(f"The session {payload['session'][:64]!r} has no beginning.", "Begin another one.")
    if event.kind == "feedback":
        return replace(state, thumbs={**state.thumbs, payload["offset"]: payload["thumb"]})
    state = replace(state, last=event.offset, at=event.at)
    match event.kind:
        case "message":
            return _after_message(state, event)
        case "handover":
            return replace(state, status="waiting", handover=payload, waiting_since=event.at)
        case "taken-over":
            return replace(state, status="taken", agent=payload["agent"])
        case "returned":
            # What was left unanswered is one matter by now: the latest message stands for it.
            return replace(_released(state), status="open", pending=state.pending[-1:])
        case "resolved":
            return replace(_released(state), status="resolved", pending=())
        case "reopened":
            return replace(state, status="open")
        case "reply-failed":
            return replace(state, failed=payload["reply_to"])
    return state


def _after_message(state: State, event: Event) -> State:
    payload = {name: value for name, value in event.payload.items() if name != "trace"}  # how an answer came about
    state = replace(state, messages=(*state.messages, replace(event, payload=payload)))
    match event.payload["role"]:
        case "customer":
            language = event.payload.get("language") or state.language
            return replace(state, pending=(*state.pending, event.offset), failed=None, language=language)
        case "agent":
            return replace(state, pending=(), failed=None)
    replied = event.payload["reply_to"]
    return replace(
        state,
        pending=tuple(offset for offset in state.pending if offset != replied),
        failed=None if state.failed == replied else state.failed,
    )


def _released(state: State) -> State:
    return replace(state, agent=None, handover=None, waiting_since=None, failed=None)


class Known:
    """The states of the sessions that were open last: a session is its events, and those before are still the same.

    Args:
        messages: of all sessions together, at most.
    """

    def __init__(self, messages: int = _REMEMBERED) -> None:
        self._most, self._messages = messages, 0
        self._states: OrderedDict[tuple[str, str], tuple[State, int]] = OrderedDict()

    def get(self, tenant: str, session: str) -> tuple[State | None, int]:
        """The state, and the offset of the last event in it."""
        return self._states.get((tenant, session), (None, 0))

    def put(self, tenant: str, state: State, seen: int) -> None:
        """Remember a state; those of the sessions that were not open for longest make room."""
        self._drop((tenant, state.session))
        self._states[tenant, state.session] = state, seen
        self._messages += len(state.messages)
        while self._messages > self._most:
            self._drop(next(iter(self._states)))

    def _drop(self, key: tuple[str, str]) -> None:
        if former := self._states.pop(key, None):
            self._messages -= len(former[0].messages)


class Session:
    """A session that is read, and written to only where nothing was written in between.

    Args:
        vertical: whose it is.
        name: of the session.
    """

    def __init__(self, vertical: ServedVertical, name: str) -> None:
        self._events, self._name = vertical.events, name
        self._known: State | None = None
        self._seen = 0
        self._written: set[int] = set()  # offsets that the state has before they are read

    @staticmethod
    def remembered(vertical: ServedVertical, name: str) -> State | None:
        """The state that this process read last, if the session was open lately; others may have written since."""
        return _known(vertical).get(vertical.tenant, name)[0]

    @classmethod
    async def open(cls, vertical: ServedVertical, name: str) -> Session:
        """A session, read; of one that was open lately only what is new.

        Raises:
            NotFound: there is none of this name.
        """
        session = cls(vertical, name)
        known = _known(vertical)
        session._known, session._seen = known.get(vertical.tenant, name)
        known.put(vertical.tenant, await session.read(), session._seen)
        return session

    @property
    def state(self) -> State:
        """As of the last reading or writing."""
        if self._known is None:
            raise NotFound(
                f"There is no session {self._name[:64]!r}.", "Begin one with POST /v1/customer-service/sessions."
            )
        return self._known

    async def read(self) -> State:
        """The state now."""
        while True:
            page = await self._events.read(after=self._seen, limit=_PAGE, kinds=READ, where={"session": self._name})
            for event in page:
                if event.offset not in self._written:
                    self._known = after(self._known, event)
                self._seen = event.offset
            if len(page) < _PAGE:
                return self.state

    async def write(self, kind: str, **fields: Any) -> Event | None:
        """Write an event right after the last one of the chain.

        Returns:
            The event; `None` where another one was first: the state then knows of it, and is to be looked at anew.
        """
        payload = {**fields, "session": self._name, "id": secrets.token_urlsafe(9)}
        key = f"{self._name}:after:{self.state.last}"
        event: Event = await self._events.append(kind, payload, key=key)
        if event.payload.get("id") != payload["id"]:
            await self.read()
            return None
        self._known = after(self._known, event)
        self._written.add(event.offset)
        return event


def _known(vertical: ServedVertical) -> Known:
    known: Known = vertical.state.setdefault("sessions", Known())
    return known


def last_answer(state: State) -> Answer | None:
    """The assistant's latest answer."""
    event = state.last_answer()
    return Answer.model_validate(event.payload["answer"]) if event else None
