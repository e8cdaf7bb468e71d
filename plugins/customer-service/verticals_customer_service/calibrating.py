"""Measuring answers on held-out questions, so that a precision can be stated.

Asked are the rows of `utterances` and `answers` that no head was trained on, and all of `unanswerable`, which none
learns from. An answer is right where it is of the row's own intent, or cites a document that has the row's answer;
what is not answerable should get none. Questions that stand word for word as a title in the index are left out:
finding them proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from verticals import BadInput, Evidence

from . import templates
from .answering import HITS, ranked
from .answers import Answer
from .data import plain
from .greetings import without_greeting
from .policy import Policy, Situation
from .traces import Thresholds
from .trust import FEATURES, FOLDS, AnswersCalibrated, Trust, cross_fitted, features, fewest, weighed

if TYPE_CHECKING:
    from verticals import ServedVertical, Vertical

    from .settings import Settings

KIND = "answers-calibrated"
HELD_OUT = ("validation", "test")
_SETS = ("utterances", "answers", "unanswerable")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose right answer is known.

    Args:
        text: of the question.
        intent: of the row, where it has one.
        answer: the passage that answers it, where the row has one; neither: there is no answer.
    """

    text: str
    intent: str | None = None
    answer: str | None = None

    def answered_by(self, answer: Answer, policy: Policy) -> bool:
        """Whether an answer is right."""
        if self.intent is not None:
            if answer.rule == "intent":
                return answer.intent == self.intent
            own = {template.article for template in policy.templates.of(self.intent)}
            return any(cited.id in own or cited.id == f"learned-{self.intent}" for cited in answer.citations)
        return self.answer is not None and any(_has(cited, self.answer) for cited in answer.citations)


def policy_of(settings: Settings, measured: AnswersCalibrated | None = None) -> Policy:
    """The policy that a shop's settings make.

    Raises:
        SettingsError: the answer templates cannot be used.
    """
    constants = {"shop_name": settings.shop_name, "support_email": settings.support_email}
    point = measured.point(settings.answer_precision) if measured and settings.answer_precision else None
    thresholds = Thresholds(
        confidence=settings.confidence_threshold,
        similarity=settings.similarity_threshold,
        certainty=point.certainty if point else 0.0,
        failures=settings.handover_after,
    )
    trust = Trust.of(measured) if measured else None
    answers = templates.load(settings.templates, constants)
    return Policy(answers, thresholds, settings.handover, settings.handover_intent, trust)


def held_out(vertical: Vertical) -> list[Asked]:
    """The questions to ask, each once."""
    policy = policy_of(vertical.settings)
    titles = {plain(document.title) for document in vertical.index("knowledge").every()}
    found: dict[str, Asked] = {}
    for row in vertical.dataset("utterances").current().iterate():
        known = policy.templates.of(row["intent"])
        if row["split"] in HELD_OUT and (not known or any(template.article for template in known)):
            found.setdefault(plain(row["text"]), Asked(row["text"], intent=row["intent"]))
    for row in vertical.dataset("answers").current().iterate():
        if row["split"] in HELD_OUT:
            found.setdefault(plain(row["question"]), Asked(row["question"], answer=row["answer"]))
    for row in vertical.dataset("unanswerable").current().iterate():
        found.setdefault(plain(row["text"]), Asked(row["text"]))
    return [asked for known, asked in found.items() if known not in titles]


def calibrate(vertical: Vertical, progress: Callable[[int, int], None] | None = None) -> AnswersCalibrated:
    """Ask what is held out, measure, and write it down as an event.

    Args:
        vertical: the customer-service vertical.
        progress: told how many of how many questions were asked.

    Raises:
        Unavailable: no version of the head `intent` is live.
        BadInput: there are too few answers, or none of them is wrong or right, to fit anything.
    """
    policy = replace(policy_of(vertical.settings), handover=False)
    questions = held_out(vertical)
    rows, right = [], []
    for number, (asked, now) in enumerate(_situations(vertical, questions), start=1):
        answer = policy.answer(now)
        if weighed(answer):
            rows.append(features(now, answer, policy.agrees(now)))
            right.append(asked.answered_by(answer, policy))
        if progress:
            progress(number, len(questions))
    if len(rows) < 2 * FOLDS or len(set(right)) < 2:
        raise BadInput(
            f"Of {len(questions):,} held-out questions {len(rows):,} got an answer, {sum(right):,} of them the right "
            "one: too little to measure by.",
            "Import more rows into the data sets utterances, answers and unanswerable, with --split test.",
        )
    fitted = Trust.fit(rows, right)
    live = {name: vertical.head(name).live for name in ("intent", "answer")}
    measured = AnswersCalibrated(
        features=list(FEATURES), mean=list(fitted.mean), scale=list(fitted.scale), weights=list(fitted.weights),
        certainty=cross_fitted(rows, right), right=right, asked=len(questions),
        answerable=sum(asked.intent is not None or asked.answer is not None for asked in questions),
        versions={name: record.version if record else "" for name, record in live.items()},
        data={name: vertical.dataset(name).current().version for name in _SETS},
    )  # fmt: skip
    vertical.events.append(KIND, measured)
    return measured


def unkept(measured: AnswersCalibrated | None, precision: float) -> str:
    """Why a precision is not kept, and what to do; empty where it is."""
    if measured is None:
        return "it was not measured yet. Run: platform customer-service calibrate"
    if Trust.of(measured) is None:
        return "it was measured by another release. Run: platform customer-service calibrate"
    if measured.point(precision) is not None:
        return ""
    given, right = len(measured.right), sum(measured.right)
    if given < fewest(precision):
        return (
            f"{given:,} held-out questions got an answer, and {precision:.0%} takes {fewest(precision):,}, even if all "
            "are right. Import more rows with --split test, then calibrate again."
        )
    return (
        f"of {given:,} held-out answers {right:,} are right, and no part of them is surely right often enough. Import "
        "more rows with --split test, improve what answers wrongly, or state a lower precision."
    )


async def newest(vertical: ServedVertical) -> AnswersCalibrated | None:
    """The newest measurement, while the vertical serves; `None` where there was none."""
    found, after = None, 0
    while page := await vertical.events.read(after=after, limit=_PAGE, kinds=[KIND]):
        found, after = page[-1], page[-1].offset
    return AnswersCalibrated.model_validate(found.payload) if found else None


def latest(vertical: Vertical) -> AnswersCalibrated | None:
    """The newest measurement; `None` where there was none."""
    found, after = None, 0
    while page := vertical.events.read(after=after, limit=_PAGE, kinds=[KIND]):
        found, after = page[-1], page[-1].offset
    return AnswersCalibrated.model_validate(found.payload) if found else None


def _situations(vertical: Vertical, questions: list[Asked]) -> Iterator[tuple[Asked, Situation]]:
    """Each question, with what head and index say of it."""
    index, today = vertical.index("knowledge"), datetime.now(UTC).date()
    options = ranked("live" if vertical.head("answer").live else "")
    texts = [without_greeting(asked.text) for asked in questions]
    for asked, text, prediction in zip(questions, texts, vertical.head("intent").predict(texts), strict=True):
        yield asked, Situation(asked.text, prediction, today, index.search(text, k=HITS, **options))


def _has(cited: Evidence, answer: str) -> bool:
    return plain(answer) in plain(cited.text)
