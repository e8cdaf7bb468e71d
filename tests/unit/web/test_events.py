"""Events by page and as a stream, and feedback."""

import asyncio
import json

import pytest

from verticals.web.api import events

BEGUN = 1  # the host's head went live: that is the first event


def write(host, count, kind="message"):
    for number in range(count):
        host.store.events.append("shop", kind, {"number": number})


def test_pages_join_without_gap_or_repetition(client, host):
    write(host, 7)
    seen, after = [], BEGUN
    while page := client.get("/v1/platform/events/shop", params={"after": after, "limit": 3}).json():
        if not page["events"]:
            break
        seen += [event["offset"] for event in page["events"]]
        after = page["next"]
    assert seen == [2, 3, 4, 5, 6, 7, 8]


def test_a_page_holds_only_the_kinds_asked_for(client, host):
    write(host, 2)
    write(host, 1, "other")
    page = client.get("/v1/platform/events/shop", params={"kind": ["other"]}).json()
    assert [event["kind"] for event in page["events"]] == ["other"]


def test_events_of_an_unknown_vertical_are_not_found(client):
    assert client.get("/v1/platform/events/nobody").status_code == 404
    assert client.get("/v1/platform/events/nobody/stream").status_code == 404
    assert client.get("/v1/platform/events/shop", params={"after": -1}).status_code == 422
    assert client.get("/v1/platform/events/shop/stream", headers={"last-event-id": "x"}).status_code == 422


def streamed(app, count, **given):
    """The first messages of a stream."""

    async def run():
        async with app.router.lifespan_context(app):
            response = await events.stream_events("shop", app.state.site, **given)
            messages = []
            async for message in response.body_iterator:
                messages.append(message)
                if len(messages) == count:
                    break
            await response.body_iterator.aclose()
            return messages

    return asyncio.run(asyncio.wait_for(run(), 30))


@pytest.fixture
def app(host):
    from verticals.web.app import create_app

    return create_app(host, ["shop"], pages=False)


def test_a_stream_goes_on_right_after_the_last_event_seen(app, host):
    write(host, 5)
    messages = streamed(app, 2, after=0, last_event_id=BEGUN + 3)
    assert [message.id for message in messages] == ["5", "6"]
    assert [message.event for message in messages] == ["message", "message"]
    assert json.loads(messages[0].data)["payload"] == {"number": 3}


def test_a_stream_holds_only_the_kinds_asked_for(app, host):
    write(host, 3)
    write(host, 1, "other")
    assert [message.id for message in streamed(app, 1, kind=["other"])] == ["5"]


def test_a_thumb_becomes_an_event(client):
    response = client.post("/v1/platform/feedback", json={"vertical": "shop", "thumb": "up", "event": 3})
    assert response.status_code == 201
    event = response.json()
    assert (event["kind"], event["payload"]) == ("feedback", {"thumb": "up", "event": 3})
    assert client.get("/v1/platform/events/shop", params={"after": BEGUN}).json()["events"] == [event]


def test_a_correction_becomes_an_event_once_for_one_key(client):
    body = {"vertical": "shop", "head": "parity", "input": "three", "correction": "odd", "comment": "clearly"}
    first = client.post("/v1/platform/feedback", json=body, headers={"idempotency-key": "abc"}).json()
    again = client.post("/v1/platform/feedback", json=body, headers={"idempotency-key": "abc"}).json()
    assert first == again
    assert first["payload"] == {key: value for key, value in body.items() if key != "vertical"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"vertical": "shop"}, 422),
        ({"vertical": "shop", "correction": "odd"}, 422),
        ({"vertical": "shop", "thumb": "up", "tumb": 1}, 422),
        ({"vertical": "shop", "thumb": "up", "event": 0}, 422),
        ({"vertical": "nobody", "thumb": "up"}, 404),
        ({"vertical": "shop", "correction": "odd", "head": "nothing"}, 404),
    ],
)
def test_feedback_that_says_nothing_or_of_nothing_is_refused(client, body, status):
    assert client.post("/v1/platform/feedback", json=body).status_code == status
    assert client.get("/v1/platform/events/shop", params={"after": BEGUN}).json()["events"] == []
