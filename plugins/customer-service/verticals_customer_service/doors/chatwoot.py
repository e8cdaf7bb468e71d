"""Chatwoot's agent bots: ``…/customer-service/chatwoot/agent-bot/events?secret=…`` is the bot's webhook address.

The assistant answers conversations that are `pending`, as Chatwoot gives them to bots; a handover opens them, and an
open one is the agents'. The secret says whose Chatwoot it is, where tenants have their own. See
https://www.chatwoot.com/hc/user-guide/articles/1677497472-how-to-use-agent-bots.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import httpx
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from verticals import CurrentVertical, PlatformError, ServedVertical, Unavailable
from verticals_customer_service.composing import footnoted
from verticals_customer_service.conversation import Conversations, Reply
from verticals_customer_service.desk import Desk
from verticals_customer_service.settings import Chatwoot

from . import session_of

router = APIRouter()
AGENT = "Chatwoot"
_WAITS = (1.0, 5.0, 30.0)  # seconds before further attempts to reach Chatwoot
_TIMEOUT = 10.0
_ATTEMPTS = 5
_log = logging.getLogger("verticals.customer-service")


class Account(BaseModel):
    """The account in Chatwoot."""

    id: int


class Conversation(BaseModel):
    """The conversation in Chatwoot."""

    model_config = ConfigDict(extra="ignore")

    id: int
    status: str = "pending"


class BotEvent(BaseModel):
    """What Chatwoot tells a bot; of a conversation's own events the conversation is the event itself."""

    model_config = ConfigDict(extra="ignore")

    event: str = Field(examples=["message_created"])
    id: int | None = Field(None, examples=[17])
    content: str | None = Field(None, examples=["where is my parcel?"])
    message_type: str | int | None = Field(None, examples=["incoming"])
    private: bool = False
    status: str | None = None
    account: Account | None = Field(None, examples=[{"id": 1}])
    conversation: Conversation | None = Field(None, examples=[{"id": 5, "status": "pending"}])
    messages: list[dict[str, Any]] = []


class Taken(BaseModel):
    """Whether the event leads to anything."""

    taken: bool
    why: str = Field("", description="Why it does not")


@router.post("/chatwoot/agent-bot/events")
async def chatwoot_events(
    event: BotEvent, vertical: CurrentVertical, secret: str = Query("", description="As in the settings")
) -> Taken:
    """An event of a Chatwoot inbox that this assistant is the agent bot of; the answer goes to Chatwoot's own API."""
    known: dict[str, Chatwoot] = vertical.settings.chatwoots
    if not known:
        return Taken(taken=False, why="There is no table [plugins.customer-service.chatwoot] in platform.toml.")
    tenant = _whose(secret, known)
    if tenant is None:
        raise HTTPException(401, "The secret in the address is not one of the settings.")
    vertical, settings = vertical.of(tenant), known[tenant]
    conversation = event.conversation.id if event.conversation else event.id
    account = event.account.id if event.account else _account_of(event)
    if conversation is None or account is None:
        return Taken(taken=False, why="It names no conversation or no account.")
    session = await session_of(vertical, "chatwoot", f"{settings.url} {account} {conversation}")
    if event.event == "message_created":
        return await _message(vertical, settings, event, session, f"{account}/conversations/{conversation}")
    if event.event == "conversation_opened":
        await Desk(vertical).take_over(session, AGENT, force=True)
        return Taken(taken=True)
    if event.event == "conversation_resolved":
        await Desk(vertical).resolve(session, AGENT)
        return Taken(taken=True)
    return Taken(taken=False, why=f"Events {event.event!r} mean nothing here.")


async def _message(vertical: ServedVertical, settings: Chatwoot, event: BotEvent, session: str, place: str) -> Taken:
    if event.message_type not in ("incoming", 0) or event.private or not (event.content or "").strip():
        return Taken(taken=False, why="It is no message of a customer.")
    if event.conversation and event.conversation.status != "pending":
        return Taken(taken=False, why=f"The conversation is {event.conversation.status}: agents answer it.")
    work = _answered(vertical, settings, session, event.content or "", str(event.id), place)
    _beside(vertical, work)  # Chatwoot waits five seconds for this request, and not for the answer
    return Taken(taken=True)


async def _answered(
    vertical: ServedVertical, settings: Chatwoot, session: str, text: str, message: str, place: str
) -> None:
    conversations = Conversations(vertical)
    state = await conversations.state(session)
    if state.agent == AGENT:  # pending again: the agents gave it back
        await Desk(vertical).give_back(session, AGENT)
    reply = await _replied(conversations, session, text, message)
    if reply is None or reply.action == "silent":
        return
    said = {"content": footnoted(reply.text, reply.citations), "message_type": "outgoing"}
    await _post(settings, f"{place}/messages", said)
    if reply.action == "handover":
        await _post(settings, f"{place}/toggle_status", {"status": "open"})


async def _replied(conversations: Conversations, session: str, text: str, message: str) -> Reply | None:
    """The reply; where the session writes too fast, or the server is busy, a little later."""
    for attempt in range(_ATTEMPTS):
        try:
            return await conversations.reply(session, text, key=message)
        except Unavailable as error:
            if attempt == _ATTEMPTS - 1:
                _log.error("message %s of Chatwoot was not answered: %s", message, error)
            else:
                await asyncio.sleep(error.seconds)
        except PlatformError as error:
            _log.error("message %s of Chatwoot was not answered: %s", message, error)
            break
    return None


async def _post(settings: Chatwoot, path: str, body: dict[str, str]) -> None:
    url = f"{settings.url.rstrip('/')}/api/v1/accounts/{path}"
    headers = {"api_access_token": settings.token.get_secret_value()}
    async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
        for wait in (*_WAITS, None):
            try:
                answer = await client.post(url, json=body, headers=headers)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                if wait is None:
                    _log.error("Chatwoot did not take what was posted to %s: %s", url, error)
                    return
                await asyncio.sleep(wait)
            else:
                return


def _beside(vertical: ServedVertical, work: Coroutine[Any, Any, None]) -> None:
    under_way: set[asyncio.Task[Any]] = vertical.state["under way"]
    task = asyncio.create_task(work)
    under_way.add(task)
    task.add_done_callback(under_way.discard)


def _whose(secret: str, known: Mapping[str, Chatwoot]) -> str | None:
    """The tenant whose Chatwoot has this secret; each is compared, so that the time taken tells nothing."""
    same = {
        tenant: hmac.compare_digest(secret.encode(), chatwoot.secret.get_secret_value().encode())
        for tenant, chatwoot in known.items()
    }
    return next((tenant for tenant, is_it in same.items() if is_it), None)


def _account_of(event: BotEvent) -> int | None:
    """Events of a conversation name the account in its messages only."""
    return next((one["account_id"] for one in event.messages if isinstance(one.get("account_id"), int)), None)
