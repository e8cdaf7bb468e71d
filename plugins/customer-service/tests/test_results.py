"""Figures of conversations whose course is known."""

from datetime import UTC, datetime, timedelta

import pytest

from verticals import Event
from verticals_customer_service.results import Course, figures

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANSWER = {"role": "assistant", "answer": {"action": "answer", "intent": "track_parcel"}}
NO_ANSWER = {"role": "assistant", "answer": {"action": "abstain", "intent": "track_parcel"}}
ASKED = {"role": "customer", "answer": None}
AGENT = {"role": "agent", "answer": None}


def course(*events):
    """A conversation; each event as (hours after the beginning, kind, payload)."""
    made = Course(BEGAN, BEGAN)
    for number, (hours, kind, payload) in enumerate(events, start=1):
        at = BEGAN + timedelta(hours=hours)
        made.take(Event(number, "customer-service", kind, payload, at))
    return made


ANSWERED = course((0, "message", ASKED), (0, "message", ANSWER), (0.1, "feedback", {"offset": 2, "thumb": "up"}))
FAILED = course((0, "message", ASKED), (0, "message", NO_ANSWER))
HANDED_OVER = course(
    (0, "message", ASKED), (0, "message", NO_ANSWER), (0, "handover", {}), (1, "taken-over", {}),
    (1, "message", AGENT), (2, "resolved", {}), (30, "reopened", {}), (31, "resolved", {}),
    (31, "feedback", {"offset": 2, "thumb": "up"}), (31, "feedback", {"offset": 2, "thumb": "down"}),
)  # fmt: skip
SETTLED = course((0, "message", ASKED), (0, "message", ANSWER), (1, "resolved", {}), (24 * 9, "reopened", {}))
ALL = [ANSWERED, FAILED, HANDED_OVER, SETTLED]


def told(rate):
    return rate.count, rate.of, rate.value


def test_figures_after_long_enough():
    found = figures(ALL, BEGAN + timedelta(days=40))
    assert found.conversations == 4
    assert told(found.containment) == (2, 4, 0.5)  # one had no answer, one was handed over
    assert told(found.handover) == (1, 4, 0.25)
    assert told(found.reopened) == (2, 2, 1.0)
    assert told(found.durable) == (1, 2, 0.5)  # what came up again after nine days had stayed resolved for seven
    assert told(found.satisfaction) == (1, 2, 0.5)  # the last thumb of an answer counts


def test_why_answers_got_a_thumb_down():
    told_twice = course(
        (0, "message", ASKED),
        (0, "message", ANSWER),
        (0.1, "feedback", {"offset": 2, "thumb": "down"}),
        (0.1, "feedback", {"offset": 2, "thumb": "down", "wrong": "unclear"}),
    )
    assert figures([*ALL, told_twice], BEGAN).wrong == {"untold": 1, "unclear": 1}


def test_what_has_not_ended_is_not_counted_yet():
    found = figures([ANSWERED, FAILED], BEGAN + timedelta(hours=3))
    assert told(found.containment) == (0, 0, None)
    assert figures([ANSWERED, FAILED], BEGAN + timedelta(hours=25)).containment.of == 2
    fresh = figures([SETTLED], BEGAN + timedelta(days=6))
    assert told(fresh.durable) == (0, 0, None)


def test_without_conversations_there_are_no_shares():
    found = figures([], BEGAN)
    assert found.conversations == 0
    assert found.containment.value is found.satisfaction.value is None


@pytest.mark.parametrize(("one", "intent"), [(ANSWERED, "track_parcel"), (FAILED, "")])
def test_the_intent_is_the_first_that_was_understood(one, intent):
    assert one.intent == intent
