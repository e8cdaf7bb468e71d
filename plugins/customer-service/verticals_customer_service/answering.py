"""From a message to an answer: what the heads and the index say of it, and what the policy makes of that."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from verticals import Event, Hit, NotFound, PlatformError, Prediction, ServedVertical

from . import passages
from .answers import Answer, Ranked
from .emotions import Emotion, Mood
from .finding import Found, find, phrases_of
from .generating import Phrasing
from .greetings import without_greeting
from .handover import failures
from .languages import detect
from .policy import Policy, Situation
from .session import State, last_answer
from .traces import Passage, Replay, Thresholds, Trace, TracedTurn


@dataclass(frozen=True)
class Answering:
    """What a running vertical would say; nothing is written."""

    vertical: ServedVertical

    @property
    def default(self) -> str:
        """The shop's own language."""
        language: str = self.vertical.settings.language
        return language

    def known(self, language: str | None) -> str | None:
        """``language``, if the shop answers in it."""
        return language if language in self._policies else None

    def language(self, text: str) -> str | None:
        """The language of ``text``, if it is plain and one that the shop answers in."""
        return detect(text, self._policies)

    async def emotion(self, text: str) -> Emotion:
        """How the customer feels who wrote ``text``; the intent is read in the same batch, and remembered for later."""
        prediction, _ = await asyncio.gather(self.vertical.head("emotion").predict(text), self._foreseen(text))
        return Emotion.of(prediction)

    async def answer(self, text: str, previous: Answer | None = None) -> Answer:
        """What would be said to ``text`` after the ``previous`` answer."""
        language = self.language(text) or self.default
        prediction, found = await self._read(text, language)
        today = datetime.now(UTC).date()
        now = Situation(text, prediction, today, found.articles, previous, faq=found.faq)
        return await self._said(self._policies[language], now)

    async def turn(self, state: State, asked: Event, previous: Answer | None = None) -> tuple[Answer, Trace]:
        """The answer to a message of a session, with its trace."""
        text = asked.payload["text"]
        language = self.known(asked.payload.get("language")) or self.known(state.language) or self.default
        prediction, found = await self._read(text, language)
        before = state.last_answer()
        emotion = asked.payload.get("emotion")
        until = [one for one in state.of("customer") if one.offset <= asked.offset]
        now = Situation(
            text,
            prediction,
            asked.at.date(),
            found.articles,
            last_answer(state) or previous,
            Emotion.model_validate(emotion) if emotion else None,
            Mood(state.course[: len(until)]),
            failures(state),
            state.status == "waiting",
            found.faq,
        )
        policy = self._policies[language]
        answer = await self._said(policy, now)
        trace = _trace(now, answer, policy.thresholds, before.offset if before else None)
        phrasing: Phrasing | None = self.vertical.state.get("phrasing")
        if phrasing and answer.rule == "passage":
            answer, generation = await phrasing.phrase(text, answer)
            trace = trace.model_copy(update={"generation": generation})
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
        trace = turn.trace
        missing: list[str] = []
        hits = await self._again(trace.passages, missing)
        faq = await self._again(trace.faq, missing)
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
            faq,
        )
        policy = self._policies[self.known(trace.language) or self.default]
        answer = await self._said(replace(policy, thresholds=thresholds), now)
        said, generation = turn.answer, trace.generation
        if generation and generation.used and answer.text == generation.instead:
            answer = answer.model_copy(update={"text": said.text, "citations": said.citations, "phrased": True})
        answer = answer.model_copy(update={"trace_id": trace_id})
        changed = (answer.action, answer.text) != (said.action, said.text)
        return Replay(trace_id=trace_id, thresholds=thresholds, answer=answer, changed=changed, missing=missing)

    @property
    def _policies(self) -> Mapping[str, Policy]:
        policies: Mapping[str, Policy] = self.vertical.state["policies"]
        return policies

    async def _foreseen(self, text: str) -> None:
        """Read the intent before it is asked for: two texts in one batch take little longer than one."""
        with suppress(PlatformError):  # who asks for it will be told
            await self.vertical.head("intent").predict(without_greeting(text))

    async def _read(self, text: str, language: str) -> tuple[Prediction, Found]:
        matter = without_greeting(text)
        found = find(self.vertical, matter, language, self.default)
        if phrases := phrases_of(self.vertical, language):
            return phrases.predict(matter), await found
        return await asyncio.gather(self.vertical.head("intent").predict(matter), found)

    async def _again(self, passages: Sequence[Passage], missing: list[str]) -> list[Hit]:
        """Hits of a trace, on their documents as they are now; those that are gone are noted as ``missing``."""
        hits = []
        for passage in passages:
            try:
                hits.append(passage.hit(await self.vertical.index("knowledge").get(passage.id)))
            except NotFound:
                missing.append(passage.id)
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
        faq=[Passage.of(hit) for hit in now.faq],
        thresholds=thresholds,
        emotion=now.emotion,
        course=list(now.mood.course),
        failures=now.failures,
        waiting=now.waiting,
        previous=previous,
        today=now.today,
        language=answer.language,
        rule=answer.rule,
        template_id=answer.template_id,
    )
