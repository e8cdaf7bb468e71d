"""From a message to an answer: what the heads and the index say of it, and what the policy makes of that."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from verticals import Event, Hit, NotFound, Prediction, ServedVertical

from . import passages
from .answers import Answer, Ranked
from .emotions import Emotion, Mood
from .greetings import without_greeting
from .handover import failures
from .policy import Policy, Situation
from .session import State, last_answer
from .traces import Passage, Replay, Thresholds, Trace, TracedTurn

HITS = 10
WEIGHT = 0.5  # of the head `answer` against the search's own score


def ranked(version: str) -> dict[str, Any]:
    """How the index is searched: this version of the head `answer` has a say; none where it is empty."""
    return {"rerank": version, "rerank_weight": WEIGHT} if version else {}


@dataclass(frozen=True)
class Answering:
    """What a running vertical would say; nothing is written."""

    vertical: ServedVertical

    async def emotion(self, text: str) -> Emotion:
        """How the customer feels who wrote ``text``."""
        return Emotion.of(await self.vertical.head("emotion").predict(text))

    async def answer(self, text: str, previous: Answer | None = None) -> Answer:
        """What would be said to ``text`` after the ``previous`` answer."""
        prediction, hits = await self._read(text)
        today = datetime.now(UTC).date()
        return await self._said(self._policy, Situation(text, prediction, today, hits, previous))

    async def turn(self, state: State, asked: Event, previous: Answer | None = None) -> tuple[Answer, Trace]:
        """The answer to a message of a session, with its trace."""
        text = asked.payload["text"]
        prediction, hits = await self._read(text)
        before = state.last_answer()
        emotion = asked.payload.get("emotion")
        until = [one for one in state.of("customer") if one.offset <= asked.offset]
        now = Situation(
            text,
            prediction,
            asked.at.date(),
            hits,
            last_answer(state) or previous,
            Emotion.model_validate(emotion) if emotion else None,
            Mood(state.course[: len(until)]),
            failures(state),
            state.status == "waiting",
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
        trace, missing, hits = turn.trace, list[str](), list[Hit]()
        for passage in trace.passages:
            try:
                hits.append(passage.hit(await self.vertical.index("knowledge").get(passage.id)))
            except NotFound:
                missing.append(passage.id)
        now = Situation(
            trace.text,
            trace.prediction,
            trace.today,
            hits,
            await self._answer_at(trace.previous),
            trace.emotion,
            Mood(tuple(trace.course)),
            trace.failures,
            trace.waiting,
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

    async def _read(self, text: str) -> tuple[Prediction, list[Hit]]:
        matter = without_greeting(text)
        return await asyncio.gather(self.vertical.head("intent").predict(matter), self._found(matter))

    async def _found(self, text: str) -> list[Hit]:
        options = ranked("live" if await self.vertical.head("answer").is_live() else "")
        hits: list[Hit] = await self.vertical.index("knowledge").search(text, k=HITS, **options)
        return hits

    async def _said(self, policy: Policy, now: Situation) -> Answer:
        answer = policy.answer(now)
        template = policy.templates.named(answer.template_id)
        if template and template.article and not answer.citations:
            return await self._cite(answer, template.article, now.text)
        return answer

    async def _cite(self, answer: Answer, article: str, text: str) -> Answer:
        """The answer with its article, which the search did not find among the best."""
        try:
            document = await self.vertical.index("knowledge").get(article)
        except NotFound:
            return answer
        cited = passages.evidence(document, passages.best_span(document.text, text, answer.text))
        return answer.model_copy(update={"citations": [cited]})

    async def _answer_at(self, offset: int | None) -> Answer | None:
        if offset is None:
            return None
        found = await self.vertical.events.read(after=offset - 1, limit=1)
        return Answer.model_validate(found[0].payload["answer"]) if found else None


def _trace(now: Situation, answer: Answer, thresholds: Thresholds, previous: int | None) -> Trace:
    prediction = now.prediction
    return Trace(
        text=now.text,
        intent=prediction.label,
        confidence=prediction.confidence,
        ranking=[Ranked(label=label, probability=p) for label, p in prediction.ranking],
        abstained=prediction.abstained,
        familiarity=prediction.familiarity,
        version=prediction.version,
        passages=[Passage.of(hit) for hit in now.hits],
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
