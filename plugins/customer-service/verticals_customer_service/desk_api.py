"""``/v1/customer-service/queue`` and the steps of a session that agents take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .conversation import Turn
from .data import LONGEST
from .desk import Desk
from .events import Handover
from .session import Mode, State, Status
from .waiting import Waiting, waiting

router = APIRouter()


class SessionState(BaseModel):
    """Where a session stands."""

    session: str
    status: Status = Field(
        description="`open`: the assistant answers; `waiting`: it does, and a person was asked to go on; `taken`: an "
        "agent has it; `resolved`: settled"
    )
    mode: Mode = Field(description="Who answers: the assistant (`auto`) or an agent (`manual`)")
    agent: str | None = Field(None, description="Who has it")
    channel: str = Field(description="The door it came by")
    offset: int = Field(description="Of its latest event")
    unanswered: int = Field(description="Messages of the customer that nobody has answered")
    handover: Handover | None = Field(None, description="What the person who goes on is told")
    waiting_since: datetime | None = None

    @classmethod
    def of(cls, state: State) -> SessionState:
        """Of a state."""
        return cls(
            session=state.session, status=state.status, mode=state.mode, agent=state.agent, channel=state.channel,
            offset=state.last, unanswered=len(state.pending), waiting_since=state.waiting_since,
            handover=Handover.model_validate(state.handover) if state.handover else None,
        )  # fmt: skip


_AGENT: Any = Field(min_length=1, max_length=100, examples=["Dana"], description="Name of the agent")


class TakeOver(BaseModel):
    """Who takes a session."""

    agent: str = _AGENT
    force: bool = Field(False, description="Take it even from another agent")


class AgentReply(BaseModel):
    """An agent's words."""

    agent: str = _AGENT
    text: str = Field(
        description="The agent's words", examples=["Hello, this is Dana. I have your order before me."],
        json_schema_extra={"minLength": 1, "maxLength": LONGEST},
    )  # fmt: skip
    key: str | None = Field(None, min_length=1, max_length=100, examples=["a1"], description="Idempotency key")


class Return(BaseModel):
    """Who gives a session back."""

    agent: str = _AGENT


class Resolution(BaseModel):
    """Who settles a session."""

    by: str = Field("agent", min_length=1, max_length=100, examples=["Dana"])
    note: str = Field("", max_length=LONGEST, examples=["Sent a new lid."])


class Reopening(BaseModel):
    """Who opens a session again."""

    by: str = Field("agent", min_length=1, max_length=100, examples=["Dana"])


@router.get("/queue")
async def list_waiting(vertical: CurrentVertical) -> list[Waiting]:
    """Sessions that wait for a person, the most urgent first: by how long they wait, and how upset the customer is."""
    return await waiting(vertical)


@router.post("/sessions/{session}/take-over")
async def take_over(session: str, body: TakeOver, vertical: CurrentVertical) -> SessionState:
    """Take a session: the assistant is silent from here on, even where its answer was under way."""
    return SessionState.of(await Desk(vertical).take_over(session, body.agent, force=body.force))


@router.post("/sessions/{session}/replies")
async def reply_as_agent(session: str, body: AgentReply, vertical: CurrentVertical) -> Turn:
    """Say something to the customer of a session that the agent has taken."""
    return await Desk(vertical).reply(session, body.agent, body.text, body.key)


@router.post("/sessions/{session}/return")
async def give_back(session: str, body: Return, vertical: CurrentVertical) -> SessionState:
    """Give a session back to the assistant; it answers the customer's latest message if nobody has."""
    return SessionState.of(await Desk(vertical).give_back(session, body.agent))


@router.post("/sessions/{session}/resolve")
async def resolve(session: str, body: Resolution, vertical: CurrentVertical) -> SessionState:
    """Settle a session."""
    return SessionState.of(await Desk(vertical).resolve(session, body.by, body.note))


@router.post("/sessions/{session}/reopen")
async def reopen(session: str, body: Reopening, vertical: CurrentVertical) -> SessionState:
    """Open a settled session again; a customer's next message does so by itself."""
    return SessionState.of(await Desk(vertical).reopen(session, body.by))
