"""The queue of another process: the same answers and errors, whoever leaves or dies."""

import asyncio
import threading
import time

import numpy as np
import pytest

from verticals.contract import BadInput, Prediction, TooLate, Unavailable
from verticals.inference import CALLER, Caller, Desk, Queue, RemoteQueue


class Labels:
    """An engine that answers with the input itself, when it is let."""

    def __init__(self):
        self.asked, self.free = [], threading.Event()
        self.free.set()

    def answer(self, requests):
        self.asked += [request.value for request in requests]
        assert self.free.wait(20)
        return [
            BadInput(f"{request.value} is bad.", "Send another.") if "bad" in request.value
            else Prediction(request.value, 0.5, version=f"{request.vertical}/{request.head}@{request.version}")
            for request in requests
        ]  # fmt: skip


def fail(text):
    raise ValueError(text)


CALLS = {"embed": lambda texts: np.ones((len(texts), 3), np.float32), "fail": fail}


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def in_work(remote, engine):
    """A request that the engine does not let go of until it is free."""
    engine.free.clear()
    asked = asyncio.create_task(remote.predict("shop", "topic", "v1", ["first"]))
    await until(lambda: engine.asked)
    return asked


def run(scenario, tmp_path, engine=None):
    async def around():
        queue = Queue(engine or Labels(), patience=20)
        await queue.start()
        lost = asyncio.Event()
        async with await Desk(queue, CALLS).open(tmp_path / "engine") as server:
            remote = RemoteQueue(tmp_path / "engine", lost.set)
            await remote.start()
            await asyncio.wait_for(scenario(remote, server, lost), 30)
            await remote.stop()
        await queue.stop()

    asyncio.run(around())


def test_many_requests_at_once_get_their_own_answers(tmp_path):
    async def scenario(remote, server, lost):
        asked = [remote.predict("shop", "topic", "v1", [f"{number}", f"{number}!"]) for number in range(300)]
        for number, answers in enumerate(await asyncio.gather(*asked)):
            assert [answer.label for answer in answers] == [f"{number}", f"{number}!"]
            assert answers[0].version == "shop/topic@v1"
        assert remote.waiting == 0
        assert await remote.predict("shop", "topic", "v1", []) == []

    run(scenario, tmp_path)


def test_errors_arrive_as_they_were_raised(tmp_path):
    async def scenario(remote, server, lost):
        with pytest.raises(BadInput, match="bad one is bad") as raised:
            await remote.predict("shop", "topic", "v1", ["bad one"])
        assert raised.value.remedy == "Send another."
        with pytest.raises(RuntimeError, match="ValueError: no"):
            await asyncio.to_thread(remote.call, "fail", "no")
        assert [answer.label for answer in await remote.predict("shop", "topic", "v1", ["a"])] == ["a"]

    run(scenario, tmp_path)


def test_functions_are_called_from_threads(tmp_path):
    async def scenario(remote, server, lost):
        called = [asyncio.to_thread(remote.call, "embed", ["a"] * number) for number in range(1, 20)]
        assert [len(vectors) for vectors in await asyncio.gather(*called)] == [*range(1, 20)]

    run(scenario, tmp_path)


def test_what_a_client_that_left_asked_for_is_not_computed(tmp_path):
    engine = Labels()

    async def scenario(remote, server, lost):
        first = await in_work(remote, engine)
        caller = Caller()
        CALLER.set(caller)
        second = asyncio.create_task(remote.predict("shop", "topic", "v1", ["second"]))
        await asyncio.sleep(0.05)
        caller.leave()
        with pytest.raises(Unavailable, match="client has gone"):
            await second
        await asyncio.sleep(0.05)
        engine.free.set()
        assert (await first)[0].label == "first"

    run(scenario, tmp_path, engine)
    assert engine.asked == ["first"]


def test_a_client_that_waits_no_longer_is_told_so(tmp_path):
    engine = Labels()

    async def scenario(remote, server, lost):
        first = await in_work(remote, engine)
        CALLER.set(Caller(0.05))
        second = asyncio.create_task(remote.predict("shop", "topic", "v1", ["second"]))
        await asyncio.sleep(0.2)
        engine.free.set()
        with pytest.raises(TooLate):
            await second
        await first

    run(scenario, tmp_path, engine)
    assert engine.asked == ["first"]


def test_when_the_other_process_goes_those_who_wait_are_told(tmp_path):
    async def scenario():
        taken = asyncio.Event()

        async def connected(reader, writer):  # takes a request and dies
            await reader.readexactly(4)
            taken.set()
            writer.close()

        lost = asyncio.Event()
        async with await asyncio.start_unix_server(connected, tmp_path / "engine"):
            remote = RemoteQueue(tmp_path / "engine", lost.set)
            await remote.start()
            with pytest.raises(Unavailable, match="has gone"):
                await remote.predict("shop", "topic", "v1", ["a"])
            assert taken.is_set()
            await asyncio.wait_for(lost.wait(), 10)
        with pytest.raises(Unavailable, match="has gone"):
            await RemoteQueue(tmp_path / "nowhere").start()

    asyncio.run(scenario())
