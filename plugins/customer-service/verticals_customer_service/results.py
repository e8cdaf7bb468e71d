"""How well customers are served: each figure with its definition in words, in all, by day and by intent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, Field

from verticals import Event, Notice, ServedVertical

QUIET = timedelta(hours=24)
DURABLE = timedelta(days=7)
_UNDERSTOOD = ("answer", "ask", "search")
_KINDS = ("session-started", "message", "handover", "taken-over", "resolved", "reopened", "feedback")
_PAGE = 1_000
UNTOLD = "untold"

DEFINITIONS = {
    "conversations": "Conversations that began in this time and in which the customer wrote something.",
    "containment": "Of the conversations that have ended: the share in which no person was asked for or stepped in, "
    "and whose last answer was one. A conversation has ended when it is resolved, or quiet for 24 hours.",
    "handover": "Of all conversations: the share in which a person was asked to go on.",
    "reopened": "Of the conversations that were resolved: the share in which the matter came up again.",
    "durable": "Of the conversations that were resolved at least 7 days ago: the share that did not come up again "
    "within 7 days.",
    "satisfaction": "Of the answers that got a thumb: the share whose last thumb was up.",
}


class Rate(BaseModel):
    """A share, with what it is a share of."""

    value: float | None = Field(description="0 to 1; null where there is nothing to measure")
    count: int = Field(description="How many it is true of")
    of: int = Field(description="Of how many")

    @classmethod
    def among(cls, of: Sequence[Course], true: Callable[[Course], bool]) -> Rate:
        """The share of some conversations of which something is true."""
        count = sum(map(true, of))
        return cls(value=count / len(of) if of else None, count=count, of=len(of))


class Results(BaseModel):
    """The figures of some conversations."""

    conversations: int
    containment: Rate
    handover: Rate
    reopened: Rate
    durable: Rate
    satisfaction: Rate
    wrong: dict[str, int] = Field(
        {},
        description="Of the answers whose last thumb was down: how many for which reason; `untold` where none is given",
    )


class Part(Results):
    """The figures of one day, or of one intent."""

    name: str


class Report(BaseModel):
    """The figures of a stretch of time."""

    since: date
    until: date
    all: Results
    by_day: list[Part] = Field(description="Days on which conversations began, oldest first")
    by_intent: list[Part] = Field(description="By the first intent that was understood, the most frequent first")
    definitions: dict[str, str] = DEFINITIONS
    notices: list[Notice] = Field([], description="What whoever runs the assistant should know and do now")


@dataclass
class Course:
    """What became of one conversation, as far as figures need it."""

    began: datetime
    last: datetime
    intent: str = ""
    asked: bool = False
    answered: bool = False
    handed_over: bool = False
    person: bool = False
    resolved_at: datetime | None = None
    resolved: bool = False
    reopened_at: datetime | None = None
    thumbs: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Go on with the next event."""
        payload = event.payload
        self.last = max(self.last, event.at)
        match event.kind:
            case "message" if payload["role"] == "customer":
                self.asked = True
            case "message" if payload["role"] == "assistant" and payload["answer"]:
                answer = payload["answer"]
                self.answered = answer["action"] in _UNDERSTOOD
                if self.answered and not self.intent:
                    self.intent = answer["intent"] or ""
            case "message":
                self.person = True
            case "handover":
                self.handed_over = True
            case "taken-over":
                self.person = True
            case "resolved":
                self.resolved_at, self.resolved = self.resolved_at or event.at, True
            case "reopened":
                self.reopened_at, self.resolved = self.reopened_at or event.at, False
            case "feedback":
                self.thumbs[payload["offset"]] = payload["thumb"]
                self.wrong[payload["offset"]] = payload.get("wrong") or UNTOLD

    def ended(self, now: datetime) -> bool:
        """Whether nothing more is to be expected."""
        return self.resolved or now - self.last >= QUIET

    @property
    def contained(self) -> bool:
        """Whether the assistant answered to the end, and alone."""
        return self.answered and not self.handed_over and not self.person

    @property
    def durable(self) -> bool:
        """Whether it stayed resolved."""
        settled, again = self.resolved_at, self.reopened_at
        return settled is not None and (again is None or again - settled > DURABLE)


@dataclass
class _Known:
    """What this process has read so far."""

    seen: int = 0
    courses: dict[str, Course] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


async def report(vertical: ServedVertical, since: date, until: date) -> Report:
    """The figures of the conversations that began on these days; only events not seen before are read.

    Args:
        vertical: that has the conversations.
        since: the first day (UTC).
        until: the last day.
    """
    known: _Known = vertical.state.setdefault(f"results of {vertical.tenant}", _Known())
    async with known.reading:
        while events := await vertical.events.read(after=known.seen, limit=_PAGE, kinds=_KINDS):
            for event in events:
                known.seen = event.offset
                session = event.payload["session"]
                if event.kind == "session-started":
                    known.courses.setdefault(session, Course(event.at, event.at))
                elif session in known.courses:
                    known.courses[session].take(event)
        began = [
            replace(one, thumbs=dict(one.thumbs), wrong=dict(one.wrong))
            for one in known.courses.values()
            if one.asked and since <= one.began.date() <= until
        ]
    found = await asyncio.to_thread(_report, began, since, until)
    return found.model_copy(update={"notices": await vertical.notices()})


def _report(courses: list[Course], since: date, until: date) -> Report:
    now = datetime.now(UTC)
    by_day: dict[str, list[Course]] = {}
    by_intent: dict[str, list[Course]] = {}
    for one in courses:
        by_day.setdefault(f"{one.began.date()}", []).append(one)
        by_intent.setdefault(one.intent or "not understood", []).append(one)
    frequent = sorted(by_intent, key=lambda name: (-len(by_intent[name]), name))
    return Report(
        since=since,
        until=until,
        all=figures(courses, now),
        by_day=[_part(day, by_day[day], now) for day in sorted(by_day)],
        by_intent=[_part(name, by_intent[name], now) for name in frequent],
    )


def figures(courses: Sequence[Course], now: datetime) -> Results:
    """The figures of some conversations.

    Args:
        courses: the conversations.
        now: the time, for what counts as ended.
    """
    ended = [one for one in courses if one.ended(now)]
    settled = [one for one in courses if one.resolved_at is not None]
    old = [one for one in settled if one.resolved_at is not None and now - one.resolved_at >= DURABLE]
    thumbs = [thumb for one in courses for thumb in one.thumbs.values()]
    up = thumbs.count("up")
    wrong = Counter(one.wrong[offset] for one in courses for offset, thumb in one.thumbs.items() if thumb == "down")
    return Results(
        conversations=len(courses),
        containment=Rate.among(ended, lambda one: one.contained),
        handover=Rate.among(courses, lambda one: one.handed_over),
        reopened=Rate.among(settled, lambda one: one.reopened_at is not None),
        durable=Rate.among(old, lambda one: one.durable),
        satisfaction=Rate(value=up / len(thumbs) if thumbs else None, count=up, of=len(thumbs)),
        wrong=dict(wrong.most_common()),
    )


def _part(name: str, courses: Sequence[Course], now: datetime) -> Part:
    return Part(name=name, **figures(courses, now).model_dump())
