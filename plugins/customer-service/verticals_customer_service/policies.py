"""The policy of each language that a shop answers in, as its settings and what was measured make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import templates
from .phrases import Phrases
from .policy import Policy
from .situation import BY_WORDS, Nearness
from .templates import Templates
from .traces import Thresholds
from .trust import AnswersCalibrated, Trust

if TYPE_CHECKING:
    from .settings import Settings


def templates_of(settings: Settings) -> dict[str, Templates]:
    """What a shop says, by language.

    Raises:
        SettingsError: the answer templates cannot be used.
    """
    constants = {"shop_name": settings.shop_name, "support_email": settings.support_email}
    return dict(templates.load_all(settings.templates, constants, settings.language))


def policies_of(
    settings: Settings,
    answers: Mapping[str, Templates],
    phrases: Mapping[str, Phrases],
    measured: AnswersCalibrated | None = None,
) -> dict[str, Policy]:
    """A policy for each language.

    Args:
        settings: the shop's.
        answers: what it says, by language.
        phrases: of languages whose words decide. What was measured says nothing of them: it is of what heads have read.
        measured: how often answers were right.
    """
    point = measured.point(settings.answer_precision) if measured and settings.answer_precision else None
    trust = Trust.of(measured) if measured else None

    def policy(language: str, said: Templates) -> Policy:
        by_words = language in phrases
        thresholds = Thresholds(
            confidence=settings.confidence_threshold,
            similarity=settings.similarity_threshold,
            certainty=point.certainty if point and not by_words else 0.0,
            failures=settings.handover_after,
        )
        return Policy(
            said,
            thresholds,
            settings.handover,
            settings.handover_intent,
            BY_WORDS if by_words else Nearness(),
            None if by_words else trust,
        )

    return {language: policy(language, said) for language, said in answers.items()}
