"""When a person is asked to go on, and what the person needs to know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import Answer, Rule
from .emotions import BAD

if TYPE_CHECKING:
    from .session import State
    from .situation import Situation

HUMAN = "speak_to_human"
_UNDERSTOOD = ("answer", "ask", "search")
STAYS_ANGRY = 2  # angry now, and frustrated or angry in the message before
_ASKED = re.compile(
    r"^\W*(?:(?:a |an |the |real )*(?:human|person|agent|operator|representative|colleague)(?: please| pls)?"
    r"|(?:请|我要|帮我)*(?:转人工客服|转人工|人工客服|人工))\W*$",
    re.IGNORECASE,
)


def rule(now: Situation, answer: Answer, wanted: bool, limit: int) -> Rule | None:
    """Why a person should go on, if one should.

    Args:
        now: the message and what is known about it.
        answer: what would be said to it.
        wanted: whether the customer is known to want a person.
        limit: answers in a row that may fail; one less for who is upset.
    """
    asked = wanted or bool(_ASKED.match(now.text))
    if now.waiting:
        return "waiting" if asked else None
    if asked:
        return "asked"
    upset = now.emotion is not None and now.emotion.label in BAD
    if now.emotion is not None and now.emotion.label == "angry" and now.mood.bad_in_a_row >= STAYS_ANGRY:
        return "anger"
    if fails(answer, now.previous) and now.failures + 1 >= max(1, limit - upset):
        return "failures"
    return None


def fails(answer: Answer, previous: Answer | None) -> bool:
    """Whether an answer is no help: there is none, or it was said just before."""
    if answer.action == "abstain":
        return True
    said = answer.action in ("answer", "search") and previous is not None
    return said and previous is not None and answer.text == previous.text


def failures(state: State) -> int:
    """How many of the assistant's latest answers in a row did not help: it had none, repeated itself, or got a thumb
    down. Questions and small talk count neither way.
    """
    answers = [(event.offset, Answer.model_validate(event.payload["answer"])) for event in state.of("assistant")]
    count = 0
    for place in range(len(answers) - 1, -1, -1):
        offset, answer = answers[place]
        if answer.action in ("ask", "smalltalk"):
            continue
        before = answers[place - 1][1] if place else None
        if answer.action == "handover" or not (state.thumbs.get(offset) == "down" or fails(answer, before)):
            break
        count += 1
    return count


def told(state: State, answer: Answer) -> dict[str, Any]:
    """The fields of the event `handover`."""
    said = [(event, Answer.model_validate(event.payload["answer"])) for event in state.of("assistant")]
    questions = {event.offset: event.payload["text"] for event in state.of("customer")}
    failed = []
    for place, (event, one) in enumerate(said):
        before = said[place - 1][1] if place else None
        if state.thumbs.get(event.offset) == "down" or fails(one, before):
            question = questions.get(event.payload["reply_to"], "")
            failed.append({"question": question, "action": one.action, "intent": one.intent, "text": one.text})
    matters = [intent for one in (*(one for _, one in said), answer) for intent in _matters(one)]
    if answer.intent not in (None, HUMAN) and not matters:
        matters.append(answer.intent)
    return {
        # Who asks while a person is waited for has asked anew where that one gave the session back meanwhile.
        "reason": "asked" if answer.rule == "waiting" else answer.rule,
        "summary": summary(list(questions.values()), matters, answer.slots, len(failed), state.course),
        "failed": failed,
        "slots": answer.slots,
        "course": list(state.course),
        "mood": round(state.mood.score, 3),
    }


def _matters(answer: Answer) -> list[str]:
    """The intents that an answer has understood, but for who wants a person."""
    every = [(part.intent, part.action) for part in answer.intents] or [(answer.intent, answer.action)]
    return [intent for intent, action in every if intent and intent != HUMAN and action in _UNDERSTOOD]


def summary(
    questions: Sequence[str],
    matters: Sequence[str],
    slots: Mapping[str, str],
    failed: int,
    course: Sequence[str],
) -> str:
    """A few lines for who takes over.

    Args:
        questions: what the customer wrote, oldest first.
        matters: the intents that were understood, oldest first.
        slots: details that the customer has given.
        failed: how many answers did not help.
        course: the customer's feelings, message by message.
    """
    about = ", ".join(dict.fromkeys(one.replace("_", " ") for one in matters)) or "not clear"
    lines = [f"About: {about}.", f"Last message: “{questions[-1]}”" if questions else "Nothing was asked yet."]
    if len(questions) > 1:
        lines.append(f"First message: “{questions[0]}”")
    if slots:
        lines.append("Details: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in slots.items()))
    if failed:
        lines.append(f"{failed} answer{'s' if failed > 1 else ''} did not help.")
    if course:
        lines.append(f"Mood: {' → '.join(course[-5:])}.")
    return "\n".join(lines)
