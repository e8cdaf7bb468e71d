"""From a message to an answer: what the heads and the index say of it, and what the policy makes of that."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from verticals import Event, Evidence, Hit, NotFound, ServedVertical, Span, Unavailable

from . import matters, passages
from .answers import Answer
from .emotions import Emotion, Mood
from .finding import Found, find, phrases_of
from .generating import Phrasing, phrased_again
from .greetings import without_greeting
from .handover import failures
from .languages import detect
from .matters import Matter, Place
from .policy import Policy
from .session import State, last_answer
from .situation import Situation
from .traces import (
    Generation,
    Passage,
    Replay,
    Thresholds,
    Trace,
    TracedDetail,
    TracedMatter,
    TracedTurn,
    reading,
)


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

    def language_of(self, state: State, text: str) -> str:
        """The language to answer ``text`` in: its own, or else that of the session."""
        return self.language(text) or self.known(state.language) or self.default

    async def emotion(self, text: str) -> Emotion:
        """How the customer feels who wrote ``text``."""
        return Emotion.of(await self.vertical.head("emotion").predict(text))

    async def answer(self, text: str, previous: Answer | None = None) -> Answer:
        """What would be said to ``text`` after the ``previous`` answer."""
        language = self.language(text) or self.default
        now = await self.read(text, language=language)
        return await self._said(self._policies[language], replace(now, previous=previous))

    async def turn(
        self, state: State, asked: Event, previous: Answer | None = None, reading: Awaitable[Situation] | None = None
    ) -> tuple[Answer, Trace]:
        """The answer to a message of a session, with its trace.

        Args:
            state: of the session, with the message.
            asked: the message.
            previous: what was said before the session began.
            reading: what `read` says of the message, where that was begun already.
        """
        language = self.known(asked.payload.get("language")) or self.known(state.language) or self.default
        before = state.last_answer()
        emotion = asked.payload.get("emotion")
        until = [one for one in state.of("customer") if one.offset <= asked.offset]
        now = replace(
            await (reading or self.read(asked.payload["text"], language=language)),
            today=asked.at.date(),
            previous=last_answer(state) or previous,
            emotion=Emotion.model_validate(emotion) if emotion else None,
            mood=Mood(state.course[: len(until)]),
            failures=failures(state),
            waiting=state.status == "waiting",
        )
        policy = self._policies[language]
        parts = await self._parts(policy, now)
        answer, generations = policy.joined(now, parts), dict[Place, Generation]()
        phrasing: Phrasing | None = self.vertical.state.get("phrasing")
        if phrasing and answer.action != "handover":
            parts, generations = await phrasing.phrase_parts(now.text, parts)
            answer = policy.joined(now, parts)
        trace = _trace(now, answer, policy.thresholds, before.offset if before else None, generations)
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

    async def replay(self, trace_id: str, thresholds: Thresholds, version: str | None = None) -> Replay:
        """What would have been said with other thresholds or by another version, on the articles as they are now.

        Args:
            trace_id: of the turn.
            thresholds: to decide by.
            version: of the head ``intent`` that reads the message anew, as ``v3``; `None`: what was read then counts.

        Raises:
            NotFound: there is no trace of this id, or no such version.
        """
        turn = await self.traced(trace_id)
        trace, missing = turn.trace, list[str]()
        hits = await self._again(trace.passages, missing)
        faq = await self._again(trace.faq, missing)
        prediction = trace.prediction
        if version is not None:
            prediction = await self.vertical.head("intent").predict(without_greeting(trace.text), version=version)
        now = Situation(
            trace.text,
            prediction,
            trace.today,
            hits,
            await self.answer_at(trace.previous),
            trace.emotion,
            Mood(tuple(trace.course)),
            trace.failures,
            trace.waiting,
            faq,
            [Span(one.start, one.end, one.label, one.confidence) for one in trace.details],
            [await self._matter(one, missing) for one in trace.matters],
        )
        policy = self._policies[self.known(trace.language) or self.default]
        policy = replace(policy, thresholds=thresholds)
        written, said = trace.generations, turn.answer
        parts = [(place, phrased_again(one, written.get(place))) for place, one in await self._parts(policy, now)]
        answer = policy.joined(now, parts).model_copy(update={"trace_id": trace_id})
        changed = (answer.action, answer.text) != (said.action, said.text)
        return Replay(
            trace_id=trace_id, thresholds=thresholds, version=prediction.version, answer=answer, changed=changed,
            missing=missing,
        )  # fmt: skip

    @property
    def _policies(self) -> Mapping[str, Policy]:
        policies: Mapping[str, Policy] = self.vertical.state["policies"]
        return policies

    async def read(self, text: str, today: date | None = None, *, language: str | None = None) -> Situation:
        """What the heads and the index say of a message; its clauses are read with it, in one batch.

        In a language that the encoder does not read a message stays whole.
        """
        language = language or self.language(text) or self.default
        today = today or datetime.now(UTC).date()
        matter = without_greeting(text)
        if phrases := phrases_of(self.vertical, language):
            found = await self._find(matter, language)
            return Situation(text, phrases.predict(matter), today, found.articles, faq=found.faq)
        skipped = len(text) - len(matter)
        places = [(start + skipped, end + skipped) for start, end in matters.clauses(matter)]
        clauses = [matters.read(text[start:end]) for start, end in places] if len(places) > 1 else []
        (prediction, *others), found, spans = await asyncio.gather(
            self.vertical.head("intent").predict_many([matter, *clauses]),
            self._find(matter, language),
            self._details(text),
        )
        small_talk = self._policies[language].templates.small_talk
        several = matters.several(clauses, places, others, small_talk) if clauses else []
        searched = await asyncio.gather(*(self._find(text[slice(*one.span)], language) for one in several))
        wanted = [replace(one, hits=own.articles, faq=own.faq) for one, own in zip(several, searched, strict=True)]
        return Situation(text, prediction, today, found.articles, faq=found.faq, spans=spans, matters=wanted)

    async def _find(self, text: str, language: str) -> Found:
        return await find(self.vertical, text, language, self.default)

    async def _details(self, text: str) -> Sequence[Span]:
        try:
            return (await self.vertical.head("slots").predict(text)).spans or ()
        except Unavailable:  # the patterns are there without it
            return ()

    async def _matter(self, traced: TracedMatter, missing: list[str]) -> Matter:
        """A matter of a trace, with its hits as in `_again`."""
        hits, faq = await self._again(traced.passages, missing), await self._again(traced.faq, missing)
        return Matter(traced.span, traced.prediction, hits, faq)

    async def _again(self, passages: Sequence[Passage], missing: list[str]) -> list[Hit]:
        """Hits of a trace, on their documents as they are now; those that are gone are noted as ``missing``."""
        hits = []
        for passage in passages:
            try:
                hits.append(passage.hit(await self.vertical.index("knowledge").get(passage.id)))
            except NotFound:
                if passage.id not in missing:
                    missing.append(passage.id)
        return hits

    async def _said(self, policy: Policy, now: Situation) -> Answer:
        return policy.joined(now, await self._parts(policy, now))

    async def _parts(self, policy: Policy, now: Situation) -> list[tuple[Place, Answer]]:
        """What the policy says to each matter; with a template's article also where the search did not find it."""
        parts = []
        for place, answer in policy.parts(now):
            template = policy.templates.named(answer.template_id)
            wanted = template.article if template and not answer.citations else None
            if wanted and (item := await self._article(wanted, now.text[slice(*place)], answer.text)):
                answer = answer.model_copy(update={"citations": [item]})
            parts.append((place, answer))
        return parts

    async def _article(self, name: str, *clues: str) -> Evidence | None:
        try:
            document = await self.vertical.index("knowledge").get(name)
        except NotFound:
            return None
        return passages.evidence(document, passages.best_span(document.text, *clues))

    async def answer_at(self, offset: int | None) -> Answer | None:
        """The assistant's answer at an offset; `None` where there is none."""
        if offset is None:
            return None
        found = await self.vertical.events.read(after=offset - 1, limit=1)
        return Answer.model_validate(found[0].payload["answer"]) if found else None


def _trace(
    now: Situation,
    answer: Answer,
    thresholds: Thresholds,
    previous: int | None,
    generations: Mapping[Place, Generation],
) -> Trace:
    matters = [
        TracedMatter(**reading(one.prediction, one.hits, one.faq), span=one.span, generation=generations.get(one.span))
        for one in now.matters
    ]
    return Trace(
        **reading(now.prediction, now.hits, now.faq),
        text=now.text,
        matters=matters,
        details=[TracedDetail(**asdict(span)) for span in now.spans],
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
        generation=generations.get((0, len(now.text))),
    )
