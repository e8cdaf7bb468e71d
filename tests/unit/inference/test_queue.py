"""Many requests, few batches: everyone gets their own answer, or an error."""

import asyncio
import threading
import time

import pytest

from verticals.contract import BadInput, Prediction, TooLate, TooMany, Unavailable
from verticals.inference import CALLER, Caller, Queue
from verticals.inference.queue import estimated_tokens


class Gate:
    """An engine that answers each input with itself, once it is let."""

    def __init__(self, open_=True):
        self.batches, self.fails = [], []
        self.opened, self.entered = threading.Event(), threading.Event()
        if open_:
            self.opened.set()

    def answer(self, requests):
        self.batches.append([request.value for request in requests])
        self.entered.set()
        assert self.opened.wait(20)
        if self.fails:
            raise self.fails.pop()
        return [
            BadInput(f"{request.value} is bad.") if "bad" in request.value else Prediction(request.value, 1.0)
            for request in requests
        ]


def run(scenario, engine, **limits):
    async def around():
        queue = Queue(engine, **limits)
        await queue.start()
        try:
            await asyncio.wait_for(scenario(queue), 30)
        finally:
            engine.opened.set() if isinstance(engine, Gate) else None
            await queue.stop()

    asyncio.run(around())


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def ask(queue, *values, **options):
    return asyncio.create_task(queue.predict("shop", "plain", "v1", [*map("".join, values)], **options))


def test_two_hundred_concurrent_requests_get_their_own_answers(engine, save):
    save("plain", 1)
    save("adapted", 2, method="lora")
    texts = [f"request {number} about parcels" for number in range(200)]
    expected = {head: engine.predict("shop", head, "v1", texts) for head in ("plain", "adapted")}
    batches, original = [], engine.answer
    engine.answer = lambda requests: batches.append(len(requests)) or original(requests)

    async def scenario(queue):
        heads = [("plain", "adapted")[number % 2] for number in range(200)]
        asked = [queue.predict("shop", head, "v1", [text]) for head, text in zip(heads, texts, strict=True)]
        for number, (head, (answer,)) in enumerate(zip(heads, await asyncio.gather(*asked), strict=True)):
            assert answer.label == expected[head][number].label
            assert answer.confidence == pytest.approx(expected[head][number].confidence, abs=1e-5)
            assert answer.version == f"shop/{head}@v1"
        assert queue.waiting == 0

    run(scenario, engine)
    assert sum(batches) == 200
    assert len(batches) < 40, "they were answered in batches"


def test_what_waits_while_the_engine_works_is_answered_together():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "a")
        await until(engine.entered.is_set)
        others = [ask(queue, f"{number}") for number in range(50)] + [ask(queue, "x", "y")]
        await until(lambda: queue.waiting == 52)
        engine.opened.set()
        assert [answer.label for (answer,) in await asyncio.gather(first, *others[:-1])] == [
            "a", *map(str, range(50)),
        ]  # fmt: skip
        assert [answer.label for answer in await others[-1]] == ["x", "y"]
        assert await ask(queue) == []

    run(scenario, engine)
    assert [len(batch) for batch in engine.batches[:2]] == [1, 52]


def test_what_one_handler_asks_heads_and_searches_at_once_is_one_batch():
    engine = Gate()

    async def scenario(queue):
        async def later(rounds, value):
            for _ in range(rounds):
                await asyncio.sleep(0)
            return await queue.predict("shop", "plain", "v1", [value])

        await asyncio.gather(*(later(rounds, str(rounds)) for rounds in range(4)))

    run(scenario, engine)
    assert engine.batches == [["0", "1", "2", "3"]]


