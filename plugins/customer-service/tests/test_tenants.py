"""Streams, doors, webhooks and learning belong to the tenant whose key or secret a request carries."""

import contextlib
import json
import threading
import time

import httpx
import pytest
from pydantic import ValidationError

from verticals.store import schema
from verticals_customer_service.gaps import gaps
from verticals_customer_service.noticing import noticed
from verticals_customer_service.settings import Settings

BASE = "/v1/customer-service"
SECRET = "another secret of a webhook address"
TABLE = {"url": "https://chat.example", "token": "bot", "secret": SECRET}


def wait_for(client, status):
    """Keys are read once a second."""
    for _ in range(50):
        if client.get(f"{BASE}/queue").status_code == status:
            return
        time.sleep(0.1)
    pytest.fail(f"it never answered {status}")


@pytest.fixture(scope="module")
def clients(serving):
    """A client with a key of each tenant; the keys are gone afterwards, for others ask without one."""
    store = serving.vertical._vertical.host.store
    made = {tenant: store.keys.create(tenant)[0] for tenant in ("acme", "globex")}
    wait_for(serving.client, 401)
    with contextlib.ExitStack() as opened:
        yield {
            tenant: opened.enter_context(
                httpx.Client(base_url=serving.client.base_url, timeout=60, headers={"x-api-key": key})
            )
            for tenant, key in made.items()
        }
    with store.keys._database.write() as connection:
        connection.execute(schema.keys.delete())
    wait_for(serving.client, 200)


def listen(client, session, until, got):
    with client.stream("GET", f"{BASE}/sessions/{session}/stream") as response:
        got.append(response.status_code)
        for line in response.iter_lines():
            if line.startswith("data: "):
                got.append(json.loads(line.removeprefix("data: ")))
                if until(got):
                    return


def test_a_stream_is_of_the_tenants_own_session(clients):
    session = clients["acme"].post(f"{BASE}/sessions").json()["session"]
    assert clients["globex"].get(f"{BASE}/sessions/{session}/stream").status_code == 404
    got = []

    def answered(got):
        return any(isinstance(one, dict) and one.get("turn", {}).get("answer") for one in got)

    reader = threading.Thread(target=listen, args=(clients["acme"], session, answered, got))
    reader.start()
    while len(got) < 3:  # it has heard how things stand, and waits for news
        time.sleep(0.02)
    clients["acme"].post(f"{BASE}/sessions/{session}/messages", json={"text": "where is my parcel?"})
    reader.join(20)
    assert not reader.is_alive()
    assert got[0] == 200


@pytest.mark.parametrize("door", ["rasa", "openai"])
def test_a_door_leads_to_the_tenants_own_sessions(clients, serving, door):
    def asked(client):
        if door == "rasa":
            body = {"sender": "visitor", "message": "a human please"}
            return client.post(f"{BASE}/rasa/webhooks/rest/webhook", json=body)
        body = {"messages": [{"role": "user", "content": "a human please"}], "user": "visitor"}
        return client.post(f"{BASE}/openai/v1/chat/completions", json=body)

    assert asked(clients["acme"]).status_code == 200
    waiting = [one["session"] for one in clients["acme"].get(f"{BASE}/queue").json()]
    assert any(session.startswith(f"{door}-") for session in waiting)
    assert not any(one["session"].startswith(f"{door}-") for one in clients["globex"].get(f"{BASE}/queue").json())


def test_what_a_tenant_learns_stays_with_the_tenant(clients, serving):
    acme, globex = clients["acme"], clients["globex"]
    text = "which of your canteens serves zebra cake"
    session = acme.post(f"{BASE}/sessions").json()["session"]
    reply = acme.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()
    assert globex.get(f"{BASE}/traces/{reply['trace_id']}").status_code == 404
    body = {"intent": "zebra_cake", "answer": "The canteen on the third floor serves zebra cake on Fridays."}
    one = acme.post(f"{BASE}/traces/{reply['trace_id']}/correction", json=body).json()
    assert one["state"] == "open"
    assert globex.get(f"{BASE}/suggestions").json() == []
    before = serving.call(serving.vertical.rows, "utterances")
    accepted = acme.post(f"{BASE}/suggestions/{one['id']}/decisions", json={"action": "accept"}).json()
    assert accepted["document"]
    assert serving.call(serving.vertical.rows, "utterances") == before, "the data set belongs to all tenants"
    for client, found in ((acme, True), (globex, False)):
        session = client.post(f"{BASE}/sessions").json()["session"]
        again = client.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()
        assert (accepted["document"] in [cited["id"] for cited in again["citations"]]) is found
    assert not serving.call(noticed, serving.vertical.of("globex")).suggestions()
    assert all(text not in one.text for gap in serving.call(gaps, serving.vertical).gaps for one in gap.questions)


def test_a_tenants_chatwoot_is_known_by_its_secret(serving, monkeypatch):
    """No key is needed: Chatwoot has none."""
    monkeypatch.setattr(serving.vertical.settings, "tenants", Settings(tenants={"acme": {"chatwoot": TABLE}}).tenants)
    body = {"event": "conversation_opened", "id": 77, "messages": [{"account_id": 1}]}
    answer = serving.client.post(f"{BASE}/chatwoot/agent-bot/events", json=body, params={"secret": SECRET})
    assert answer.json() == {"taken": True, "why": ""}

    async def started(tenant):
        events = serving.vertical.of(tenant).events
        return await events.read(kinds=["session-started"], where={"channel": "chatwoot"}, limit=1000)

    assert len(serving.call(started, "acme")) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"chatwoot": TABLE, "tenants": {"acme": {"chatwoot": TABLE}}}, "the same secret"),
        ({"tenants": {"default": {}}}, "outside of"),
        ({"tenants": {"acme": {"webhok": {}}}}, "webhok"),
    ],
)
def test_tenants_that_cannot_be_told_apart_are_refused(settings, told):
    with pytest.raises(ValidationError, match=told):
        Settings(**settings)
