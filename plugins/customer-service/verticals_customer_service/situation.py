"""All that the policy decides by: what is known of a message, and how near is near enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from verticals import Hit, Prediction, Span

from .answers import Answer
from .emotions import Emotion, Mood
from .matters import Matter


@dataclass(frozen=True)
class Situation:
    """All that an answer depends on.

    Args:
        text: the customer's message.
        prediction: what the intent head says of it.
        hits: the articles that the index finds for it, best first.
        today: the date, for words like "tomorrow".
        previous: the assistant's last answer in this session.
        emotion: what the emotion head says of the message.
        mood: the course of the customer's emotions, this message's last.
        failures: how many answers in a row have not helped, before this one.
        waiting: whether a person has been asked to go on already.
        faq: the questions of the FAQ that the index finds for it, best first.
        spans: what the head `slots` found in the message.
        matters: what the customer wants, in order, where it is several things.
        given: details that the rest of the message gives, where this is one matter of several.
        may_ask: whether the answer may be a question for a detail.
    """

    text: str
    prediction: Prediction
    today: date
    hits: Sequence[Hit] = ()
    previous: Answer | None = None
    emotion: Emotion | None = None
    mood: Mood = field(default_factory=Mood)
    failures: int = 0
    waiting: bool = False
    faq: Sequence[Hit] = ()
    spans: Sequence[Span] = ()
    matters: Sequence[Matter] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    may_ask: bool = True

    def part(self, matter: Matter, **changes: Any) -> Situation:
        """The situation of one matter of the message alone."""
        start, end = matter.span
        inside = tuple(
            replace(span, start=span.start - start, end=span.end - start)
            for span in self.spans
            if start <= span.start and span.end <= end
        )
        text, said = self.text[start:end], matter.prediction
        return replace(
            self, text=text, prediction=said, hits=matter.hits, faq=matter.faq, spans=inside, matters=(), **changes
        )


@dataclass(frozen=True)
class Nearness:
    """How near a question of the FAQ has to be to count as asked.

    The values are set on the development halves of the questions about the FAQ, `BY_WORDS` on the Chinese ones, so that
    as many of the starter's unanswerable questions are declined, and as many messages of a known intent answered from
    their templates, as before the FAQ had other wordings.

    Args:
        instead: least similarity of one that is answered in place of a known intent's template,
        ahead: if it is so much nearer than every article.
        unclear: least similarity of one that is answered where the intent is not known,
        margin: if it is so much nearer than every article.
    """

    instead: float = 0.7
    ahead: float = 0.15
    unclear: float = 0.57
    margin: float = 0.0


BY_WORDS = Nearness(0.5, 0.0, 0.28, 0.0)  # for the likeness of words, where that is all there is; see `phrases`
