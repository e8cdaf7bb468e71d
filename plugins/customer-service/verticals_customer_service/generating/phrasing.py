"""A quoted answer in a generator's words, if the passages support every sentence of them; else as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from verticals import Evidence
from verticals_customer_service.answers import Answer
from verticals_customer_service.matters import Place
from verticals_customer_service.settings import Generator
from verticals_customer_service.traces import Generation

from .prompt import NO_ANSWER, visible
from .sources import Failed, Source
from .support import Checked, Embed, check

_KEPT = 2_000  # characters of what was written that the trace keeps


@dataclass(frozen=True)
class Phrasing:
    """Phrases the answers of a running vertical.

    Args:
        settings: how long it may take, and how long an answer may be.
        source: what writes.
        embed: vectors of texts, to compare sentences by.
    """

    settings: Generator
    source: Source
    embed: Embed

    async def phrase_parts(
        self, message: str, parts: Sequence[tuple[Place, Answer]]
    ) -> tuple[list[tuple[Place, Answer]], dict[Place, Generation]]:
        """The parts of an answer, of which each that is quoted is phrased by itself, from its own passages alone.

        Args:
            message: the customer's.
            parts: each with where the message speaks of it.
        """
        quoted = [(place, one) for place, one in parts if one.rule == "passage"]
        done = await asyncio.gather(*(self.phrase(message[slice(*place)], one) for place, one in quoted))
        phrased = {place: answer for (place, _), (answer, _) in zip(quoted, done, strict=True)}
        told = {place: generation for (place, _), (_, generation) in zip(quoted, done, strict=True)}
        return [(place, phrased.get(place, one)) for place, one in parts], told

    async def phrase(self, question: str, answer: Answer) -> tuple[Answer, Generation]:
        """The answer as the generator puts it, or as it was; and what became of it, for the trace.

        Args:
            question: the customer's words.
            answer: quoted from its citations.
        """
        began = time.perf_counter()
        passages = [_words(one) for one in answer.citations]
        wrote, why, sentence = "", "", ""
        try:
            async with asyncio.timeout(self.settings.seconds):
                wrote = visible(await self.source.write(question, passages)).strip()
        except TimeoutError:
            why = f"the generator took longer than {self.settings.seconds:g} s"
        except Failed as failed:
            why = str(failed)
        why = why or self._refused(wrote)
        phrased, order = answer, list[int]()
        if not why:
            checked = await check(wrote, passages, self.embed)
            if checked.unsupported:
                why, sentence = checked.unsupported[0].why, checked.unsupported[0].sentence
            elif not checked.sentences:
                why = "the generator wrote no sentence"
            else:
                phrased, order = _composed(answer, checked)
        return phrased, Generation(
            by=self.source.name,
            used=not why,
            why=why,
            sentence=sentence,
            wrote=wrote[:_KEPT],
            instead=answer.text,
            said="" if why else phrased.text,
            cited=order,
            seconds=round(time.perf_counter() - began, 3),
        )

    def _refused(self, wrote: str) -> str:
        """Why what was written is refused before it is read sentence by sentence; empty where it is not."""
        if not wrote:
            return "the generator wrote nothing"
        if len(wrote) > self.settings.longest:
            return f"the generator wrote {len(wrote):,} characters, and {self.settings.longest:,} is the most"
        return "the generator found no answer in the passages" if NO_ANSWER in wrote.upper() else ""


def _words(evidence: Evidence) -> str:
    """What of an article is quoted."""
    start, end = evidence.span or (0, len(evidence.text))
    return evidence.text[start:end]


def phrased_again(answer: Answer, generation: Generation | None) -> Answer:
    """A quoted answer as it was phrased at the time; as it is where it was not, or where the quote is another now."""
    if generation is None or not generation.used or generation.instead != answer.text:
        return answer
    return _phrased(answer, generation.said, generation.cited)


def _composed(answer: Answer, checked: Checked) -> tuple[Answer, list[int]]:
    """The sentences with the numbers of their citations, and these in the order in which they are first cited."""
    order = list(dict.fromkeys(place for _, places in checked.sentences for place in places))
    numbers = {place: number for number, place in enumerate(order, start=1)}
    said = " ".join(
        f"{sentence} {''.join(f'[{numbers[place]}]' for place in sorted(places, key=order.index))}"
        for sentence, places in checked.sentences
    )
    return _phrased(answer, said, order), order


def _phrased(answer: Answer, said: str, order: Sequence[int]) -> Answer:
    citations = [answer.citations[place] for place in order]
    return answer.model_copy(update={"text": said, "citations": citations, "phrased": True})