def test_batches_keep_their_budget_and_a_longer_input_is_one_of_its_own():
    engine = Gate(open_=False)

    async def scenario(queue):
        tasks = [ask(queue, "a")]
        await until(engine.entered.is_set)
        tasks += [ask(queue, *values) for values in ("bc", "de", ["f" * 200], "gh")]
        await until(lambda: queue.waiting == 7)
        engine.opened.set()
        answers = await asyncio.gather(*tasks)
        assert [[answer.label for answer in one] for one in answers[1:]] == [[*"bc"], [*"de"], ["f" * 200], [*"gh"]]

    run(scenario, engine, tokens=8)
    sizes = [sum(estimated_tokens(value) for value in batch) for batch in engine.batches]
    assert max(size for size, batch in zip(sizes, engine.batches, strict=True) if len(batch) > 1) == 8
    assert ["f" * 200] in engine.batches


def test_requests_of_clients_that_left_are_not_computed():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "first")
        await until(engine.entered.is_set)
        gone, stays = ask(queue, "gone"), ask(queue, "stays")
        await until(lambda: queue.waiting == 2)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        first.cancel()  # while it is computed
        await asyncio.gather(first, return_exceptions=True)
        engine.opened.set()
        assert (await stays)[0].label == "stays"

    run(scenario, engine)
    assert engine.batches[-1] == ["stays"]


def test_too_many_waiting_are_turned_away():
    engine = Gate(open_=False)

    async def scenario(queue):
        tasks = [ask(queue, "a")]
        await until(engine.entered.is_set)
        tasks += [ask(queue, f"{number}") for number in range(5)]
        await until(lambda: queue.waiting == 5)
        with pytest.raises(TooMany, match=r"5 inputs of yours are waiting already\. Send fewer at once"):
            await queue.predict("shop", "plain", "v1", ["one more"])
        engine.opened.set()
        assert len(await asyncio.gather(*tasks)) == 6
        assert (await ask(queue, "now"))[0].label == "now"

    run(scenario, engine, waiting=10)


def test_a_tenant_may_fill_half_of_the_queue_and_all_of_them_the_whole():
    engine = Gate(open_=False)

    async def scenario(queue):
        tasks = [ask(queue, "a")]
        await until(engine.entered.is_set)
        tasks += [ask(queue, *"bcde", tenant=tenant) for tenant in ("one", "two")]
        await until(lambda: queue.waiting == 8)
        with pytest.raises(TooMany, match=r"4 inputs of yours are waiting already\. Send fewer") as told:
            await queue.predict("shop", "plain", "v1", ["f"], tenant="one")
        assert told.value.status == 429
        assert told.value.seconds == 1.0, "before anything was computed nobody knows"
        with pytest.raises(Unavailable, match=r"8 inputs are waiting already") as told:
            await queue.predict("shop", "plain", "v1", ["f"], tenant="three")
        assert told.value.status == 503
        engine.opened.set()
        await asyncio.gather(*tasks)

    run(scenario, engine, waiting=8)


def test_who_floods_the_queue_delays_the_others_by_their_share_only():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "first")
        await until(engine.entered.is_set)
        flood = ask(queue, *(f"flood {number}" for number in range(1000)), tenant="flood")
        await until(lambda: queue.waiting == 1000)
        others = [ask(queue, f"small {number}", tenant=f"tenant {number}") for number in range(5)]
        await until(lambda: queue.waiting == 1005)
        engine.opened.set()
        await asyncio.gather(first, flood, *others)

    run(scenario, engine, tokens=100)
    assert [number for number in range(5) if f"small {number}" not in engine.batches[1]] == []


def test_a_question_does_not_wait_for_the_end_of_ones_own_large_request():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "first")
        await until(engine.entered.is_set)
        tasks = [ask(queue, *(f"row {number}" for number in range(1000))), ask(queue, "question")]
        await until(lambda: queue.waiting == 1001)
        engine.opened.set()
        await asyncio.gather(first, *tasks)

    run(scenario, engine, tokens=100)
    assert "question" in engine.batches[1]


