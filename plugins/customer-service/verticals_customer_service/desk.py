"""The desk: what agents do with sessions. Each step is an event, and is refused where the state does not allow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verticals import Conflict, Event, ServedVertical

from .answers import Answer
from .conversation import Conversations, Turn, turn
from .handover import told
from .messages import checked
from .session import Session, State, last_answer


@dataclass(frozen=True)
class Desk:
    """The sessions of a running vertical, as agents see them."""

    vertical: ServedVertical

    async def hand_over(self, session: str) -> State:
        """Ask a person to go on, as a customer's button does; where that was done already, nothing happens.

        Raises:
            NotFound: there is no such session.
        """
        line = await Session.open(self.vertical, session)
        while line.state.status in ("open", "resolved"):
            if line.state.status == "resolved":
                await line.write("reopened", by="customer")
                continue
            last = last_answer(line.state)
            asked = Answer(text="", action="handover", rule="asked", slots=last.slots if last else {})
            await line.write("handover", **told(line.state, asked))
        return line.state

    async def take_over(self, session: str, agent: str, *, force: bool = False) -> State:
        """Take a session: from this event on the assistant is silent.

        Args:
            session: any that is not resolved, whether a person was asked for or not.
            agent: who takes it.
            force: take it from another agent.

        Raises:
            NotFound: there is no such session.
            Conflict: another agent has it, or it is resolved.
        """
        line = await Session.open(self.vertical, session)
        while not (line.state.status == "taken" and line.state.agent == agent):
            if line.state.status == "taken" and not force:
                raise Conflict(f"{line.state.agent} has the session.", "Let them return it, or take it with `force`.")
            _not_resolved(line.state)
            await line.write("taken-over", agent=agent)
        return line.state

    async def reply(self, session: str, agent: str, text: str, key: str | None = None) -> Turn:
        """Say something to the customer.

        Args:
            session: that the agent has taken.
            agent: who says it.
            text: 1 to 2,000 characters.
            key: the same key in the same session writes nothing more.

        Raises:
            NotFound: there is no such session.
            BadInput: the text is empty or too long.
            Conflict: the agent does not have the session, or the key was used for another text.
        """
        text = checked(text)
        line = await Session.open(self.vertical, session)
        while True:
            for former in line.state.of("agent"):
                if key is None or former.payload["key"] != key:
                    continue
                if former.payload["text"] != text:
                    raise Conflict(f"The key {key!r} was already used in this session for another message.")
                return turn(former)
            _has_it(line.state, agent)
            answered = line.state.pending[-1] if line.state.pending else None
            said = {"role": "agent", "agent": agent, "text": text, "key": key, "reply_to": answered}
            if event := await line.write("message", **said):
                return turn(event)

    async def give_back(self, session: str, agent: str) -> State:
        """Return a session to the assistant, which answers the latest message if nobody has.

        Raises:
            NotFound: there is no such session.
            Conflict: the agent does not have it.
        """
        line = await Session.open(self.vertical, session)
        await self._write(line, lambda state: _has_it(state, agent), "returned", agent=agent)
        await Conversations(self.vertical).answer_pending(line)
        return line.state

    async def resolve(self, session: str, by: str, note: str = "") -> State:
        """Settle a session; where it is settled already, nothing happens.

        Raises:
            NotFound: there is no such session.
        """
        line = await Session.open(self.vertical, session)
        while line.state.status != "resolved":
            await line.write("resolved", by=by, note=note)
        return line.state

    async def reopen(self, session: str, by: str) -> State:
        """Open a settled session again; a customer's message does so by itself.

        Raises:
            NotFound: there is no such session.
        """
        line = await Session.open(self.vertical, session)
        while line.state.status == "resolved":
            await line.write("reopened", by=by)
        return line.state

    async def _write(self, line: Session, refuse: Callable[[State], None], kind: str, **fields: Any) -> Event:
        while True:
            refuse(line.state)
            if event := await line.write(kind, **fields):
                return event


def _has_it(state: State, agent: str) -> None:
    if state.status != "taken" or state.agent != agent:
        has = f"{state.agent} has it" if state.agent else f"it is {state.status}"
        raise Conflict(f"{agent} does not have the session: {has}.", "Take it over first.")


def _not_resolved(state: State) -> None:
    if state.status == "resolved":
        raise Conflict("The session is resolved.", "Reopen it first.")
