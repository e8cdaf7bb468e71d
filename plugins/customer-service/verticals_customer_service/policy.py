"""What to answer: one pure function from what is known about a message to an answer.

Two witnesses are heard: the intent head says what the customer wants, the index says which article speaks of it. The
head's word counts unless the index has good reason to object; where the head is unsure the index may decide.

In order:

1. The message gives the detail that was just asked for, or nothing but a detail that the last answer can use: the
   question before it is answered.
2. The intent is known: its best template is said, or the template's question is asked, and its article is cited.
3. The intent is not known but an article is near: its passage is quoted, with what others add to it.
4. Neither: the assistant says so, and offers the nearest topics and a person. It never guesses.

Where a precision is stated, what 2 and 3 give is said only if it is probably enough right; else it is as 4.

Whatever comes of it, a person is asked to go on where the customer wants one, where answers have failed several times,
and where the customer stays angry; `handover.py` has these rules. Who is confused or upset is answered in fewer words,
with what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from verticals import Hit, Prediction

from . import composing, handover, passages, slots
from .answers import Answer, Ranked
from .emotions import Emotion, Mood
from .handover import HUMAN
from .templates import Template, Templates
from .traces import Thresholds
from .trust import Trust, features, weighed

BARE = 3  # words at most of a message that is a detail and no more
RANKED = 5  # intents shown with an answer
SHORT = 200  # characters of an answer to who is confused or upset, if its first sentence is not longer
OFFERED = 3  # topics offered when there is no answer
# Details that stay true for the whole conversation; a date or a sum belongs to the question it came with.
LASTING = ("order_number", "email")
# Set by hand on the development questions of the tests; "How well it answers" in the README has the held-out figures.
STRANGE = 0.6  # familiarity plus similarity below this: neither witness has met anything like it
SURE = 0.95  # from this confidence on the head's word counts without support
OUTVOTED = 0.8  # below this confidence an index that is sure of another article decides
CLEAR = 0.45  # from this similarity on the nearest article counts as sure
RELATED = 0.6  # an article as similar as this is cited beside the intent's own

_DOES_NOT_KNOW = re.compile(
    r"\b(?:no|nope|none|not|don'?t|dont|can'?t|cannot|never|haven'?t|without|lost|unsure|idea|unknown)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Situation:
    """All that an answer depends on.

    Args:
        text: the customer's message.
        prediction: what the intent head says of it.
        hits: what the index finds for it, best first.
        today: the date, for words like "tomorrow".
        previous: the assistant's last answer in this session.
        emotion: what the emotion head says of the message.
        mood: the course of the customer's emotions, this message's last.
        failures: how many answers in a row have not helped, before this one.
        waiting: whether a person has been asked to go on already.
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


