"""Conversations: the same for the API, the page and the doors. A session is its events; nothing else is stored."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field

from verticals import Conflict, Event, NotFound, PlatformError, ServedVertical

from . import handover, limits
from .answering import Answering
from .answers import Answer
from .emotions import Emotion
from .events import Feedback, SessionStarted
from .hearing import Hearing
from .messages import checked
from .policy import Policy
from .session import Mode, Session, State
from .situation import Situation

T = TypeVar("T")


class Beginning(BaseModel):
    """What a conversation begins with."""

    language: str
    greeting: str
    suggestions: list[str] = Field(description="Questions to begin with")


class Turn(BaseModel):
    """One message of a session, as its history shows it."""

    offset: int = Field(description="Of the event; grows within the session")
    at: datetime
    role: Literal["customer", "assistant", "agent"]
    text: str
    agent: str | None = Field(None, description="Of an agent's message")
    key: str | None = Field(None, description="The message's idempotency key, where it was sent with one")
    answer: Answer | None = Field(None, description="Of the assistant's messages")
    feedback: Literal["up", "down"] | None = Field(None, description="The customer's latest thumb")


class Reply(Answer):
    """The answer to one message, and where it stands."""

    session: str
    offset: int = Field(description="Of the answer, which feedback refers to; of the message, where it is `silent`")
    mode: Mode = Field("auto", description="Who answers: the assistant (`auto`) or an agent (`manual`)")


@dataclass(frozen=True)
class Conversations:
    """The sessions of a running vertical, as customers see them."""

    vertical: ServedVertical

    def beginning(self, language: str | None = None) -> Beginning:
        """The assistant's first words, and questions to begin with.

        Args:
            language: that the customer prefers; where the shop does not answer in it, the shop's own.
        """
        answering, settings = Answering(self.vertical), self.vertical.settings
        spoken = answering.known(language) or answering.default
        policy: Policy = self.vertical.state["policies"][spoken]
        own = spoken == answering.default
        greeting = settings.greeting if own else None
        suggestions = settings.suggestions if own else None
        return Beginning(
            language=spoken,
            greeting=policy.templates.say(greeting) if greeting is not None else policy.templates.said("greeting"),
            suggestions=suggestions if suggestions is not None else policy.templates.word("suggestions"),
        )

    async def start(
        self, session: str | None = None, channel: str = "api", language: str | None = None
    ) -> SessionStarted:
        """Begin a session; one that has begun already is left as it is.

        Args:
            session: its name, where a door derives it from a name of its own.
            channel: the door it comes by.
            language: that the customer prefers, ISO 639-1.
        """
        name = session or secrets.token_urlsafe(12)
        greeting = self.beginning(language).greeting
        started = SessionStarted(session=name, greeting=greeting, language=language, channel=channel)
        await self.vertical.events.append("session-started", started.model_dump(), key=f"{name}:start")
        return started

    async def reply(self, session: str, text: str, key: str | None = None, *, previous: Answer | None = None) -> Reply:
        """Answer one message; it is answered even if the caller does not wait for it.

        Args:
            session: as `start` gave it.
            text: the customer's words, 1 to 2,000 characters.
            key: makes the call safe to repeat: the same key in the same session gives the same answer again.
            previous: what was said before the session began, where a door knows of it.

        Raises:
            NotFound: there is no such session.
            BadInput: the text is empty or too long.
            Conflict: the key was used for another text.
            TooFast: the session sends more than it may; the message was not taken.
        """
        text = checked(text)
        hearing = Hearing(Answering(self.vertical), text)
        if (former := Session.remembered(self.vertical, session)) is not None:
            hearing.begin(former)
        try:
            line = await Session.open(self.vertical, session)
            hearing.begin(line.state)
            asked = await self._heard(line, text, key, await hearing.emotion())
        except BaseException:
            hearing.give_up()
            raise
        return await self._to_its_end(self._replied(line, asked, previous, hearing.reading))

    async def history(self, session: str) -> list[Turn]:
        """All messages of a session, oldest first.

        Raises:
            NotFound: there is no such session.
        """
        state = (await Session.open(self.vertical, session)).state
        return [turn(message, state.thumbs.get(message.offset)) for message in state.messages]

    async def state(self, session: str) -> State:
        """Where a session stands.

        Raises:
            NotFound: there is no such session.
        """
        return (await Session.open(self.vertical, session)).state

    async def latest(self, session: str) -> int:
        """Offset of the assistant's latest answer.

        Raises:
            NotFound: there is no such session, or no answer in it.
        """
        said = (await self.state(session)).last_answer()
        if said is None:
            raise NotFound("The session has no answer yet.", "Say something in it first.")
        return said.offset

    async def feedback(self, feedback: Feedback) -> Event:
        """Note a thumb for an answer.

        Raises:
            NotFound: there is no such session, or no answer at this offset of it.
        """
        answers = [message.offset for message in (await self.state(feedback.session)).of("assistant")]
        if feedback.offset not in answers:
            raise NotFound(
                f"The session has no answer at offset {feedback.offset}.",
                f"Its answers are at {', '.join(map(str, answers))}." if answers else "It has no answer yet.",
            )
        noted: Event = await self.vertical.events.append("feedback", feedback.model_dump())
        return noted

    async def answer_pending(self, line: Session) -> None:
        """Answer what was left unanswered when an agent gave a session back."""
        for message in line.state.of("customer"):
            if line.state.may_answer(message.offset):
                await self._to_its_end(self._replied(line, message))

    async def _heard(self, line: Session, text: str, key: str | None, emotion: Emotion | None) -> Event:
        """The event of a customer's message, written unless it was there already."""
        felt = emotion.model_dump() if emotion else None
        language = Answering(self.vertical).language(text)
        while True:
            state = line.state
            for former in state.of("customer"):
                if key is None or former.payload["key"] != key:
                    continue
                if former.payload["text"] != text:
                    raise Conflict(
                        f"The key {key!r} was already used in this session for another message.",
                        "Give each message its own.",
                    )
                return former
            limits.check(state, self.vertical.settings.burst)
            if state.status == "resolved":
                await line.write("reopened", by="customer")
            elif event := await line.write(
                "message", role="customer", text=text, key=key, emotion=felt, language=language
            ):
                return event

    async def _replied(
        self,
        line: Session,
        asked: Event,
        previous: Answer | None = None,
        reading: asyncio.Task[Situation] | None = None,
    ) -> Reply:
        """The reply to a message: written now, found, or none where an agent has the session."""
        if line.state.may_answer(asked.offset):
            try:
                answer, trace = await Answering(self.vertical).turn(line.state, asked, previous, reading)
            except PlatformError as error:
                while line.state.may_answer(asked.offset):
                    if await line.write("reply-failed", reply_to=asked.offset, error=error.message):
                        break
                raise
            while line.state.may_answer(asked.offset):
                if answer.action == "handover" and line.state.status == "open":
                    await line.write("handover", **handover.told(line.state, answer))
                    continue
                said = {"text": answer.text, "reply_to": asked.offset, "trace_id": answer.trace_id}
                kept = {"answer": answer.model_dump(mode="json"), "trace": trace.model_dump(mode="json")}
                await line.write("message", role="assistant", action=answer.action, **said, **kept)
        elif reading is not None:
            reading.cancel()
        if former := line.state.answer_to(asked.offset):
            return _reply(former, line.state.mode)
        return _silent(asked, line.state)

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives; it goes on when the caller is gone, for what was heard is to be answered."""
        under_way: set[asyncio.Task[Any]] = self.vertical.state["under way"]
        # A context of its own: in the caller's, the queue would drop it as soon as the client has gone.
        task = asyncio.create_task(work, context=Context())
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return await asyncio.shield(task)


def turn(message: Event, thumb: Literal["up", "down"] | None = None) -> Turn:
    """A message as the history shows it."""
    return Turn.model_validate({**message.payload, "offset": message.offset, "at": message.at, "feedback": thumb})


def _reply(event: Event, mode: Mode) -> Reply:
    payload = event.payload
    return Reply.model_validate(
        {**payload["answer"], "session": payload["session"], "offset": event.offset, "mode": mode}
    )


def _silent(asked: Event, state: State) -> Reply:
    """No words of the assistant: an agent has the session, or has answered already."""
    return Reply(
        text="",
        action="silent",
        rule="manual",
        emotion=asked.payload.get("emotion"),
        session=state.session,
        offset=asked.offset,
        mode=state.mode,
    )
