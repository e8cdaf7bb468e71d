"""Sessions: the same for the API and for the page. A session is its events; nothing else is stored."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from verticals import BadInput, Conflict, Event, NotFound, ServedVertical

from . import passages, templates
from .answers import Answer
from .data import LONGEST
from .events import Feedback, Message, SessionStarted
from .greetings import without_greeting
from .policy import Policy, Situation

HITS = 10
_PAGE = 500


class Turn(BaseModel):
    """One message of a session, as its history shows it."""

    offset: int = Field(description="Of the event; grows within the session")
    at: datetime
    role: Literal["customer", "assistant"]
    text: str
    answer: Answer | None = Field(None, description="Of the assistant's messages")
    feedback: Literal["up", "down"] | None = Field(None, description="The customer's latest thumb")


class Reply(Answer):
    """The answer to one message, and where it stands."""

    session: str
    offset: int = Field(description="Of the answer; feedback refers to it")


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the head, so that the first customer does not wait."""
    settings = vertical.settings
    constants = {"shop_name": settings.shop_name, "support_email": settings.support_email}
    answers = await asyncio.to_thread(templates.load, settings.templates, constants)
    vertical.state["policy"] = Policy(answers, settings.confidence_threshold, settings.similarity_threshold)
    await Conversations(vertical).answer(vertical.settings.suggestions[0] if vertical.settings.suggestions else "Hello")
    yield


@dataclass(frozen=True)
class Conversations:
    """The sessions of a running vertical."""

    vertical: ServedVertical

    @property
    def greeting(self) -> str:
        """The assistant's first words."""
        policy: Policy = self.vertical.state["policy"]
        return policy.templates.say(self.vertical.settings.greeting)

    async def start(self) -> SessionStarted:
        """Begin a session."""
        started = SessionStarted(session=secrets.token_urlsafe(12), greeting=self.greeting)
        await self.vertical.events.append("session-started", started.model_dump())
        return started

    async def reply(self, session: str, text: str, key: str | None = None) -> Reply:
        """Answer one message.

        Args:
            session: as `start` gave it.
            text: the customer's words, 1 to 2,000 characters.
            key: makes the call safe to repeat: the same key in the same session gives the same answer again.

        Raises:
            NotFound: there is no such session.
            BadInput: the text is empty or too long.
            Conflict: the key was used for another text.
        """
        text = checked(text)
        events = await self._events(session)
        asked = Message(session=session, role="customer", text=text)
        event = await self.vertical.events.append(
            "message", asked.model_dump(), key=f"{session}:message:{key}" if key else None
        )
        if event.payload["text"] != text:
            raise Conflict(
                f"The key {key!r} was already used in this session for another message.", "Give each message its own."
            )
        for former in events:
            if former.kind == "message" and former.payload["reply_to"] == event.offset:
                return _reply(former)
        answer = await self.answer(text, _last_answer(events))
        said = Message(session=session, role="assistant", text=answer.text, reply_to=event.offset, answer=answer)
        # Two requests with one key may both come this far: the event's own key lets one answer win.
        once = f"{session}:reply:{event.offset}"
        return _reply(await self.vertical.events.append("message", said.model_dump(mode="json"), key=once))

    async def history(self, session: str) -> list[Turn]:
        """All messages of a session, oldest first.

        Raises:
            NotFound: there is no such session.
        """
        events = await self._events(session)
        thumbs = {event.payload["offset"]: event.payload["thumb"] for event in events if event.kind == "feedback"}
        return [
            Turn.model_validate(
                {**event.payload, "offset": event.offset, "at": event.at, "feedback": thumbs.get(event.offset)}
            )
            for event in events
            if event.kind == "message"
        ]

    async def feedback(self, feedback: Feedback) -> Event:
        """Note a thumb for an answer.

        Raises:
            NotFound: there is no such session, or no answer at this offset of it.
        """
        answers = [
            event.offset
            for event in await self._events(feedback.session)
            if event.kind == "message" and event.payload["role"] == "assistant"
        ]
        if feedback.offset not in answers:
            raise NotFound(
                f"The session has no answer at offset {feedback.offset}.",
                f"Its answers are at {', '.join(map(str, answers))}." if answers else "It has no answer yet.",
            )
        noted: Event = await self.vertical.events.append("feedback", feedback.model_dump())
        return noted

    async def answer(self, text: str, previous: Answer | None = None) -> Answer:
        """What would be said to ``text`` after the ``previous`` answer; nothing is written."""
        policy: Policy = self.vertical.state["policy"]
        matter = without_greeting(text)
        prediction, hits = await asyncio.gather(
            self.vertical.head("intent").predict(matter), self.vertical.index("knowledge").search(matter, k=HITS)
        )
        today = datetime.now(UTC).date()
        answer = policy.answer(Situation(text=text, prediction=prediction, hits=hits, today=today, previous=previous))
        template = policy.templates.named(answer.template)
        if template and template.article and not answer.evidence:
            return await self._cite(answer, template.article, text)
        return answer

    async def _cite(self, answer: Answer, article: str, text: str) -> Answer:
        """The answer with its article, which the search did not find among the best."""
        try:
            document = await self.vertical.index("knowledge").get(article)
        except NotFound:
            return answer
        cited = passages.evidence(document, passages.best_span(document.text, text, answer.text))
        return answer.model_copy(update={"evidence": [cited]})

    async def _events(self, session: str) -> list[Event]:
        """The session's events, oldest first."""
        events: list[Event] = []
        while True:
            after = events[-1].offset if events else 0
            page = await self.vertical.events.read(after=after, limit=_PAGE, where={"session": session})
            events.extend(page)
            if len(page) < _PAGE:
                break
        if not events or events[0].kind != "session-started":
            raise NotFound(
                f"There is no session {session[:64]!r}.", "Begin one with POST /v1/customer-service/sessions."
            )
        return events


def checked(text: str) -> str:
    """A message without surrounding space.

    Raises:
        BadInput: it is empty or too long.
    """
    text = text.strip()
    if not text:
        raise BadInput("The message is empty.", "Write a question, such as 'Where is my parcel?'.")
    if len(text) > LONGEST:
        raise BadInput(
            f"The message has {len(text):,} characters; at most {LONGEST:,} are read.",
            "Shorten it to what you want to know.",
        )
    return text


def _last_answer(events: list[Event]) -> Answer | None:
    payloads = [event.payload["answer"] for event in events if event.kind == "message" and event.payload["answer"]]
    return Answer.model_validate(payloads[-1]) if payloads else None


def _reply(event: Event) -> Reply:
    return Reply.model_validate(
        {**event.payload["answer"], "session": event.payload["session"], "offset": event.offset}
    )
