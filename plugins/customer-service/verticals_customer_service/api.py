"""``/v1/customer-service``: sessions, messages and feedback."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .conversation import Conversations, Reply, Turn
from .data import LONGEST
from .desk import Desk
from .desk_api import SessionState
from .events import Feedback, SessionStarted, Wrong
from .session import State

router = APIRouter()

_EXAMPLE_REPLY = {
    "text": "You can follow your parcel with the link in our dispatch e-mail, or under Account > Orders.",
    "action": "answer",
    "intent": "track_parcel",
    "confidence": 0.97,
    "ranking": [{"label": "track_parcel", "probability": 0.97}, {"label": "parcel_late", "probability": 0.01}],
    "intents": [
        {
            "intent": "track_parcel",
            "probability": 0.97,
            "span": [0, 19],
            "action": "answer",
            "template_id": "track-parcel-general",
            "citations": ["where-is-my-parcel"],
            "slots": {},
        }
    ],
    "oos_score": 0.12,
    "emotion": {"label": "neutral", "confidence": 0.91},
    "language": "en",
    "template_id": "track-parcel-general",
    "citations": [
        {
            "kind": "article",
            "id": "where-is-my-parcel",
            "text": "Where is my parcel?\n\nAs soon as your order leaves our warehouse we e-mail you a tracking link.",
            "source": "delivery/where-is-my-parcel.md",
            "score": 0.71,
            "span": [21, 92],
        }
    ],
    "topics": [],
    "offers": [],
    "slots": {},
    "rule": "intent",
    "version": "intent@v1",
    "trace_id": "8f0c6f0c1d2a4b5e9a7d3c21",
    "session": "k3Jm0xQ2vT8Zr1aB",
    "offset": 5,
    "mode": "auto",
}


def _json(example: object) -> dict[str, object]:
    return {"application/json": {"example": example}}


class Beginning(BaseModel):
    """How a conversation begins."""

    language: str | None = Field(
        None, pattern="^[a-z]{2}$", examples=["en"],
        description="That the customer prefers, ISO 639-1: of the greeting, and of answers to what says too little",
    )  # fmt: skip


class Question(BaseModel):
    """A customer's message."""

    text: str = Field(
        description="The customer's words", examples=["where is my parcel?"],
        json_schema_extra={"minLength": 1, "maxLength": LONGEST},
    )  # fmt: skip
    key: str | None = Field(
        None, min_length=1, max_length=100, examples=["5f0c2a"],
        description="Idempotency key: a request repeated with it gives the same answer and writes nothing",
    )  # fmt: skip


class Thumb(BaseModel):
    """What the customer thinks of an answer."""

    offset: int | None = Field(None, description="Of the answer; the latest one's where it is not given")
    thumb: Literal["up", "down"]
    wrong: Wrong | None = Field(
        None,
        description="Of a thumb down: `question` (misunderstood), `answer` (not true, out of date), `unclear`, `other`",
    )
    comment: str = Field("", max_length=LONGEST)


class FeedbackNoted(BaseModel):
    """The feedback, as an event."""

    offset: int = Field(description="Of the feedback itself")
    at: datetime
    feedback: Feedback


@router.post("/sessions", status_code=201)
async def start_session(vertical: CurrentVertical, beginning: Beginning | None = None) -> SessionStarted:
    """Begin a conversation."""
    return await Conversations(vertical).start(language=beginning.language if beginning else None)


@router.get("/sessions/{session}")
async def get_session(session: str, vertical: CurrentVertical) -> SessionState:
    """Where a session stands."""
    return _for_customers(await Conversations(vertical).state(session))


@router.post("/sessions/{session}/handover")
async def hand_over(session: str, vertical: CurrentVertical) -> SessionState:
    """Ask for a person, as a button for customers does."""
    return _for_customers(await Desk(vertical).hand_over(session))


@router.post("/sessions/{session}/messages", responses={200: {"content": _json(_EXAMPLE_REPLY)}})
async def send_message(session: str, question: Question, vertical: CurrentVertical) -> Reply:
    """Say something, and get the answer with intent, confidence, ranking and evidence."""
    return await Conversations(vertical).reply(session, question.text, question.key)


@router.get("/sessions/{session}/messages")
async def list_messages(session: str, vertical: CurrentVertical) -> list[Turn]:
    """The conversation so far, oldest message first."""
    return await Conversations(vertical).history(session)


def _for_customers(state: State) -> SessionState:
    """What agents are told of a customer is not for the customer's browser."""
    return SessionState.of(replace(state, handover=None))


@router.post("/sessions/{session}/feedback", status_code=201)
async def give_feedback(session: str, thumb: Thumb, vertical: CurrentVertical) -> FeedbackNoted:
    """A thumb up or down for one answer; the latest one counts."""
    conversations = Conversations(vertical)
    offset = await conversations.latest(session) if thumb.offset is None else thumb.offset
    feedback = Feedback(session=session, offset=offset, thumb=thumb.thumb, wrong=thumb.wrong, comment=thumb.comment)
    event = await conversations.feedback(feedback)
    return FeedbackNoted(offset=event.offset, at=event.at, feedback=feedback)
