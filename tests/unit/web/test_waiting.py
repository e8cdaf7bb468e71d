"""Clients that wait for a while only, and clients that go."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from verticals.contract import Prediction
from verticals.inference import Queue
from verticals.web import problems
from verticals.web.server import listen, url
from verticals.web.waiting import Waiting, _seconds


class Gate:
    """An engine that answers nothing until it is let."""

    def __init__(self):
        self.answered, self.entered, self.opened = [], threading.Event(), threading.Event()

    def answer(self, requests):
        self.entered.set()
        assert self.opened.wait(20)
        self.answered += [request.value for request in requests]
        return [Prediction(request.value, 1.0) for request in requests]


@pytest.fixture
def engine():
    return Gate()


@pytest.fixture
def served(engine):
    """The address of a real server whose requests go through a queue, and that queue."""
    queue = Queue(engine, waiting=8)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        await queue.start()
        yield
        engine.opened.set()
        await queue.stop()

    app = FastAPI(lifespan=lifespan)
    problems.install(app)
    app.add_middleware(Waiting)

    @app.post("/ask")
    async def ask(body: list[str]) -> list[str]:
        return [answer.label for answer in await queue.predict("shop", "plain", "v1", body)]

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until(lambda: server.started)
        yield url(listening), queue
        server.should_exit = True
        thread.join()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_nothing_is_computed_for_a_client_that_has_gone(served, engine):
    address, queue = served
    with ThreadPoolExecutor() as pool:
        first = pool.submit(httpx.post, f"{address}/ask", json=["first"], timeout=20)
        assert engine.entered.wait(20)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/ask", json=["gone"], timeout=httpx.Timeout(20, read=0.2))
        stays = pool.submit(httpx.post, f"{address}/ask", json=["stays"], timeout=20)
        until(lambda: queue.waiting == 2)
        time.sleep(0.1)  # for the server to see that the connection was closed
        engine.opened.set()
        assert (first.result().json(), stays.result().json()) == (["first"], ["stays"])
    assert engine.answered == ["first", "stays"]


def test_a_client_that_waits_a_second_is_told_when_it_is_over(served, engine):
    address, queue = served
    with ThreadPoolExecutor() as pool:
        first = pool.submit(httpx.post, f"{address}/ask", json=["first"], timeout=20)
        assert engine.entered.wait(20)
        late = pool.submit(httpx.post, f"{address}/ask", json=["late"], headers={"prefer": "wait=1"}, timeout=20)
        until(lambda: queue.waiting == 1)
        time.sleep(1.05)
        engine.opened.set()
        answer = late.result()
        assert first.result().json() == ["first"]
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:verticals:problem:too-late")
    assert answer.headers["retry-after"] == "5"
    assert engine.answered == ["first"]


def test_who_has_too_much_waiting_is_told_when_to_come_again(served, engine):
    address, queue = served
    with ThreadPoolExecutor() as pool:
        first = pool.submit(httpx.post, f"{address}/ask", json=["first"], timeout=20)
        assert engine.entered.wait(20)
        waits = pool.submit(httpx.post, f"{address}/ask", json=["a", "b", "c", "d"], timeout=20)
        until(lambda: queue.waiting == 4)
        refused = httpx.post(f"{address}/ask", json=["one more"], timeout=20)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:verticals:problem:too-many-requests")
        assert int(refused.headers["retry-after"]) >= 1
        engine.opened.set()
        assert first.result().json() + waits.result().json() == ["first", "a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (b"wait=10", 10.0),
        (b"respond-async, wait=3", 3.0),
        (b'wait="7"; foo', 7.0),
        (b"Wait = 2", 2.0),
        (b"wait=soon", None),
        (b"await=9", None),
        (b"return=minimal", None),
    ],
)
def test_how_long_a_client_waits_is_read_as_rfc_7240_has_it(given, seconds):
    assert _seconds([(b"host", b"here"), (b"prefer", given)]) == seconds
