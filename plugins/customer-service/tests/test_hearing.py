"""A message is read by what was remembered of its session; what was not so, is read anew."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from verticals import Unavailable
from verticals_customer_service.hearing import Hearing
from verticals_customer_service.session import State

OPEN = State("s", 1, datetime(2026, 11, 23, tzinfo=UTC), language="en")


class Reader:
    """Stands where `Answering` does; notes what it is asked."""

    def __init__(self):
        self.asked, self.dropped = [], []

    def language_of(self, state, text):
        return state.language

    async def emotion(self, text):
        self.asked.append("emotion")
        await asyncio.sleep(0)
        return "calm"

    async def read(self, text, *, language):
        self.asked.append(language)
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.dropped.append(language)
            raise
        return f"{text} in {language}"


def heard(*states):
    """What was found out where these were the states, one after the other; and who was asked for it."""

    async def run():
        reader = Reader()
        hearing = Hearing(reader, "hello")
        for state in states:
            hearing.begin(state)
            await asyncio.sleep(0)
        emotion = await hearing.emotion()
        return reader, emotion, hearing.reading and await hearing.reading

    return asyncio.run(run())


def test_what_was_begun_holds_where_the_state_was_as_it_was_remembered():
    reader, emotion, reading = heard(OPEN, replace(OPEN, last=7, status="waiting"))
    assert (emotion, reading, reader.asked) == ("calm", "hello in en", ["emotion", "en"])


@pytest.mark.parametrize(
    ("then", "reading", "asked"),
    [
        (replace(OPEN, language="zh"), "hello in zh", ["emotion", "en", "zh"]),
        (replace(OPEN, status="taken", agent="Ann"), None, ["emotion", "en"]),
    ],
)
def test_what_was_begun_for_another_state_is_dropped(then, reading, asked):
    reader, emotion, found = heard(OPEN, then)
    assert (emotion, found, reader.asked, reader.dropped) == ("calm", reading, asked, ["en"])


def test_an_agent_who_has_left_meanwhile_is_noticed():
    assert heard(replace(OPEN, status="taken"), OPEN)[2] == "hello in en"


def test_a_message_is_heard_where_its_emotion_cannot_be_known():
    class Busy(Reader):
        async def emotion(self, text):
            raise Unavailable("Too much is waiting.")

    async def run():
        hearing = Hearing(Busy(), "hello")
        hearing.begin(OPEN)
        return await hearing.emotion(), await hearing.reading

    assert asyncio.run(run()) == (None, "hello in en")


def test_what_was_begun_is_given_up():
    async def run():
        reader = Reader()
        hearing = Hearing(reader, "hello")
        hearing.give_up()
        hearing.begin(OPEN)
        await asyncio.sleep(0)
        hearing.give_up()
        with pytest.raises(asyncio.CancelledError):
            await hearing.reading
        return reader.dropped

    assert asyncio.run(run()) == ["en"]