@dataclass(frozen=True)
class Policy:
    """How a shop answers.

    Args:
        templates: what it says per intent.
        thresholds: where it draws its lines.
        handover: whether there are people to hand over to.
        human: the intent of who wants one.
        trust: how probable it is that an answer is right, where that was measured.
    """

    templates: Templates
    thresholds: Thresholds = field(default_factory=Thresholds)
    handover: bool = True
    human: str = HUMAN
    trust: Trust | None = None

    def answer(self, now: Situation) -> Answer:
        """The answer to one message; see the module for the order of the rules."""
        answer = self._trusted(now, self._answered(now))
        if not self.handover:
            return answer
        limit = self.thresholds.failures
        if rule := handover.rule(now, answer, self._certain(now), limit, self.human):
            said = self.templates.say(handover.words(rule))
            return self._answer(now, text=said, action="handover", rule=rule, slots=answer.slots)
        return answer

    def agrees(self, now: Situation) -> bool:
        """Whether the nearest article is one of the intent's own."""
        articles = {template.article for template in self.templates.of(now.prediction.label)}
        return bool(now.hits) and now.hits[0].document.id in articles

    def _trusted(self, now: Situation, answer: Answer) -> Answer:
        """The answer with the probability that it is right; none in its place where that is too low."""
        if self.trust is None or not weighed(answer):
            return answer
        certainty = self.trust.certainty(features(now, answer, self.agrees(now)))
        if certainty < self.thresholds.certainty:
            answer = self._abstained(now, answer.slots).model_copy(update={"rule": "doubt"})
        return answer.model_copy(update={"certainty": certainty})

    def _answered(self, now: Situation) -> Answer:
        asked = self._open_question(now.previous)
        found = slots.find(now.text, now.today, expected=asked.slots if asked else ())
        known = self._known_slots(now, asked, found)
        if asked and (answer := self._resumed(now, asked, found, known)):
            return answer
        if found and (template := self._continued(now, found, known)):
            return self._said(_about(now), template, known, "completed")
        if self._certain(now) and (template := self._best(now, found, known)):
            return self._said(now, template, known, "intent")
        if now.hits and (now.hits[0].similarity or 0.0) >= self.thresholds.similarity:
            return self._composed(now, known)
        return self._abstained(now, known)

    # 1. An open question

    def _open_question(self, previous: Answer | None) -> Template | None:
        return self.templates.named(previous.template_id) if previous and previous.action == "ask" else None

    def _known_slots(self, now: Situation, asked: Template | None, found: Mapping[str, str]) -> dict[str, str]:
        before = now.previous.slots if now.previous else {}
        same_matter = asked is not None or (now.previous and now.previous.intent == now.prediction.label)
        kept = {name: value for name, value in before.items() if same_matter or name in LASTING}
        return {**kept, **found}

    def _resumed(
        self, now: Situation, asked: Template, found: Mapping[str, str], known: Mapping[str, str]
    ) -> Answer | None:
        """The answer to the question that was open, if the message gives the detail or says that it cannot."""
        gives = any(slot in found for slot in asked.slots)
        words = len(now.text.split())
        another = now.prediction.label != asked.intent and self._certain(now) and words > (8 if gives else 3)
        declines = words <= 12 and bool(_DOES_NOT_KNOW.search(now.text))
        if another or not (gives or declines):
            return None
        now = _about(now)
        if gives and not asked.missing(known):
            return self._said(now, asked, known, "detail")
        general = [t for t in self.templates.of(asked.intent) if not t.missing(known)]
        general.sort(key=lambda template: template.article != asked.article)
        return self._said(now, general[0], known, "detail") if general else None

    def _continued(self, now: Situation, found: Mapping[str, str], known: Mapping[str, str]) -> Template | None:
        """For a message that is a detail and no more: the last answer's template that the detail completes."""
        if now.previous is None or now.previous.action != "answer" or len(now.text.split()) > BARE:
            return None
        group = self.templates.of(now.previous.intent)
        return next((t for t in group if not t.missing(known) and any(slot in found for slot in t.slots)), None)

    # 2. A known intent

    def _certain(self, now: Situation) -> bool:
        """Whether the intent may be taken as known: the head is sure, or it is half sure and the index agrees."""
        prediction = now.prediction
        best = now.hits[0] if now.hits else None
        near = (best.similarity or 0.0) if best else 0.0
        if prediction.abstained or prediction.label is None:
            return False
        if prediction.confidence < SURE and (prediction.familiarity or 1.0) + near < STRANGE:
            return False
        articles = {template.article for template in self.templates.of(prediction.label)}
        own = best is not None and best.document.id in articles
        if prediction.confidence < self.thresholds.confidence:
            return own and prediction.confidence >= self.thresholds.confidence / 2
        clear = best is not None and best.dense_rank == 1 and near >= CLEAR
        return own or not clear or prediction.confidence >= OUTVOTED

    def _best(self, now: Situation, found: Mapping[str, str], known: Mapping[str, str]) -> Template | None:
        """Of the intent's templates: of the nearest article, the one that uses most of what the customer gave."""
        group = self.templates.of(now.prediction.label)
        if not group:
            return None
        nearness = {hit.document.id: hit.similarity or 0.0 for hit in now.hits}
        article = max((t.article for t in group), key=lambda name: nearness.get(name or "", 0.0))
        group = tuple(template for template in group if template.article == article)
        personal = [
            template
            for template in group
            if not template.missing(known) and any(slot in found or slot == "order_number" for slot in template.slots)
        ]
        return max(personal, key=lambda template: len(template.slots)) if personal else group[0]

    def _said(self, now: Situation, template: Template, known: Mapping[str, str], rule: str) -> Answer:
        missing = template.missing(known)
        text = self.templates.say(template.ask if missing else template.text, known)
        if template.article and not missing:
            text = self._in_short(now, text, template, known)
        action = "ask" if missing else "answer" if template.article else "smalltalk"
        own = [hit for hit in now.hits if hit.document.id == template.article]
        related = [hit for hit in now.hits[:1] if (hit.similarity or 0.0) >= RELATED and hit not in own]
        cited = [passages.evidence(hit.document, hit.span, hit.similarity) for hit in own + related if own]
        return self._answer(
            now, text=text, action=action, rule=rule, template_id=template.id, citations=cited, slots=dict(known)
        )

    def _in_short(self, now: Situation, text: str, template: Template, known: Mapping[str, str]) -> str:
        """For who is confused or upset: fewer words, and what to do next."""
        if now.emotion is None or now.emotion.label not in ("confused", "frustrated", "angry"):
            return text
        wanted = next((t for t in self.templates.of(template.intent) if "order_number" in t.missing(known)), None)
        if wanted and not template.slots:
            step = "Next step: tell me your order number, and I can be exact."
        elif self.handover:
            step = "Next step: if that does not settle it, write “human”, and a colleague takes over here."
        else:
            step = self.templates.say("Next step: if that does not settle it, write to {support_email}.")
        return f"{passages.shortened(text, SHORT)}\n\n{step}"

    # 3. Near articles

    def _composed(self, now: Situation, known: Mapping[str, str]) -> Answer:
        near = [hit for hit in now.hits if (hit.similarity or 0.0) >= self.thresholds.similarity]
        said = composing.compose(now.text, near)
        cited = list(said.citations)
        return self._answer(now, text=said.text, action="search", rule="passage", citations=cited, slots=dict(known))

    # 4. No answer

    def _abstained(self, now: Situation, known: Mapping[str, str]) -> Answer:
        text = self.templates.say(
            "I'm sorry, I don't have an answer to that. You could put it in other words, choose one of the nearest "
            "topics, or write to {support_email}, where a person reads it."
        )
        topics = self._topics(now)
        return self._answer(now, text=text, action="abstain", rule="nothing", topics=topics, slots=dict(known))

    def _topics(self, now: Situation) -> list[str]:
        """The nearest intents that an article can speak to."""
        return [
            label
            for label, _ in now.prediction.ranking
            if any(template.article for template in self.templates.of(label)) or not self.templates.of(label)
        ][:OFFERED]

    def _answer(self, now: Situation, **fields: object) -> Answer:
        prediction = now.prediction
        ranking = [Ranked(label=label, probability=p) for label, p in prediction.ranking[:RANKED]]
        return Answer.model_validate(
            {
                "intent": prediction.label,
                "confidence": prediction.confidence,
                "ranking": ranking,
                "oos_score": _out_of_scope(prediction),
                "emotion": now.emotion,
                "version": prediction.version,
                **fields,
            }
        )


def _about(now: Situation) -> Situation:
    """The situation with the intent that the open question is about: an order number alone has none of its own."""
    before = now.previous
    if before is None:
        return now
    ranking = tuple((one.label, one.probability) for one in before.ranking)
    known = Prediction(
        before.intent, before.confidence, ranking, familiarity=now.prediction.familiarity, version=before.version
    )
    return replace(now, prediction=known)


def _out_of_scope(prediction: Prediction) -> float | None:
    if prediction.familiarity is None:
        return None
    return min(1.0, max(0.0, 1 - prediction.familiarity))
