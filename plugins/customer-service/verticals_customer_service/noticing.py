"""What live sessions tell: suggestions, and questions that nobody could answer; only what is new is read.

Of the sessions only those are read in which something happened that tells anything, so a server with many thousands of
sessions that went well has nothing to do here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from verticals import Event, ServedVertical

from .redaction import Redactor
from .suggestions import KINDS, Suggestion, SuggestionReviewed, of_session, reviewed
from .teaching import bare

Why = Literal["no answer", "did not help", "handed over"]
_PAGE = 500
_SAID: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    (("feedback", "turn-corrected", "suggestion-reviewed"), {}),
    (("message",), {"role": "agent"}),
    (("message",), {"action": "abstain"}),
    (("message",), {"action": "handover"}),
)


class Unanswered(BaseModel):
    """A customer's question that the assistant could not answer."""

    id: str = Field(description="Session and offset of the question")
    session: str
    offset: int
    at: datetime
    text: str = Field(description="Without personal data")
    why: Why
    trace_id: str | None = None


@dataclass
class Noticed:
    """What this process has read so far of one tenant's sessions.

    Args:
        redactor: takes personal data out.
    """

    redactor: Redactor
    by_session: dict[str, list[Suggestion]] = field(default_factory=dict)
    reviews: list[SuggestionReviewed] = field(default_factory=list)
    failed: dict[str, Unanswered] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen: list[int] = field(default_factory=lambda: [0] * len(_SAID))

    async def read(self, vertical: ServedVertical) -> None:
        """Take into account what was written since."""
        async with self.reading:
            changed: dict[str, None] = {}
            for place, (kinds, where) in enumerate(_SAID):
                while events := await self._page(vertical, kinds, where, self._seen[place]):
                    changed.update(await asyncio.to_thread(self._take, events))
                    self._seen[place] = events[-1].offset
            for session in changed:
                events, after = [], 0
                while page := await self._page(vertical, KINDS, {"session": session}, after):
                    events += page
                    after = page[-1].offset
                self.by_session[session] = await asyncio.to_thread(of_session, events, self.redactor)

    async def _page(
        self, vertical: ServedVertical, kinds: Sequence[str], where: Mapping[str, Any], after: int
    ) -> list[Event]:
        found: list[Event] = await vertical.events.read(after=after, limit=_PAGE, kinds=kinds, where=where)
        return found

    def _take(self, events: Iterable[Event]) -> dict[str, None]:
        """Note what happened; the sessions whose suggestions are to be computed anew."""
        changed: dict[str, None] = {}
        for event in events:
            payload = event.payload
            if event.kind == "suggestion-reviewed":
                self.reviews.append(SuggestionReviewed.model_validate(payload))
            elif payload.get("action") in ("abstain", "handover"):
                self._note_failed(event)
            else:
                changed[payload["session"]] = None
        return changed

    def _note_failed(self, event: Event) -> None:
        payload = event.payload
        rule = payload["answer"]["rule"]
        if payload["action"] == "handover" and rule != "failures":  # a wish for a person is no question
            return
        text = self.redactor.redact(payload["trace"]["text"]).text
        if bare(text):
            one = Unanswered(
                id=f"{payload['session']}:{payload['reply_to']}", session=payload["session"],
                offset=payload["reply_to"], at=event.at, text=text, trace_id=payload["trace_id"],
                why="handed over" if payload["action"] == "handover" else "no answer",
            )  # fmt: skip
            self.failed[one.id] = one

    def suggestions(self) -> list[Suggestion]:
        """All of them with what was decided, what happened last first."""
        every = [one for session in self.by_session.values() for one in session]
        return sorted(reviewed(every, self.reviews), key=lambda one: -one.signals[0].event)

    def unanswered(self) -> list[Unanswered]:
        """Questions that nobody could answer or whose answer did not help, and about which nothing was decided."""
        found, settled = dict(self.failed), set()
        for one in self.suggestions():
            sources = {signal.source for signal in one.signals}
            if one.state != "open" or "correction" in sources:
                settled.add(one.id)
            elif "thumb-down" in sources and one.id not in found:
                down = next(signal for signal in one.signals if signal.source == "thumb-down")
                found[one.id] = Unanswered(
                    id=one.id, session=one.session, offset=one.offset, at=down.at, text=one.text, why="did not help",
                    trace_id=one.trace_id,
                )  # fmt: skip
        return [one for one in found.values() if one.id not in settled]


async def noticed(vertical: ServedVertical) -> Noticed:
    """What the tenant's sessions tell by now."""
    found: Noticed = vertical.state.setdefault(
        f"noticed of {vertical.tenant}", Noticed(Redactor(vertical.settings.order_pattern))
    )
    await found.read(vertical)
    return found
