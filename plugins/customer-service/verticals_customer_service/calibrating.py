"""Measuring answers on held-out questions, so that a precision can be stated.

Asked are the rows of `utterances` and `answers` that no head was trained on, and all of `unanswerable`, which none
learns from. Each is asked as one matter. An answer is right where it is of the row's own intent, or cites a document
that has the row's answer; what is not answerable should get none. A question of an article that the FAQ answers may be
answered rightly all the same: the row does not tell, so it is left out. Left out are also questions that stand word for
word as a title in the index, for finding them proves nothing, and those in languages whose words decide, for no head
reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from verticals import BadInput, Evidence

from .answers import Answer
from .data import FAQ, plain
from .finding import RANKER, among_articles, among_questions
from .greetings import without_greeting
from .languages import detect
from .phrases import by_language
from .policies import policies_of, templates_of
from .policy import Policy
from .precision import KIND, live_versions
from .situation import Situation
from .trust import FEATURES, FOLDS, AnswersCalibrated, Trust, cross_fitted, features, weighed

if TYPE_CHECKING:
    from verticals import Vertical

HELD_OUT = ("validation", "test")
_SETS = ("utterances", "answers", "unanswerable")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose right answer is known.

    Args:
        text: of the question.
        intent: of the row, where it has one.
        answer: the passage that answers it, where the row has one; neither: there is no answer.
        frequent: whether that passage is an answer of the FAQ.
    """

    text: str
    intent: str | None = None
    answer: str | None = None
    frequent: bool = False

    def answered_by(self, answer: Answer, policy: Policy) -> bool | None:
        """Whether an answer is right; `None` where the row does not tell."""
        if self.answer is not None and any(_has(cited, self.answer) for cited in answer.citations):
            return True
        if self.intent is not None:
            if answer.rule == "intent":
                return answer.intent == self.intent
            own = {template.article for template in policy.templates.of(self.intent)}
            if any(cited.id in own or cited.id == f"learned-{self.intent}" for cited in answer.citations):
                return True
        answerable = self.intent is not None or (self.answer is not None and not self.frequent)
        return None if answer.rule == "faq" and answerable else False


def held_out(vertical: Vertical) -> list[Asked]:
    """The questions to ask, each once."""
    policies, by_words = _policies(vertical)
    policy = policies[vertical.settings.language]
    titles, frequent = set(), set()
    for document in vertical.index("knowledge").every():
        titles.add(plain(document.title))
        if document.metadata.get("kind") == FAQ:
            frequent.add(plain(document.text))
    found: dict[str, Asked] = {}
    for row in vertical.dataset("utterances").current().iterate():
        known = policy.templates.of(row["intent"])
        if row["split"] in HELD_OUT and (not known or any(template.article for template in known)):
            found.setdefault(plain(row["text"]), Asked(row["text"], intent=row["intent"]))
    for row in vertical.dataset("answers").current().iterate():
        if row["split"] in HELD_OUT:
            answer = row["answer"]
            asked = Asked(row["question"], answer=answer, frequent=plain(answer) in frequent)
            found.setdefault(plain(row["question"]), asked)
    for row in vertical.dataset("unanswerable").current().iterate():
        found.setdefault(plain(row["text"]), Asked(row["text"]))
    read = (asked for known, asked in found.items() if known not in titles)
    return [asked for asked in read if detect(asked.text, policies) not in by_words]


def calibrate(vertical: Vertical, progress: Callable[[int, int], None] | None = None) -> AnswersCalibrated:
    """Ask what is held out, measure, and write it down as an event.

    Args:
        vertical: the customer-service vertical.
        progress: told how many of how many questions were asked.

    Raises:
        Unavailable: no version of the head `intent` is live.
        BadInput: there are too few answers, or none of them is wrong or right, to fit anything.
    """
    policies, _ = _policies(vertical)
    live = live_versions(vertical)
    questions = held_out(vertical)
    answerable = untold = 0
    rows, right = [], []
    for number, (asked, language, now) in enumerate(_situations(vertical, questions, policies, live), start=1):
        policy = policies[language]
        answer = policy.answer(now)
        if progress:
            progress(number, len(questions))
        if weighed(answer):
            if (is_right := asked.answered_by(answer, policy)) is None:
                untold += 1
                continue
            rows.append(features(now, answer, policy.agrees(now)))
            right.append(is_right)
        answerable += asked.intent is not None or asked.answer is not None
    if len(rows) < 2 * FOLDS or len(set(right)) < 2:
        raise BadInput(
            f"Of {len(questions):,} held-out questions {len(rows):,} got an answer, {sum(right):,} of them the right "
            "one: too little to measure by.",
            "Import more rows into the data sets utterances, answers and unanswerable, with --split test.",
        )
    fitted = Trust.fit(rows, right)
    measured = AnswersCalibrated(
        features=list(FEATURES), mean=list(fitted.mean), scale=list(fitted.scale), weights=list(fitted.weights),
        certainty=cross_fitted(rows, right), right=right, asked=len(questions) - untold, answerable=answerable,
        untold=untold, versions=live, data={name: vertical.dataset(name).current().version for name in _SETS},
    )  # fmt: skip
    vertical.events.append(KIND, measured)
    return measured


def _policies(vertical: Vertical) -> tuple[dict[str, Policy], Collection[str]]:
    """The policies that answer here, which ask nobody to go on; and the languages whose words decide."""
    answers = templates_of(vertical.settings)
    phrases = by_language(vertical.dataset("phrases").current().iterate(), answers)
    policies = policies_of(vertical.settings, answers, phrases)
    return {language: replace(policy, handover=False) for language, policy in policies.items()}, phrases


def _situations(
    vertical: Vertical, questions: list[Asked], policies: Collection[str], live: Mapping[str, str]
) -> Iterator[tuple[Asked, str, Situation]]:
    """Each question, the language it is answered in, and what head and index say of it."""
    index, today, default = vertical.index("knowledge"), datetime.now(UTC).date(), vertical.settings.language
    version = "live" if live[RANKER] else ""
    texts = [without_greeting(asked.text) for asked in questions]
    for asked, text, prediction in zip(questions, texts, vertical.head("intent").predict(texts), strict=True):
        language = detect(asked.text, policies) or default
        for searched in dict.fromkeys((language, default)):
            hits = index.search(text, **among_articles(searched, version))
            faq = index.search(text, **among_questions(searched))
            if hits or faq:
                break
        yield asked, language, Situation(asked.text, prediction, today, hits, faq=faq)


def _has(cited: Evidence, answer: str) -> bool:
    return plain(answer) in plain(cited.text)
