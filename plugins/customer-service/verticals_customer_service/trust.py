"""How far an answer can be trusted: the probability that it is right, and the threshold that a precision takes.

An answer is wrong for many reasons, and no single score knows them all: the intent may be unclear, the article far, or
both witnesses at odds. A logistic regression over what they say, fitted on held-out questions whose right answer is
known, makes one probability of it. The threshold for a stated precision is the lowest one at which an exact binomial
bound holds by itself, after selective prediction with guaranteed risk (Geifman and El-Yaniv, NeurIPS 2017). They
correct for looking at many thresholds, which takes more rows than a shop has; here the bound is that of one threshold,
and what it says of the lowest of many is that much weaker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from .answers import Answer
    from .situation import Situation

DOUBT = 0.1  # chance that so few wrong answers are bad luck, for one threshold; of the lowest of many it is larger
FOLDS = 5
FEATURES = (
    "intent", "faq", "confidence", "familiarity", "agreement", "similarity", "own similarity", "lead", "words",
    "relevance", "faq similarity", "faq lead",
)  # fmt: skip
WEIGHED = ("intent", "faq", "passage")
_RIDGE = 1.0  # pull of each weight towards 0: the rows are few
_STEPS = 30


class AnswersCalibrated(BaseModel):
    """Held-out questions were asked, and it was measured how probable each answer was and whether it was right."""

    features: list[str] = Field(description="What the probability is computed from")
    mean: list[float] = Field(description="Of each feature")
    scale: list[float] = Field(description="Of each feature")
    weights: list[float] = Field(description="Of the scaled features, then the offset")
    certainty: list[float] = Field(description="Of each answer given, by a fit that has not seen it")
    right: list[bool] = Field(description="Whether that answer was right")
    asked: int = Field(description="Questions, those that got no answer included")
    answerable: int = Field(description="Those of them that the shop has an answer to")
    untold: int = Field(
        0, description="Questions left out: the FAQ answered, and whether that is right their rows do not tell"
    )
    versions: dict[str, str] = Field(description="Of the heads that answered; empty where none did")
    data: dict[str, str] = Field(description="Versions of the data sets that the questions are from")

    def point(self, precision: float) -> Point | None:
        """Where a precision is kept with most questions answered; `None` where the rows do not carry it."""
        answers = sorted(zip(self.certainty, self.right, strict=True), reverse=True)
        found, wrong = None, 0
        for given, (certainty, right) in enumerate(answers, start=1):
            wrong += not right
            last = given == len(answers) or answers[given][0] < certainty
            if last and promised(given, wrong, precision):
                found = Point(precision, certainty, given, given - wrong, self.asked)
        return found

    def kept(self, precision: float) -> tuple[int, int]:
        """How many answers were given, and right, where each part's threshold was chosen on the other parts."""
        given = right = 0
        for part in range(FOLDS):
            own = [number % FOLDS == part for number in range(len(self.right))]
            others = self.model_copy(
                update={
                    "certainty": [one for one, mine in zip(self.certainty, own, strict=True) if not mine],
                    "right": [one for one, mine in zip(self.right, own, strict=True) if not mine],
                }
            )
            if (point := others.point(precision)) is None:
                continue
            said = [
                one
                for one, certainty, mine in zip(self.right, self.certainty, own, strict=True)
                if mine and certainty >= point.certainty
            ]
            given, right = given + len(said), right + sum(said)
        return given, right


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold and what it gives on the held-out questions.

    Args:
        precision: that is stated.
        certainty: the threshold.
        given, right: answers at or above it.
        asked: questions in all.
    """

    precision: float
    certainty: float
    given: int
    right: int
    asked: int

    @property
    def coverage(self) -> float:
        """Share of the questions that are answered."""
        return self.given / self.asked


@dataclass(frozen=True, slots=True)
class Trust:
    """The fitted probability.

    Args:
        mean, scale: of the features.
        weights: of the scaled features, then the offset.
        read_by: the version of the intent head that it was measured with.
        ranked: whether the head `answer` ranked what was found.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    read_by: str = ""
    ranked: bool = False

    @classmethod
    def of(cls, measured: AnswersCalibrated) -> Trust | None:
        """As it was measured; `None` where that was by other features."""
        if tuple(measured.features) != FEATURES:
            return None
        read_by, ranked = measured.versions.get("intent", ""), bool(measured.versions.get("answer"))
        return cls(tuple(measured.mean), tuple(measured.scale), tuple(measured.weights), read_by, ranked)

    @classmethod
    def fit(cls, rows: Sequence[Sequence[float]], right: Sequence[bool]) -> Trust:
        """Of answers with their features, by penalised maximum likelihood (Newton's method)."""
        given = np.asarray(rows, np.float64)
        mean, scale = given.mean(axis=0), given.std(axis=0)
        scale[scale == 0] = 1.0
        scaled = np.column_stack([(given - mean) / scale, np.ones(len(given))])
        truth = np.asarray(right, np.float64)
        pull = np.full(scaled.shape[1], _RIDGE)
        pull[-1] = 1e-3
        weights = np.zeros(scaled.shape[1])
        for _ in range(_STEPS):
            said = 1 / (1 + np.exp(-scaled @ weights))
            slope = scaled.T @ (said - truth) + pull * weights
            curve = (scaled * (said * (1 - said))[:, None]).T @ scaled + np.diag(pull)
            step = np.linalg.solve(curve, slope)
            weights -= step
            if np.abs(step).max() < 1e-8:
                break
        return cls(tuple(mean.tolist()), tuple(scale.tolist()), tuple(weights.tolist()))

    def measured_as(self, now: Situation) -> bool:
        """Whether a message was read and searched for as those that were measured; else nothing is known of it."""
        ranked = [hit.relevance is not None for hit in now.hits]
        return now.prediction.version == self.read_by and (not ranked or any(ranked) == self.ranked)

    def certainty(self, row: Sequence[float]) -> float:
        """Probability that an answer with these features is right."""
        scaled = [(one - mean) / scale for one, mean, scale in zip(row, self.mean, self.scale, strict=True)]
        told = sum(one * weight for one, weight in zip(scaled, self.weights, strict=False)) + self.weights[-1]
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, told))))


