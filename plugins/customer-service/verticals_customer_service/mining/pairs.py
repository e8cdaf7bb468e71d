"""Questions and the answers that settled them, out of resolved dialogues.

A dialogue is cut where the customer raises a new matter. Of each piece the question is what the customer first asked,
and the answer is the last substantial thing the agent said: an answer that the customer rejected is followed by
another. Greetings, thanks, "let me check" and hand-overs are neither; a piece that was handed over has no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verticals_customer_service.dialogues import Dialogue, Role, Turn

from . import phrases

LONGEST_QUESTION = 600  # characters
LONGEST_ANSWER = 2_000
_LEAST_QUESTION = 3  # words
_LEAST_ANSWER = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """A question that was settled, and how.

    Args:
        id: of the dialogue and the turn of the question.
        question: the customer's words without small talk.
        answer: the agent's words without small talk.
        csat: the customer's rating of the dialogue.
    """

    id: str
    question: str
    answer: str
    csat: float | None = None


def pairs(dialogue: Dialogue) -> Iterator[Pair]:
    """The pairs of a dialogue; none where the matter was not settled."""
    if not _settled(dialogue):
        return
    for piece in _pieces(dialogue.turns):
        first, question = piece.question
        answer = piece.answer[:LONGEST_ANSWER]
        if phrases.words(question) >= _LEAST_QUESTION and phrases.words(answer) >= _LEAST_ANSWER:
            yield Pair(f"{dialogue.dialogue}:{first}", question[:LONGEST_QUESTION], answer, dialogue.csat)


def _settled(dialogue: Dialogue) -> bool:
    """Whether the log says so; where it does not, whether the customer's last words are thanks or the like."""
    if dialogue.resolved is not None:
        return dialogue.resolved
    last = next((turn.text for turn in reversed(dialogue.turns) if turn.role == "customer"), "")
    return bool(last) and all(phrases.is_small_talk(one) for one in phrases.sentences(last))


class _Piece:
    """One matter of a dialogue, as far as it was told."""

    def __init__(self, number: int, words: str) -> None:
        self.question = (number, words)
        self.answer = ""
        self.asked = False  # the agent's last words were a question

    def hear(self, number: int, words: str, text: str) -> _Piece | None:
        """The customer goes on; the next piece where it is another matter."""
        if not self.answer or phrases.objects(text) or self.asked:
            if not self.answer and not self.asked and words:
                self.question = (self.question[0], f"{self.question[1]} {words}")
            return None
        new = phrases.words(words) >= _LEAST_QUESTION and text.rstrip().endswith(("?", "？"))
        return _Piece(number, words) if new else None

    def say(self, text: str) -> None:
        """The agent answers, asks or passes the matter on."""
        parts = phrases.sentences(text)
        words = phrases.advice(text)
        if any(phrases.is_hand_over(one) for one in parts):
            self.answer = ""
            return
        self.asked = bool(parts) and phrases.asks_detail(parts[-1])
        if phrases.words(words) < _LEAST_ANSWER:
            return
        # What follows in the same breath belongs together; what comes after the customer spoke takes its place.
        self.answer = words if len(words) >= len(self.answer) / 3 or not self.answer else f"{self.answer} {words}"


def _pieces(turns: list[Turn]) -> Iterator[_Piece]:
    piece: _Piece | None = None
    for number, role, text in _messages(turns):
        if role == "agent":
            if piece:
                piece.say(text)
            continue
        words = phrases.matter(text)
        following = piece.hear(number, words, text) if piece else _Piece(number, words) if words else None
        if following:
            if piece:
                yield piece
            piece = following
    if piece:
        yield piece


def _messages(turns: list[Turn]) -> Iterator[tuple[int, Role, str]]:
    """What one side said before the other spoke, together, with the number of its first turn."""
    held: tuple[int, Role, list[str]] | None = None
    for number, turn in enumerate(turns):
        if held and held[1] == turn.role:
            held[2].append(turn.text)
            continue
        if held:
            yield held[0], held[1], "\n".join(held[2])
        held = (number, turn.role, [turn.text])
    if held:
        yield held[0], held[1], "\n".join(held[2])
