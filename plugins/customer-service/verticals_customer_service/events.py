"""The events of a conversation. A session is its events; nothing else is stored."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from .answers import Answer
from .emotions import Emotion, Feeling
from .traces import Trace

Wrong = Literal["question", "answer", "unclear", "other"]
Reason = Literal["asked", "failures", "anger"]


class SessionStarted(BaseModel):
    """A conversation began."""

    session: str
    greeting: str
    language: str | None = Field(None, description="That the customer chose, ISO 639-1")
    channel: str = Field("api", description="The door it came by")


class Chained(BaseModel):
    """An event of which a session's state is made; see `verticals_customer_service.session`."""

    session: str
    id: str = Field("", description="Tells this event from another that was written at the same moment")


class Message(Chained):
    """One turn; the assistant's carry the whole answer, how it came about, and the offset that they reply to."""

    role: Literal["customer", "assistant", "agent"]
    text: str
    key: str | None = None
    emotion: Emotion | None = None
    language: str | None = Field(None, description="Of the customer's messages; unknown where they say too little")
    agent: str | None = None
    reply_to: int | None = None
    answer: Answer | None = None
    action: str | None = Field(None, description="Of the answer; beside it, so that events can be read by it")
    trace_id: str | None = None
    trace: Trace | None = None


class Attempt(BaseModel):
    """An answer that did not help."""

    question: str
    action: str
    intent: str | None
    text: str


class Handover(Chained):
    """A person is asked to go on, and told what a person needs to know."""

    reason: Reason
    summary: str = Field(description="What the customer wants, in a few lines")
    failed: list[Attempt] = Field([], description="Answers that did not help, oldest first")
    slots: dict[str, str] = Field({}, description="Details that the customer has given")
    course: list[Feeling] = Field([], description="The customer's feelings, message by message")
    mood: float = Field(0.0, description="-1 (angry all along) to 1 (satisfied all along)")


class TakenOver(Chained):
    """An agent has the conversation: from here on the assistant is silent."""

    agent: str


class Returned(Chained):
    """The agent gave the conversation back to the assistant."""

    agent: str


class Resolved(Chained):
    """The matter is settled."""

    by: str
    note: str = ""


class Reopened(Chained):
    """A settled matter came up again."""

    by: str


class ReplyFailed(Chained):
    """No answer could be given; the message waits for the customer's next attempt."""

    reply_to: int
    error: str


class WebhookConfigured(BaseModel):
    """A webhook was configured for the first time; what happened before is not delivered to it."""

    webhook: str


class DeliveryBegun(BaseModel):
    """An attempt to deliver an event began, in the process that wrote this."""

    webhook: str
    event: int
    attempt: int
    id: str


class DeliveryEnded(BaseModel):
    """What became of the attempt."""

    webhook: str
    event: int
    attempt: int
    delivered: bool
    status: int | None = None
    error: str = ""


class Feedback(BaseModel):
    """A thumb for the answer at ``offset``; a later one for the same answer takes its place."""

    session: str
    offset: int
    thumb: Literal["up", "down"]
    wrong: Wrong | None = Field(
        None,
        description="Of a thumb down: `question` (misunderstood), `answer` (not true, out of date), `unclear`, `other`",
    )
    comment: str = ""