def weighed(answer: Answer) -> bool:
    """Whether an answer has to be certain: small talk does not, nor what goes on with an earlier answer."""
    return answer.rule in WEIGHED and answer.action != "smalltalk"


def features(now: Situation, answer: Answer, agrees: bool) -> list[float]:
    """What speaks for an answer, in the order of `FEATURES`.

    Args:
        now: what it rests on.
        answer: by a known intent, of the FAQ, or of passages.
        agrees: whether the nearest article is one of the intent's own.
    """
    prediction, hits, questions = now.prediction, now.hits, now.faq
    known = answer.rule == "intent"
    cited = answer.citations[0].id if answer.citations else None
    own = next((hit.similarity or 0.0 for hit in (*hits, *questions) if hit.document.id == cited), 0.0)
    best = hits[0] if hits else None
    lead = best.score - hits[1].score if best and len(hits) > 1 else 0.0
    asked = [hit.similarity or 0.0 for hit in questions[:2]]
    return [
        float(known),
        float(answer.rule == "faq"),
        prediction.confidence if known else 0.0,
        prediction.familiarity or 0.0,
        float(agrees),
        best.similarity or 0.0 if best else 0.0,
        own,
        lead,
        float(best is not None and best.lexical_rank == 1),
        best.relevance or 0.0 if best else 0.0,
        asked[0] if asked else 0.0,
        asked[0] - asked[1] if len(asked) > 1 else 0.0,
    ]


def promised(given: int, wrong: int, precision: float) -> bool:
    """Whether so many answers with so many wrong ones bear a precision out, of one threshold: see `DOUBT`.

    That is where, if the precision were lower, so few wrong ones would be seen in one of ten measurements at most
    (Clopper and Pearson, 1934).
    """
    risk = 1 - precision
    if wrong > risk * given:
        return False
    chance = sum(
        math.exp(
            math.lgamma(given + 1) - math.lgamma(number + 1) - math.lgamma(given - number + 1)
            + number * math.log(risk) + (given - number) * math.log(precision)
        )
        for number in range(wrong + 1)
    )  # fmt: skip
    return chance <= DOUBT


def fewest(precision: float) -> int:
    """Answers, all of them right, that it takes to bear a precision out."""
    return math.ceil(math.log(DOUBT) / math.log(precision))


def cross_fitted(rows: Sequence[Sequence[float]], right: Sequence[bool]) -> list[float]:
    """The probability of each answer, by a fit on the other parts of the rows."""
    said = [0.0] * len(rows)
    for part in range(FOLDS):
        others = [number for number in range(len(rows)) if number % FOLDS != part]
        fitted = Trust.fit([rows[number] for number in others], [right[number] for number in others])
        for number in range(part, len(rows), FOLDS):
            said[number] = fitted.certainty(rows[number])
    return said
