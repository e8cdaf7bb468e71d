"""How the customer feels: of one message, and over the conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel, Field

from verticals import Prediction

Feeling = Literal["neutral", "satisfied", "confused", "frustrated", "angry"]
FEELINGS: tuple[Feeling, ...] = get_args(Feeling)
BAD: tuple[Feeling, ...] = ("frustrated", "angry")
# From this probability of neutral on a message counts as neutral, as most are; of the feelings that share the rest the
# likeliest counts, for frustrated and angry are near each other. Chosen on rows the head had not learned from.
NEUTRAL = 0.4
_VALUES: dict[Feeling, float] = {"satisfied": 1.0, "neutral": 0.0, "confused": -0.3, "frustrated": -0.7, "angry": -1.0}
_MEMORY = 0.5  # of the mood so far that is left after one more message


class Emotion(BaseModel):
    """What the head `emotion` says of one message."""

    label: Feeling
    confidence: float = Field(description="Calibrated probability, 0 to 1")

    @classmethod
    def of(cls, prediction: Prediction) -> Emotion:
        """Of a prediction; neutral where the head has met nothing like it, or knows none of these labels."""
        chances = {feeling: chance for feeling, chance in prediction.ranking if feeling in FEELINGS}
        felt = {feeling: chance for feeling, chance in chances.items() if feeling != "neutral"}
        calm = chances.get("neutral", 0.0)
        if prediction.abstained or not felt or calm >= NEUTRAL:
            return cls(label="neutral", confidence=calm)
        label = max(felt, key=felt.__getitem__)
        return cls.model_validate({"label": label, "confidence": felt[label]})


@dataclass(frozen=True)
class Mood:
    """The course of the emotions over a conversation.

    Args:
        course: one feeling per message of the customer, oldest first.
    """

    course: tuple[Feeling, ...] = ()

    @classmethod
    def of(cls, emotions: Iterable[Emotion | None]) -> Mood:
        """Of the customer's messages, oldest first; one without an emotion counts as neutral."""
        return cls(tuple(one.label if one else "neutral" for one in emotions))

    @property
    def score(self) -> float:
        """-1 (angry all along) to 1 (satisfied all along); the latest message weighs as much as all before it."""
        score = 0.0
        for feeling in self.course:
            score = _MEMORY * score + (1 - _MEMORY) * _VALUES[feeling]
        return score

    @property
    def bad_in_a_row(self) -> int:
        """How many of the latest messages were frustrated or angry."""
        count = 0
        for feeling in reversed(self.course):
            if feeling not in BAD:
                break
            count += 1
        return count
