"""What to answer: one pure function from what is known about a message to an answer.

Two witnesses are heard: the intent head says what the customer wants, the index says which article speaks of it. The
head's word counts unless the index has good reason to object; where the head is unsure the index may decide.

In order:

1. The message gives the detail that was just asked for, or nothing but a detail that the last answer can use: the
   question before it is answered.
2. The intent is known: its best template is said, or the template's question is asked, and its article is cited.
3. The message asks what the FAQ answers: that answer is said; before a template only where it is clearly that question.
4. The intent is not known but an article is near: its passage is quoted, with what others add to it.
5. None of these: the assistant says so, and offers the nearest topics and a person. It never guesses.

A message of several matters gets one answer of several parts, each by these rules, in the order of the message; a
detail is asked for once at most.

Where a precision is stated, what 2, 3 and 4 give is said only if it is probably enough right; else it is as 5.

Whatever comes of it, a person is asked to go on where the customer wants one, where answers have failed several times,
and where the customer stays angry; `handover.py` has these rules. Who is confused or upset is answered in fewer words,
with what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from verticals import Evidence, Hit, Prediction

from . import composing, handover, passages, slots
from .answers import Answer, Part, Ranked
from .composing import Composed
from .emotions import Emotion
from .handover import HUMAN
from .languages import length
from .matters import Place
from .situation import Nearness, Situation
from .templates import Template, Templates
from .traces import Thresholds
from .trust import Trust, features, weighed

BARE = 3  # words at most of a message that is a detail and no more
RANKED = 5  # intents shown with an answer
SHORT = 200  # characters of an answer to who is confused or upset, if its first sentence is not longer
OFFERED = 3  # topics offered when there is no answer
_UNDERSTOOD = ("detail", "completed", "intent")  # rules by which the intent counts as known
# Details that stay true for the whole conversation; a date or a sum belongs to the question it came with.
LASTING = ("order_number", "email")
# Set by hand on the development questions of the tests; "How well it answers" in the README has the held-out figures.
STRANGE = 0.6  # familiarity plus similarity below this: neither witness has met anything like it
SURE = 0.95  # from this confidence on the head's word counts without support
OUTVOTED = 0.8  # below this confidence an index that is sure of another article decides
CLEAR = 0.45  # from this similarity on the nearest article counts as sure
RELATED = 0.6  # an article as similar as this is cited beside the intent's own

_DOES_NOT_KNOW = re.compile(
    r"\b(?:no|nope|none|not|don'?t|dont|can'?t|cannot|never|haven'?t|without|lost|unsure|idea|unknown)\b"
    r"|没有|不知道|不记得|不清楚|忘了|找不到",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Policy:
    """How a shop answers.

    Args:
        templates: what it says per intent, in one language.
        thresholds: where it draws its lines.
        handover: whether there are people to hand over to.
        human: the intent of who wants one.
        nearness: when a question of the FAQ is taken as asked.
        trust: how probable it is that an answer is right, where that was measured.
    """

    templates: Templates
    thresholds: Thresholds = field(default_factory=Thresholds)
    handover: bool = True
    human: str = HUMAN
    nearness: Nearness = field(default_factory=Nearness)
    trust: Trust | None = None

    def answer(self, now: Situation) -> Answer:
        """The answer to one message; see the module for the order of the rules."""
        return self.joined(now, self.parts(now))

    def parts(self, now: Situation) -> list[tuple[Place, Answer]]:
        """The answers to the matters of a message, each with where it speaks of it; one where it is one matter."""
        before = now.previous.slots if now.previous else {}
        known = {**before, **slots.find(now.text, now.today, spans=now.spans)} if now.matters else {}
        given = {name: value for name, value in known.items() if name in LASTING}
        parts: list[tuple[Place, Answer]] = []
        for place, matter in enumerate(now.matters):
            part = now.part(
                matter,
                given=given,
                previous=now.previous if place == 0 else None,
                may_ask=not any(one.action == "ask" for _, one in parts),
            )
            answer = self._trusted(part, self._answered(part))
            if answer.action != "abstain":
                parts.append((matter.span, answer))
        return parts if len(parts) > 1 else [((0, len(now.text)), self._trusted(now, self._answered(now)))]

    def joined(self, now: Situation, parts: Sequence[tuple[Place, Answer]]) -> Answer:
        """One answer to a message of the ``parts`` that answer its matters; a handover where a person is to go on."""
        answer = self._whole(now, parts)
        if not self.handover:
            return answer
        several = len(parts) > 1
        wanted = any(one.intent == self.human for _, one in parts) if several else self._wants_human(now)
        rule = handover.rule(now, answer, wanted, self.thresholds.failures)
        if rule is None:
            return answer
        said, cited = list[str](), list[Evidence]()
        if several and rule == "asked":  # the rest of the message is answered all the same
            rest = (one for _, one in parts if one.action in ("answer", "search") and one.intent != self.human)
            said, cited = composing.gathered([(one.text, one.citations) for one in rest])
        text = "\n\n".join([*said, self.templates.said(f"handover_{rule}")])
        known, understood = answer.slots, answer.intents
        return self._answer(
            now, text=text, action="handover", rule=rule, citations=cited, slots=known, intents=understood
        )

    def _whole(self, now: Situation, parts: Sequence[tuple[Place, Answer]]) -> Answer:
        """One answer of all parts; whose detail it asks for, or else the first, is what it is about."""
        answers = [one for _, one in parts]
        main = next((one for one in answers if one.action == "ask"), answers[0])
        first = next((one for one in answers if one.action == "answer"), None)
        next_step = self._next_step(first) if first and _short(now.emotion) else ""
        said = [
            (passages.shortened(one.text, SHORT) if next_step and one.action == "answer" else one.text, one.citations)
            for one in answers
        ]
        # A single answer from a template is its article's as a whole: there is nothing to tell apart by a number.
        texts, cited = composing.gathered(said) if len(said) > 1 else ([said[0][0]], said[0][1])
        texts += [next_step] if next_step else []
        certain = min((one.certainty for one in answers if one.certainty is not None), default=None)
        return main.model_copy(
            update={
                "text": "\n\n".join(texts),
                "citations": cited,
                "slots": {name: value for one in answers for name, value in one.slots.items()},
                "intents": [_part(span, one) for span, one in parts if len(parts) > 1 or one.rule in _UNDERSTOOD],
                "certainty": certain,
                "phrased": any(one.phrased for one in answers),
            }
        )

    def agrees(self, now: Situation) -> bool:
        """Whether the nearest article is one of the intent's own."""
        articles = {template.article for template in self.templates.of(now.prediction.label)}
        return bool(now.hits) and now.hits[0].document.id in articles

    def _trusted(self, now: Situation, answer: Answer) -> Answer:
        """The answer with the probability that it is right; none in its place where that is too low."""
        if self.trust is None or not weighed(answer) or not self.trust.measured_as(now):
            return answer
        certainty = self.trust.certainty(features(now, answer, self.agrees(now)))
        if certainty < self.thresholds.certainty:
            answer = self._abstained(now, answer.slots).model_copy(update={"rule": "doubt"})
        return answer.model_copy(update={"certainty": certainty})

    def _answered(self, now: Situation) -> Answer:
        asked = self._open_question(now.previous)
        found = slots.find(now.text, now.today, expected=asked.slots if asked else (), spans=now.spans)
        known = self._known_slots(now, asked, found)
        if asked and (answer := self._resumed(now, asked, found, known)):
            return answer
        if found and (template := self._continued(now, found, known)):
            return self._said(_about(now), template, known, "completed")
        template = self._best(now, found, known) if self._certain(now) else None
        if "order_number" not in found and (hit := self._frequent(now, template)):
            return self._frequently_asked(now, hit, known)
        if template:
            return self._said(now, template, known, "intent")
        if now.hits and (now.hits[0].similarity or 0.0) >= self.thresholds.similarity:
            return self._near(now, known)
        return self._abstained(now, known)

    # 1. An open question

    def _open_question(self, previous: Answer | None) -> Template | None:
        return self.templates.named(previous.template_id) if previous and previous.action == "ask" else None

    def _known_slots(self, now: Situation, asked: Template | None, found: Mapping[str, str]) -> dict[str, str]:
        before = now.previous.slots if now.previous else {}
        same_matter = asked is not None or (now.previous and now.previous.intent == now.prediction.label)
        kept = {name: value for name, value in before.items() if same_matter or name in LASTING}
        return {**kept, **now.given, **found}

    def _resumed(
        self, now: Situation, asked: Template, found: Mapping[str, str], known: Mapping[str, str]
    ) -> Answer | None:
        """The answer to the question that was open, if the message gives the detail or says that it cannot."""
        gives = any(slot in found for slot in asked.slots)
        words = length(now.text)
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
        if now.previous is None or now.previous.action != "answer" or length(now.text) > BARE:
            return None
        group = self.templates.of(now.previous.intent)
        return next((t for t in group if not t.missing(known) and any(slot in found for slot in t.slots)), None)

    # 2. A known intent

    def _wants_human(self, now: Situation) -> bool:
        return now.prediction.label == self.human and self._certain(now)

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
        nearness = {hit.document.id: hit.similarity or 0.0 for hit in (*now.faq, *now.hits)}
        article = max((t.article for t in group), key=lambda name: nearness.get(name or "", 0.0))
        group = tuple(template for template in group if template.article == article)
        personal = [
            template
            for template in group
            if not template.missing(known) and any(slot in found or slot == "order_number" for slot in template.slots)
        ]
        if personal:
            return max(personal, key=lambda template: len(template.slots))
        open_to_all = (template for template in group if not template.missing(known))
        return group[0] if now.may_ask else next(open_to_all, group[0])

    def _said(self, now: Situation, template: Template, known: Mapping[str, str], rule: str) -> Answer:
        missing = template.missing(known)
        text = self.templates.say(template.ask if missing else template.text, known)
        action = "ask" if missing else "answer" if template.article else "smalltalk"
        own = [hit for hit in (*now.hits, *now.faq) if hit.document.id == template.article]
        related = [hit for hit in now.hits[:1] if (hit.similarity or 0.0) >= RELATED and hit not in own]
        cited = [passages.evidence(hit.document, hit.span, hit.similarity) for hit in own + related if own]
        return self._answer(
            now, text=text, action=action, rule=rule, template_id=template.id, citations=cited, slots=dict(known)
        )

    def _next_step(self, answer: Answer) -> str:
        """What to do next, for who is confused or upset."""
        template = self.templates.named(answer.template_id)
        others = self.templates.of(template.intent) if template and not template.slots else ()
        if any("order_number" in other.missing(answer.slots) for other in others):
            return self.templates.said("next_number")
        return self.templates.said("next_person" if self.handover else "next_mail")

    # 3. The FAQ

    def _frequent(self, now: Situation, template: Template | None) -> Hit | None:
        """The question of the FAQ that is asked, if one is."""
        best = now.faq[0] if now.faq else None
        near = (best.similarity or 0.0) if best else 0.0
        article = (now.hits[0].similarity or 0.0) if now.hits else 0.0
        if template:
            if best is None or best.document.id == template.article:
                return None
            return best if near >= max(self.nearness.instead, article + self.nearness.ahead) else None
        return best if near >= max(self.nearness.unclear, article + self.nearness.margin) else None

    def _frequently_asked(self, now: Situation, hit: Hit, known: Mapping[str, str]) -> Answer:
        return self._cited(now, composing.whole(hit), "faq", known)

    # 4. Near articles

    def _near(self, now: Situation, known: Mapping[str, str]) -> Answer:
        near = [hit for hit in now.hits if (hit.similarity or 0.0) >= self.thresholds.similarity]
        return self._cited(now, composing.compose(now.text, near), "passage", known)

    def _cited(self, now: Situation, said: Composed, rule: str, known: Mapping[str, str]) -> Answer:
        cited = list(said.citations)
        return self._answer(now, text=said.text, action="search", rule=rule, citations=cited, slots=dict(known))

    # 5. No answer

    def _abstained(self, now: Situation, known: Mapping[str, str]) -> Answer:
        text = self.templates.said("abstain")
        topics = self._topics(now)
        offers = [self.templates.topic(topic) for topic in topics]
        return self._answer(
            now, text=text, action="abstain", rule="nothing", topics=topics, offers=offers, slots=dict(known)
        )

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
                "language": self.templates.language,
                **fields,
            }
        )


def _short(emotion: Emotion | None) -> bool:
    """Whether the answer should be a short one."""
    return emotion is not None and emotion.label in ("confused", "frustrated", "angry")


def _part(span: Place, answer: Answer) -> Part:
    return Part(
        intent=answer.intent,
        probability=answer.confidence,
        span=span,
        action=answer.action,
        template_id=answer.template_id,
        citations=list(dict.fromkeys(item.id for item in answer.citations)),
        slots=answer.slots,
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
