"""The events of a conversation. A session is its events; nothing else is stored."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from .answers import Answer


class SessionStarted(BaseModel):
    """A conversation began."""

    session: str
    greeting: str


class Message(BaseModel):
    """One turn of a conversation; the assistant's carry the whole answer and the offset that they reply to."""

    session: str
    role: Literal["customer", "assistant"]
    text: str
    reply_to: int | None = None
    answer: Answer | None = None


class Feedback(BaseModel):
    """A thumb for the answer at ``offset``; a later one for the same answer takes its place."""

    session: str
    offset: int
    thumb: Literal["up", "down"]
    comment: str = ""
