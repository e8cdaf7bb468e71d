"""From a message to an answer: what the heads and the index say of it, and what the policy makes of that."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from verticals import Event, Evidence, Hit, NotFound, ServedVertical, Span, Unavailable

from . import matters, passages
from .answers import Answer, Part
from .emotions import Emotion, Mood
from .greetings import without_greeting
from .handover import failures
from .matters import Matter
from .policy import Policy, Situation
from .session import State, last_answer
from .traces import Passage, Replay, Thresholds, Trace, TracedDetail, TracedMatter, TracedTurn, reading

HITS = 10


@dataclass(frozen=True)
class Answering:
    """What a running vertical would say; nothing is written."""

    vertical: ServedVertical

    async def emotion(self, text: str) -> Emotion:
        """How the customer feels who wrote ``text``."""
        return Emotion.of(await self.vertical.head("emotion").predict(text))

    async def answer(self, text: str, previous: Answer | None = None) -> Answer:
        """What would be said to ``text`` after the ``previous`` answer."""
        now = await self.read(text)
        return await self._said(self._policy, replace(now, previous=previous))

    async def turn(self, state: State, asked: Event, previous: Answer | None = None) -> tuple[Answer, Trace]:
        """The answer to a message of a session, with its trace."""
        before = state.last_answer()
        emotion = asked.payload.get("emotion")
        until = [one for one in state.of("customer") if one.offset <= asked.offset]
        now = replace(
            await self.read(asked.payload["text"], asked.at.date()),
            previous=last_answer(state) or previous,
            emotion=Emotion.model_validate(emotion) if emotion else None,
            mood=Mood(state.course[: len(until)]),
            failures=failures(state),
            waiting=state.status == "waiting",
        )
        answer = await self._said(self._policy, now)
        trace = _trace(now, answer, self._policy.thresholds, before.offset if before else None)
        return answer.model_copy(update={"trace_id": secrets.token_hex(12)}), trace

    async def traced(self, trace_id: str) -> TracedTurn:
        """The trace of a turn.

        Raises:
            NotFound: there is none of this id.
        """
        found = await self.vertical.events.read(limit=1, kinds=["message"], where={"trace_id": trace_id})
        if not found:
            raise NotFound(f"There is no trace {trace_id[:64]!r}.", "Each answer of the assistant names its own.")
        return TracedTurn.model_validate({**found[0].payload, "offset": found[0].offset})

    async def replay(self, trace_id: str, thresholds: Thresholds) -> Replay:
        """What would have been said with other thresholds, on the articles as they are now.

        Raises:
            NotFound: there is none of this id.
        """
        turn = await self.traced(trace_id)
        trace, missing = turn.trace, list[str]()
        now = Situation(
            trace.text,
            trace.prediction,
            trace.today,
            await self._hits(trace.passages, missing),
            await self._answer_at(trace.previous),
            trace.emotion,
            Mood(tuple(trace.course)),
            trace.failures,
            trace.waiting,
            [Span(one.start, one.end, one.label, one.confidence) for one in trace.details],
            [Matter(one.span, one.prediction, await self._hits(one.passages, missing)) for one in trace.matters],
        )
        policy: Policy = self._policy
        answer = await self._said(replace(policy, thresholds=thresholds), now)
        answer = answer.model_copy(update={"trace_id": trace_id})
        said = turn.answer
        changed = (answer.action, answer.text) != (said.action, said.text)
        return Replay(trace_id=trace_id, thresholds=thresholds, answer=answer, changed=changed, missing=missing)

    @property
    def _policy(self) -> Policy:
        policy: Policy = self.vertical.state["policy"]
        return policy

    async def read(self, text: str, today: date | None = None) -> Situation:
        """What the heads and the index say of a message; its clauses are read with it, in one batch."""
        matter = without_greeting(text)
        skipped = len(text) - len(matter)
        places = [(start + skipped, end + skipped) for start, end in matters.clauses(matter)]
        clauses = [matters.read(text[start:end]) for start, end in places] if len(places) > 1 else []
        (prediction, *others), hits, spans = await asyncio.gather(
            self.vertical.head("intent").predict_many([matter, *clauses]), self._search(matter), self._details(text)
        )
        found = matters.several(clauses, places, others, self._policy.templates.small_talk) if clauses else []
        searched = await asyncio.gather(*(self._search(text[start:end]) for start, end in (one.span for one in found)))
        wanted = [replace(one, hits=own) for one, own in zip(found, searched, strict=True)]
        today = today or datetime.now(UTC).date()
        return Situation(text, prediction, today, hits, spans=spans, matters=wanted)

    async def _search(self, text: str) -> list[Hit]:
        hits: list[Hit] = await self.vertical.index("knowledge").search(text, k=HITS)
        return hits

    async def _details(self, text: str) -> Sequence[Span]:
        try:
            return (await self.vertical.head("slots").predict(text)).spans or ()
        except Unavailable:  # the patterns are there without it
            return ()

    async def _hits(self, passages: Sequence[Passage], missing: list[str]) -> list[Hit]:
        """The hits of a trace, with their documents as they are now; ids of those that are gone go to ``missing``."""
        hits = []
        for passage in passages:
            try:
                hits.append(passage.hit(await self.vertical.index("knowledge").get(passage.id)))
            except NotFound:
                if passage.id not in missing:
                    missing.append(passage.id)
        return hits

    async def _said(self, policy: Policy, now: Situation) -> Answer:
        """What the policy says; with the articles of its templates that the search did not find among the best."""
        answer = policy.answer(now)
        if answer.action == "handover":
            return answer
        cited, parts = list(answer.citations), list[Part]()
        for part in answer.intents:
            template = policy.templates.named(part.template_id)
            wanted = template.article if template and not part.citations else None
            if wanted and (item := await self._article(wanted, now.text, answer.text)):
                cited.append(item)
                part = part.model_copy(update={"citations": [item.id]})
            parts.append(part)
        return answer.model_copy(update={"citations": cited, "intents": parts})

    async def _article(self, name: str, *clues: str) -> Evidence | None:
        try:
            document = await self.vertical.index("knowledge").get(name)
        except NotFound:
            return None
        return passages.evidence(document, passages.best_span(document.text, *clues))

    async def _answer_at(self, offset: int | None) -> Answer | None:
        if offset is None:
            return None
        found = await self.vertical.events.read(after=offset - 1, limit=1)
        return Answer.model_validate(found[0].payload["answer"]) if found else None


def _trace(now: Situation, answer: Answer, thresholds: Thresholds, previous: int | None) -> Trace:
    return Trace(
        **reading(now.prediction, now.hits),
        text=now.text,
        matters=[TracedMatter(**reading(one.prediction, one.hits), span=one.span) for one in now.matters],
        details=[TracedDetail(**asdict(span)) for span in now.spans],
        thresholds=thresholds,
        emotion=now.emotion,
        course=list(now.mood.course),
        failures=now.failures,
        waiting=now.waiting,
        previous=previous,
        today=now.today,
        rule=answer.rule,
        template_id=answer.template_id,
    )
