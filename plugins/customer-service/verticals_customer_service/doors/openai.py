"""OpenAI's chat completions: ``…/customer-service/openai/v1`` is the ``base_url`` for clients of them.

See https://platform.openai.com/docs/api-reference/chat for the original.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from verticals import BadInput, CurrentVertical, ServedVertical
from verticals_customer_service.answering import Answering
from verticals_customer_service.composing import footnoted
from verticals_customer_service.conversation import Conversations, Reply
from verticals_customer_service.data import LONGEST
from verticals_customer_service.messages import checked

from . import session_of

router = APIRouter()
REMEMBERED = 3  # earlier questions of a conversation without `user` that are read again
_PIECE = re.compile(r"\S+\s*|\s+")


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: str = ""


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ChatRequest(BaseModel):
    """A request; what steers a language model, such as a temperature, means nothing here and is left aside."""

    messages: list[ChatMessage] = Field(
        min_length=1, max_length=1000, examples=[[{"role": "user", "content": "where is my parcel?"}]]
    )
    model: str = Field("customer-service", examples=["customer-service"])
    stream: bool = False
    user: str | None = Field(
        None, max_length=200, description="The visitor: requests with the same one share a session, of their last words"
    )


class Said(BaseModel):
    """The assistant's message."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(BaseModel):
    """The one answer."""

    index: int = 0
    message: Said
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(BaseModel):
    """An answer as OpenAI's clients read it, and beside it all that this platform says of it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    reply: Reply = Field(description="The same answer with action, intent, citations and trace")


class ChunkChoice(BaseModel):
    """A piece of the one answer."""

    index: int = 0
    delta: dict[str, str]
    finish_reason: Literal["stop"] | None = None


class Chunk(BaseModel):
    """One server-sent event."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]


class Model(BaseModel):
    """The one model there is."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class Models(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


@router.get("/openai/v1/models")
async def list_models(vertical: CurrentVertical) -> Models:
    """The assistant, as a model."""
    return Models(data=[Model(id=vertical.name, owned_by=vertical.settings.shop_name)])


@router.post("/openai/v1/chat/completions", response_model=ChatCompletion)
async def chat_completions(body: ChatRequest, vertical: CurrentVertical) -> Any:
    """Answer the last message of the user. While an agent has the session the content is empty."""
    asked = [message.text for message in body.messages if message.role == "user"]
    if not asked:
        raise BadInput("No message has the role 'user'.", "Send the customer's words as the last message.")
    reply = await _replied(vertical, asked, body.user)
    identifier, created = f"chatcmpl-{reply.trace_id or secrets.token_hex(12)}", int(time.time())
    if body.stream:
        chunks = _chunks(reply, identifier, created, body.model)
        return StreamingResponse(chunks, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    return ChatCompletion(
        id=identifier,
        created=created,
        model=body.model,
        choices=[Choice(message=Said(content=footnoted(reply.text, reply.citations)))],
        reply=reply,
    )


async def _replied(vertical: ServedVertical, asked: list[str], user: str | None) -> Reply:
    """With a user, the session knows what was before; without one, the request's own earlier messages tell it."""
    conversations = Conversations(vertical)
    if user is not None:
        return await conversations.reply(await session_of(vertical, "openai", user), asked[-1])
    checked(asked[-1])
    session = (await conversations.start(channel="openai")).session
    previous = None
    for text in filter(str.strip, asked[-1 - REMEMBERED : -1]):
        previous = await Answering(vertical).answer(text[:LONGEST], previous)
    return await conversations.reply(session, asked[-1], previous=previous)


async def _chunks(reply: Reply, identifier: str, created: int, model: str) -> AsyncIterator[str]:
    """The answer in pieces, as server-sent events."""

    def chunk(delta: dict[str, str], end: Literal["stop"] | None = None) -> str:
        told = Chunk(id=identifier, created=created, model=model, choices=[ChunkChoice(delta=delta, finish_reason=end)])
        return f"data: {told.model_dump_json()}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    for piece in _PIECE.findall(footnoted(reply.text, reply.citations)):
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    yield "data: [DONE]\n\n"
