"""Suggestions: what happened in live sessions that the assistant could learn from, each for a person to decide about.

A thumb, an agent's reply and a correction each say something of one question of a customer. A suggestion is that
question with the intent and the answer that they speak for, without personal data. It is computed from the session's
events; stored is only what a person decided about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from verticals import Event

from .data import Intent
from .dialogues import Dialogue, Role
from .dialogues import Turn as Said
from .handover import HUMAN
from .mining.pairs import pairs
from .page_words import ENGLISH
from .redaction import Redactor
from .teaching import Taught, bare

KINDS = ("message", "feedback", "turn-corrected")
Source = Literal["correction", "agent", "thumb-down", "thumb-up"]
State = Literal["open", "accepted", "rejected"]
WRONG = ENGLISH.reasons()
SURE = 0.5  # from this confidence on what the assistant took a question for is proposed with an agent's answer
_OTHERS = 5


class TurnCorrected(BaseModel):
    """A person said what a customer's message was really about."""

    session: str
    offset: int = Field(description="Of the customer's message")
    trace_id: str
    intent: Intent
    answer: str = Field("", description="What should have been said, if that was said")
    by: str = ""


class SuggestionReviewed(Taught):
    """A person decided about a suggestion."""

    suggestion: str
    action: Literal["accept", "reject", "undo"]
    text: str | None = None
    answer: str | None = None


class Signal(BaseModel):
    """One thing that happened, and where it is written."""

    source: Source
    event: int = Field(description="Offset of the event")
    at: datetime
    by: str = Field("", description="Who did it, where that is known")
    told: str = Field("", description="What was wrong, in their words")


class Suggestion(BaseModel):
    """A question of a live session, with what it is said to be about."""

    id: str = Field(description="Session and offset of the question", examples=["k3Jm0xQ2vT8Zr1aB:4"])
    session: str
    offset: int = Field(description="Of the question")
    trace_id: str | None = Field(None, description="Of the assistant's answer to it")
    state: State = "open"
    text: str = Field(description="The question, without personal data")
    intent: str | None = Field(None, description="What it is proposed to be about; none where nobody has said it")
    answer: str = Field("", description="What a person answered, without personal data")
    said: str = Field("", description="What the assistant answered")
    understood: str | None = Field(None, description="What the assistant took it for")
    others: list[str] = Field([], description="What else it might be about, the most probable first")
    signals: list[Signal] = Field(description="What spoke for it, the newest first")
    document: str | None = Field(None, description="The document that its answer became")


def of_session(events: Iterable[Event], redactor: Redactor) -> list[Suggestion]:
    """The suggestions of one session, oldest question first.

    Args:
        events: of the kinds `KINDS`, oldest first.
        redactor: takes personal data out.
    """
    session = _Session(events)
    replies = session.agents_replies()
    found = []
    for offset, question in session.asked.items():
        signals, reply = [], replies.get(offset)
        correction, thumb = session.corrections.get(offset), session.thumb_of(offset)
        if correction:
            signals.append(_signal("correction", correction, by=correction.payload["by"]))
        if reply:
            signals.append(_signal("agent", reply[1], by=reply[1].payload.get("agent") or ""))
        if thumb and (thumb.payload["thumb"] == "down" or session.confirms(offset)):
            told = redactor.redact(_told(thumb.payload)).text
            signals.append(_signal("thumb-down" if thumb.payload["thumb"] == "down" else "thumb-up", thumb, told=told))
        text = redactor.redact(question.payload["text"]).text
        if not signals or not bare(text):
            continue
        answered = session.answers.get(offset)
        answer = correction.payload["answer"] if correction else ""
        answer = redactor.redact(answer or (reply[0] if reply else "")).text
        ranked = [one["label"] for one in answered.payload["answer"]["ranking"]] if answered else []
        found.append(
            Suggestion(
                id=f"{question.payload['session']}:{offset}",
                session=question.payload["session"],
                offset=offset,
                trace_id=answered.payload["trace_id"] if answered else None,
                text=text,
                intent=correction.payload["intent"] if correction else session.intent_of(offset, signals[0].source),
                answer=answer,
                said=redactor.redact(answered.payload["text"]).text if answered else "",
                understood=answered.payload["answer"]["intent"] if answered else None,
                others=ranked[:_OTHERS],
                signals=sorted(signals, key=lambda one: -one.event),
            )
        )
    return found


