"""A session's stream on a real server: nothing is missed, nothing comes twice."""

import asyncio
import json
import threading

import httpx
import pytest

from verticals_customer_service.answering import Answering

BASE = "/v1/customer-service"


@pytest.fixture
def session(service):
    return service.post(f"{BASE}/sessions").json()["session"]


def say(service, session, text):
    return service.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()


def events(service, session, until, after=None):
    """What a stream gives, up to the first event for which ``until`` holds."""
    headers = {} if after is None else {"last-event-id": str(after)}
    got, name, number = [], None, None
    with service.stream("GET", f"{BASE}/sessions/{session}/stream", headers=headers) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                number = int(value)
            elif field == "data":
                got.append((number, name, json.loads(value)))
                number = None
                if until(got):
                    return got
    return got


def ready(got):
    return got[-1][1] == "status" and got[-1][2]["standing"] == "ready"


def test_a_reader_that_joins_again_misses_and_repeats_nothing(service, session):
    for text in ("where is my parcel?", "thanks", "do you ship to Norway?"):
        say(service, session, text)
    whole = [number for number, name, _ in events(service, session, ready) if name != "status"]
    assert len(whole) == 7  # the start, and three messages with their answers
    for cut in whole:
        rest = [number for number, name, _ in events(service, session, ready, after=cut) if name != "status"]
        assert rest == [number for number in whole if number > cut]


def test_messages_come_as_they_are_said_with_what_goes_on_between(service, session, monkeypatch):
    got = []
    started, typing = threading.Event(), threading.Event()
    answered = Answering.turn

    async def answered_once_typing_is_shown(*arguments):
        await asyncio.to_thread(typing.wait, 20)  # else the answer may be there before a reader has looked
        return await answered(*arguments)

    monkeypatch.setattr(Answering, "turn", answered_once_typing_is_shown)

    def listen():
        def until(so_far):
            started.set()
            if so_far[-1][2].get("standing") == "typing":
                typing.set()
            return ready(so_far) and any(name == "message" for _, name, _ in so_far)

        with httpx.Client(base_url=service.base_url, timeout=60) as client:
            got.extend(events(client, session, until))

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    assert started.wait(20)
    reply = say(service, session, "where is my parcel?")
    reader.join(30)
    assert not reader.is_alive()
    shown = [(name, data.get("standing") or data.get("turn", {}).get("role")) for _, name, data in got]
    assert shown == [
        ("session-started", None),
        ("status", "ready"),
        ("message", "customer"),
        ("status", "typing"),
        ("message", "assistant"),
        ("status", "ready"),
    ]
    number, _, data = got[-2]
    assert (number, data["turn"]["text"]) == (reply["offset"], reply["text"])


def test_a_customer_sees_the_agent_but_not_what_the_agent_is_told(service, session):
    say(service, session, "can I talk to a real person please")
    steps = [("take-over", {"agent": "Dana"}), ("replies", {"agent": "Dana", "text": "Hello!"})]
    for step, body in [*steps, ("return", {"agent": "Dana"}), ("resolve", {"by": "Dana", "note": "secret"})]:
        answer = service.post(f"{BASE}/sessions/{session}/{step}", json=body)
        assert answer.status_code == 200, answer.text
    got = events(service, session, ready)
    assert [name for _, name, _ in got] == [
        "session-started", "message", "handover", "message", "taken-over", "message", "returned", "resolved", "status",
    ]  # fmt: skip
    told = json.dumps(got)
    assert "Dana" in told
    for private in ("summary", "mood", "secret", "passages"):
        assert private not in told


def test_a_stream_of_nothing_is_not_found(service):
    answer = service.get(f"{BASE}/sessions/nobody/stream")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:verticals:problem:not-found")