def test_a_request_whose_time_is_over_is_not_computed_and_told_so():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "first")
        await until(engine.entered.is_set)
        CALLER.set(Caller(seconds=0.01))
        late = ask(queue, "late")
        CALLER.set(Caller(seconds=60))
        patient = ask(queue, "patient")
        await until(lambda: queue.waiting == 2)
        await asyncio.sleep(0.02)
        engine.opened.set()
        with pytest.raises(TooLate, match=r"not this request's turn in time\. Try again later"):
            await late
        assert (await patient)[0].label == "patient"
        await first

    run(scenario, engine)
    assert engine.batches[-1] == ["patient"]


def test_what_a_client_that_has_gone_asked_for_is_not_computed():
    engine = Gate(open_=False)

    async def scenario(queue):
        first = ask(queue, "first")
        await until(engine.entered.is_set)
        client = Caller()
        CALLER.set(client)
        gone = ask(queue, "gone")
        CALLER.set(None)
        stays = ask(queue, "stays")
        await until(lambda: queue.waiting == 2)
        client.leave()
        with pytest.raises(Unavailable, match="The client has gone"):
            await gone
        engine.opened.set()
        assert (await stays)[0].label == "stays"
        await first

    run(scenario, engine)
    assert engine.batches[-1] == ["stays"]


def test_heads_that_compute_by_themselves_keep_nobody_waiting():
    engine = Gate(open_=False)

    async def scenario(queue):
        writes = ask(queue, "a long reply", apart=True)
        await until(engine.entered.is_set)
        engine.entered.clear()
        label = ask(queue, "a label")
        await until(engine.entered.is_set)
        assert engine.batches == [["a long reply"], ["a label"]], "both at once"
        engine.opened.set()
        await asyncio.gather(writes, label)

    run(scenario, engine)


def test_stopping_answers_what_waits_and_turns_new_requests_away():
    engine, before = Gate(open_=False), set(threading.enumerate())

    async def scenario(queue):
        tasks = [ask(queue, "a")]
        await until(engine.entered.is_set)
        tasks += [ask(queue, f"{number}") for number in range(20)]
        await until(lambda: queue.waiting == 20)
        stopping = asyncio.create_task(queue.stop())
        await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match=r"The platform is stopping"):
            await queue.predict("shop", "plain", "v1", ["late"])
        engine.opened.set()
        await stopping
        assert len(await asyncio.gather(*tasks)) == 21
        await queue.start()
        assert (await ask(queue, "again"))[0].label == "again"

    run(scenario, engine)
    assert not [one for one in set(threading.enumerate()) - before if one.name.startswith("inference")]


@pytest.mark.parametrize("error", [RuntimeError("no memory"), Unavailable("Later."), StopIteration(), SystemExit(3)])
def test_an_error_of_the_engine_reaches_everyone_who_waits_and_the_queue_lives_on(error):
    engine = Gate(open_=False)

    async def scenario(queue):
        tasks = [ask(queue, "a")]
        await until(engine.entered.is_set)
        tasks += [ask(queue, f"{number}") for number in range(3)]
        await until(lambda: queue.waiting == 3)
        engine.fails = [error, error]
        engine.opened.set()
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, Exception) for one in failed)
        if isinstance(error, Unavailable | RuntimeError):
            assert {str(one) for one in failed} == {str(error)}
        assert (await ask(queue, "b"))[0].label == "b"

    run(scenario, engine)


def test_a_bad_input_fails_its_own_request_only():
    async def scenario(queue):
        good, bad, other = ask(queue, "a"), ask(queue, "b", "bad one"), ask(queue, "c")
        assert (await good)[0].label == "a"
        assert (await other)[0].label == "c"
        with pytest.raises(BadInput, match="bad one is bad"):
            await bad

    run(scenario, Gate())


def test_a_queue_that_was_not_started_says_so():
    with pytest.raises(Unavailable):
        asyncio.run(Queue(Gate()).predict("shop", "plain", "v1", ["a"]))


def test_the_event_loop_stays_free_while_the_engine_works():
    engine = Gate(open_=False)

    async def scenario(queue):
        task = ask(queue, "a")
        await until(engine.entered.is_set)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        engine.opened.set()
        await task

    run(scenario, engine)