class _Session:
    """The messages of a session, and what was said about them."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.asked: dict[int, Event] = {}
        self.answers: dict[int, Event] = {}  # the assistant's, by the offset of the question
        self.corrections: dict[int, Event] = {}
        self._thumbs: dict[int, Event] = {}  # by the offset of the answer
        self._messages: list[Event] = []
        for event in events:
            payload = event.payload
            if event.kind == "feedback":
                self._thumbs[payload["offset"]] = event
            elif event.kind == "turn-corrected":
                self.corrections[payload["offset"]] = event
            else:
                self._messages.append(event)
                if payload["role"] == "customer":
                    self.asked[event.offset] = event
                elif payload["role"] == "assistant":
                    self.answers[payload["reply_to"]] = event

    def thumb_of(self, asked: int) -> Event | None:
        """The latest thumb for the answer to a question."""
        answered = self.answers.get(asked)
        return self._thumbs.get(answered.offset) if answered else None

    def confirms(self, asked: int) -> bool:
        """Whether a thumb up for the answer says that the question was understood by itself."""
        answer = self.answers[asked].payload["answer"]
        return bool(answer["rule"] == "intent" and answer["intent"])

    def intent_of(self, asked: int, source: Source) -> str | None:
        """What a question is about, as far as what happened says so."""
        if asked not in self.answers:
            return None
        answer, thumb = self.answers[asked].payload["answer"], self.thumb_of(asked)
        if source == "thumb-up":
            return str(answer["intent"])
        if source == "thumb-down":  # a bad answer to the right question leaves the question's intent as it is
            right = thumb is not None and thumb.payload.get("wrong") in ("answer", "unclear")
            return answer["intent"] if right and self.confirms(asked) else None
        return answer["intent"] if answer["confidence"] >= SURE and answer["intent"] != HUMAN else None

    def agents_replies(self) -> dict[int, tuple[str, Event]]:
        """By the offset of a question what an agent answered to it, and the agent's last message."""
        if not any(one.payload["role"] == "agent" for one in self._messages):
            return {}
        turns: list[tuple[Event, Role]] = []
        last: Event | None = None  # the customer's latest question that is not for a person
        for message in self._messages:
            role = message.payload["role"]
            if role == "agent":
                if not turns and last:
                    turns.append((last, "customer"))
                turns.append((message, "agent"))
            elif role == "customer" and not self._for_a_person(message.offset):
                last = message
                if self._open(message.offset):
                    turns.append((message, "customer"))
        said = [Said(role=role, text=event.payload["text"]) for event, role in turns]
        dialogue = Dialogue(dialogue="session", turns=said, resolved=True)
        found: dict[int, tuple[str, Event]] = {}
        for pair in pairs(dialogue):
            place = int(pair.id.rpartition(":")[2])
            agent = next(event for event, role in turns[place:] if role == "agent")
            found[turns[place][0].offset] = (pair.answer, agent)
        return found

    def _for_a_person(self, asked: int) -> bool:
        answered = self.answers.get(asked)
        return bool(answered and answered.payload["answer"]["rule"] in ("asked", "waiting"))

    def _open(self, asked: int) -> bool:
        """Whether the assistant's answer to a question settled nothing."""
        answered, thumb = self.answers.get(asked), self.thumb_of(asked)
        if answered is None or (thumb is not None and thumb.payload["thumb"] == "down"):
            return True
        return answered.payload["answer"]["action"] in ("abstain", "handover")


def reviewed(found: Sequence[Suggestion], reviews: Iterable[SuggestionReviewed]) -> list[Suggestion]:
    """The suggestions with what was decided about them, oldest decision first."""
    decided: dict[str, SuggestionReviewed] = {}
    for review in reviews:
        decided[review.suggestion] = review
    return [_after(one, decided.get(one.id)) for one in found]


def _after(one: Suggestion, review: SuggestionReviewed | None) -> Suggestion:
    if review is None or review.action == "undo":
        return one
    changes: dict[str, Any] = {"state": "rejected" if review.action == "reject" else "accepted"}
    if review.action == "accept":
        given = {"text": review.text, "intent": review.intent, "answer": review.answer, "document": review.document}
        changes |= {name: value for name, value in given.items() if value is not None}
    return one.model_copy(update=changes)


def _signal(source: Source, event: Event, *, by: str = "", told: str = "") -> Signal:
    return Signal(source=source, event=event.offset, at=event.at, by=by, told=told)


def _told(feedback: Mapping[str, Any]) -> str:
    """What was wrong, in the words of the page that asks for it and of the customer."""
    parts = [WRONG[feedback["wrong"]] if feedback.get("wrong") else "", str(feedback.get("comment") or "")]
    return ": ".join(part for part in parts if part)
