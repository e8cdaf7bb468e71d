"""Rasa's REST channel: ``…/customer-service/rasa`` is the server's address for clients of it.

See https://rasa.com/docs/reference/channels/your-own-website for the original.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical, ServedVertical
from verticals_customer_service.composing import footnoted
from verticals_customer_service.conversation import Conversations
from verticals_customer_service.data import LONGEST

from . import session_of

router = APIRouter()


class UserMessage(BaseModel):
    """What a client of Rasa's REST channel sends; fields that mean nothing here are left aside."""

    sender: str = Field("default", min_length=1, max_length=200, examples=["visitor-1"])
    message: str = Field(
        examples=["where is my parcel?"], json_schema_extra={"minLength": 1, "maxLength": LONGEST}
    )  # fmt: skip
    metadata: dict[str, Any] | None = None


class Button(BaseModel):
    """A topic that the customer may choose."""

    title: str
    payload: str


class BotMessage(BaseModel):
    """One message for the customer."""

    recipient_id: str
    text: str
    buttons: list[Button] | None = None


@router.post("/rasa/webhooks/rest/webhook", response_model_exclude_none=True)
async def rasa_rest(body: UserMessage, vertical: CurrentVertical) -> list[BotMessage]:
    """Rasa's REST channel. What an agent has said since the last message comes with the answer; while an agent has the
    session the assistant adds nothing.
    """
    session = await session_of(vertical, "rasa", body.sender)
    said = await _by_agents(vertical, session)
    reply = await Conversations(vertical).reply(session, body.message)
    messages = [BotMessage(recipient_id=body.sender, text=text) for text in said]
    if reply.action != "silent":
        buttons = [Button(title=offer, payload=offer) for offer in reply.offers] or None
        text = footnoted(reply.text, reply.citations)
        messages.append(BotMessage(recipient_id=body.sender, text=text, buttons=buttons))
    return messages


async def _by_agents(vertical: ServedVertical, session: str) -> list[str]:
    """What agents have said since the customer's last message."""
    state = await Conversations(vertical).state(session)
    asked = state.of("customer")
    last = asked[-1].offset if asked else 0
    return [event.payload["text"] for event in state.of("agent") if event.offset > last]
