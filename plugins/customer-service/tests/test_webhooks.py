"""Webhooks: signed, repeated until they arrive, kept through restarts, told once by several processes."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from verticals import Host
from verticals.host import ServedVertical
from verticals_customer_service.settings import Settings, Webhook
from verticals_customer_service.webhooks import Deliveries

SECRET = "a shared secret of the shop"
HANDOVER = {"session": "s1", "id": "x", "reason": "asked", "summary": "About: not clear."}


@pytest.fixture
def receiver():
    """A server that keeps what it got; ``answers`` are its next statuses, then 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append((dict(self.headers), body, time.monotonic()))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def vertical(tmp_path):
    with Host.open(tmp_path / "home") as host:
        yield ServedVertical(host["customer-service"], None)


def deliver(vertical, url, until, waits=(0.05, 0.1, 0.2), senders=1, during=None):
    """Run senders until the events satisfy ``until``."""
    webhook = Webhook(url=url, secret=SECRET)

    async def run():
        tasks = [asyncio.create_task(Deliveries(vertical, webhook, waits).run()) for _ in range(senders)]
        if during:
            await asyncio.sleep(0.1)
            await during()
        try:
            for _ in range(400):
                await asyncio.sleep(0.025)
                if until(await vertical.events.read(limit=1000)):
                    return
            pytest.fail("it was not delivered")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def ended(count):
    return lambda events: sum(event.kind == "delivery-ended" for event in events) >= count


def configured(vertical, url):
    deliver(vertical, url, lambda events: any(event.kind == "webhook-configured" for event in events))


def append(vertical, kind="handover", payload=HANDOVER):
    return asyncio.run(vertical.events.append(kind, payload))


def test_a_delivery_is_signed_over_id_timestamp_and_body(vertical, receiver):
    configured(vertical, receiver.url)
    event = append(vertical)
    deliver(vertical, receiver.url, ended(1))
    [(headers, body, _)] = receiver.got
    headers = {name.lower(): value for name, value in headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
    told = json.loads(body)
    assert (told["type"], told["session"], told["offset"]) == ("handover", "s1", event.offset)
    assert told["data"]["summary"] == HANDOVER["summary"]
    assert told["id"] == headers["webhook-id"]


def test_a_receiver_that_fails_is_asked_again_after_growing_waits(vertical, receiver):
    configured(vertical, receiver.url)
    receiver.answers = [500, 503]
    append(vertical)
    deliver(vertical, receiver.url, ended(3), waits=(0.1, 0.3))
    times = [at for _, _, at in receiver.got]
    assert len({headers["webhook-id"] for headers, _, _ in receiver.got}) == 1
    assert times[1] - times[0] >= 0.1
    assert times[2] - times[1] >= 0.3
    outcomes = [e.payload for e in vertical._vertical.events.read(kinds=["delivery-ended"])]
    assert [(one["delivered"], one["status"]) for one in outcomes] == [(False, 500), (False, 503), (True, 200)]


def test_a_tenants_webhook_is_told_what_happens_in_the_tenants_sessions(vertical, receiver):
    acme = vertical.of("acme")
    configured(acme, receiver.url)
    append(vertical)
    event = append(acme)
    deliver(acme, receiver.url, ended(1))
    assert [json.loads(body)["offset"] for _, body, _ in receiver.got] == [event.offset]


def test_what_could_not_be_delivered_is_delivered_after_a_restart(vertical, receiver):
    configured(vertical, receiver.url)
    receiver.answers = [500]
    append(vertical)
    deliver(vertical, receiver.url, ended(1), waits=(0.2,))
    assert len(receiver.got) == 1
    deliver(vertical, receiver.url, ended(2), waits=(0.2,))
    assert len(receiver.got) == 2


def test_after_the_last_wait_it_is_given_up(vertical, receiver):
    configured(vertical, receiver.url)
    receiver.answers = [500] * 10
    append(vertical)
    deliver(vertical, receiver.url, ended(3), waits=(0.05, 0.05))
    append(vertical, "resolved", {"session": "s1", "by": "Ann"})
    deliver(vertical, receiver.url, ended(4), waits=(0.05, 0.05))
    assert [json.loads(body)["type"] for _, body, _ in receiver.got] == ["handover"] * 3 + ["resolved"]


def test_several_processes_deliver_once(vertical, receiver):
    configured(vertical, receiver.url)

    async def happen():
        for number in range(5):
            await vertical.events.append("handover", {**HANDOVER, "id": str(number)})

    deliver(vertical, receiver.url, ended(5), senders=3, during=happen)
    assert len(receiver.got) == len({headers["webhook-id"] for headers, _, _ in receiver.got}) == 5


def test_what_happened_before_the_webhook_was_configured_is_not_delivered(vertical, receiver):
    append(vertical)
    configured(vertical, receiver.url)
    append(vertical, "reopened", {"session": "s1", "by": "customer"})
    deliver(vertical, receiver.url, ended(1))
    assert [json.loads(body)["type"] for _, body, _ in receiver.got] == ["reopened"]


def test_a_receiver_that_is_down_is_an_attempt_like_others(vertical):
    url = "http://127.0.0.1:1/hook"
    configured(vertical, url)
    append(vertical)
    deliver(vertical, url, ended(2))
    [first, *_] = vertical._vertical.events.read(kinds=["delivery-ended"])
    assert first.payload["error"].startswith("ConnectError")


@pytest.mark.parametrize(
    "table",
    [
        {"url": "ftp://x", "secret": SECRET},
        {"url": "https://x.example", "secret": "short"},
        {"url": "https://x.example", "secret": "whsec_not base64 at all"},
        {"url": "https://x.example", "secret": SECRET, "events": ["message"]},
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused(table):
    with pytest.raises(ValidationError) as error:
        Settings(webhook=table)
    assert SECRET not in str(error.value.errors(include_input=False))
