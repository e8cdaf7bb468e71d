"""Verticals that serve: starting, answering, following events, stopping."""

import asyncio
import time

import anyio
import pytest

from verticals.contract import BadInput, Document, NotFound, PlatformError, PluginError, Unavailable
from verticals.host.serving import calls_of
from verticals.inference import Desk, RemoteQueue


def serve(host, check, names=("sarcasm",)):
    """Run an async check on the served verticals."""

    async def run():
        async with host.serve(names) as served:
            await check(served["sarcasm"])

    anyio.run(run)


def test_serving_makes_a_first_version_opens_indexes_and_enters_the_lifespan(sarcasm, open_small_host):
    host = open_small_host(plugins={"sarcasm": {"greeting": "Servus"}})
    plugin = host.manager.get_plugin("sarcasm")

    async def check(vertical):
        assert (vertical.name, vertical.title, vertical.settings.greeting) == ("sarcasm", "Sarcasm", "Servus")
        assert vertical.state == {"greeting": "Servus"}
        assert plugin.LIVED == ["entered"]
        assert vertical.head("sarcasm").version == "sarcasm/sarcasm@v1"
        prediction = await vertical.head("sarcasm").predict("oh great")
        assert prediction.version == "sarcasm/sarcasm@v1"
        assert len(await vertical.head("sarcasm").predict_many(["a", "b"])) == 2
        assert await vertical.head("sarcasm").predict_many([]) == []
        assert len(await vertical.rows("chats")) == 60
        with pytest.raises(NotFound, match="Did you mean 'sarcasm'"):
            vertical.head("sarcsm")

    serve(host, check)
    assert plugin.LIVED == ["entered", "left"]
    events = host["sarcasm"].events.read()
    assert [event.kind for event in events] == ["promotion", "noted", "noted"]
    assert [event.payload["what"] for event in events[1:]] == ["started", "stopped"]
    serve(host, check_version("sarcasm/sarcasm@v1"))
    assert len(host["sarcasm"].head("sarcasm").versions()) == 1


def test_a_served_vertical_gives_vectors_and_other_plugins_heads(sarcasm, open_small_host, trained_home):
    host = open_small_host(trained_home)

    async def check(vertical):
        near, same, far = await vertical.embed(["oh great", "Oh great", "the river was frozen in January"])
        assert near @ near == pytest.approx(1.0, abs=1e-5)
        assert near @ same > near @ far
        head = vertical.head("sarcasm/sarcasm")
        assert head is vertical.head("sarcasm/sarcasm")
        assert (await head.predict("oh great")).label == (await vertical.head("sarcasm").predict("oh great")).label
        assert vertical.of("acme").head("sarcasm/sarcasm").tenant == "acme"
        for name in ("nobody/sarcasm", "sarcasm/nothing"):
            with pytest.raises(PlatformError, match=r"nobody|nothing"):
                vertical.head(name)

    serve(host, check)


def check_version(wanted):
    async def check(vertical):
        assert vertical.head("sarcasm").version == wanted

    return check


def test_what_is_promoted_answers_at_once_here_and_a_moment_later_elsewhere(
    sarcasm, open_small_host, trained_home, monkeypatch
):
    host, elsewhere = open_small_host(trained_home), open_small_host(trained_home)
    host["sarcasm"].head("sarcasm").train()
    asked, live = [], host.registry.live
    monkeypatch.setattr(host.registry, "live", lambda *names: asked.append(names) or live(*names))

    async def check(vertical):
        head = vertical.head("sarcasm")
        assert {(await head.predict(f"text {number}")).version for number in range(40)} == {"sarcasm/sarcasm@v1"}
        assert len(asked) < 20, "it is not looked up for every request"
        await anyio.to_thread.run_sync(host["sarcasm"].head("sarcasm").promote, "v2")
        assert (await head.predict("text")).version == "sarcasm/sarcasm@v2"
        await anyio.to_thread.run_sync(elsewhere["sarcasm"].head("sarcasm").promote, "v1")
        await anyio.sleep(0.11)
        assert (await head.predict("text")).version == "sarcasm/sarcasm@v1"

    serve(host, check)


def test_a_start_that_is_cancelled_does_not_wait_for_the_first_training(sarcasm, open_small_host):
    host = open_small_host()
    name = host.verticals[0].name

    async def start() -> None:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def slowly(*_: object) -> None:
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.3)  # time enough to cancel before the next report

        host.on_progress = slowly

        async def serve() -> None:
            async with host.serve([name]):
                pytest.fail("it began to serve")

        task = asyncio.create_task(serve())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start())
    for _ in range(200):
        if host.store.runs.list()[0].status != "running":
            break
        time.sleep(0.05)
    assert host.store.runs.list()[0].status == "interrupted"
    assert host.registry.list() == []
    host.on_progress = None

    async def again() -> None:
        async with host.serve([name]):
            pass

    asyncio.run(again())
    assert [run.status for run in host.store.runs.list()] == ["finished"], "the next start goes on with the same run"


def test_a_promotion_is_served_at_once(sarcasm, open_small_host, trained_home):
    host = open_small_host(trained_home)

    async def check(vertical):
        head = host["sarcasm"].head("sarcasm")
        head.promote(head.train().version)
        assert (await vertical.head("sarcasm").predict("a")).version == "sarcasm/sarcasm@v2"
        assert vertical.head("sarcasm").version == "sarcasm/sarcasm@v2"
        assert [one.version for one in await vertical.head("sarcasm").versions()] == ["v2", "v1"]
        assert (await vertical.head("sarcasm").predict("a", version="v1")).version == "sarcasm/sarcasm@v1"
        assert vertical.head("sarcasm").version == "sarcasm/sarcasm@v2", "what is live did not change"
        with pytest.raises(NotFound, match="v7"):
            await vertical.head("sarcasm").predict("a", version="v7")

    serve(host, check)


def test_concurrent_requests_are_answered_in_few_batches(sarcasm, open_small_host, trained_home):
    host = open_small_host(trained_home)
    batches = []

    async def check(vertical):
        answer = host.engine.answer
        host.engine.answer = lambda requests: batches.append(len(requests)) or answer(requests)
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(vertical.head("sarcasm").predict, f"text {number}")

    serve(host, check)
    assert sum(batches) == 50
    assert len(batches) < 50


def test_wrapped_predictions_still_pass_through_the_queue(sarcasm, write_plugin, open_small_host, trained_home):
    write_plugin(
        "shouting",
        "from verticals import hookimpl\n"
        "SEEN = []\n"
        "@hookimpl(wrapper=True)\n"
        "def predict(batch):\n"
        "    SEEN.append((batch.vertical, batch.head, batch.version))\n"
        "    batch.inputs = [text.upper() for text in batch.inputs]\n"
        "    return (yield)\n",
    )
    host = open_small_host(trained_home)
    asked = []

    async def check(vertical):
        answer = host.engine.answer
        host.engine.answer = lambda requests: asked.extend(request.value for request in requests) or answer(requests)
        await vertical.head("sarcasm").predict("quiet")
        with pytest.raises(BadInput):
            await vertical.head("sarcasm").predict("")

    serve(host, check)
    assert asked == ["QUIET", ""]
    assert host.manager.get_plugin("shouting").SEEN == [("sarcasm", "sarcasm", "v1")] * 2


def test_the_index_is_searched_and_changed(sarcasm, open_small_host, trained_home):
    async def check(vertical):
        index = vertical.index("knowledge")
        assert await index.count() == 2
        assert (await index.get("returns")).title == "Returns"
        await index.upsert([Document(id="new", text="Gift cards never expire.")])
        assert (await index.search("gift cards", k=1))[0].document.id == "new"
        assert await index.delete(["new"]) == 1

    serve(open_small_host(trained_home), check)


def test_a_file_of_rows_becomes_a_version_of_a_data_set(sarcasm, open_small_host, trained_home, tmp_path):
    host = open_small_host(trained_home)
    path = tmp_path / "more.jsonl"
    path.write_text('{"text": "Oh, wonderful, it broke", "label": "sarcastic"}\n', encoding="utf-8")

    async def check(vertical):
        before = len(await vertical.rows("chats"))
        report = await vertical.import_file("chats", path)
        assert (report.added, report.version.rows) == (1, before + 1)
        assert len(await vertical.rows("chats")) == before + 1
        with pytest.raises(NotFound, match="Did you mean 'chats'"):
            await vertical.import_file("chat", path)
        assert await vertical.remove_rows("chats", [{"text": "Oh, wonderful, it broke"}]) == 1
        assert await vertical.remove_rows("chats", [{"text": "Oh, wonderful, it broke"}]) == 0
        assert len(await vertical.rows("chats")) == before

    serve(host, check)


def test_texts_are_compared_by_their_vectors(sarcasm, open_small_host, trained_home):
    async def check(vertical):
        first, same, other = await vertical.embed(["a red mug", "a red mug", "where is my parcel?"])
        assert float(first @ same) == pytest.approx(1, abs=1e-4)
        assert float(first @ other) < 0.999

    serve(open_small_host(trained_home), check)


def test_events_are_followed_without_missing_or_repeating_one(sarcasm, open_small_host, trained_home):
    host = open_small_host(trained_home)

    async def check(vertical):
        offsets = []

        async def follow():
            async for event in vertical.events.follow(kinds=["seen"]):
                offsets.append(event.payload["times"])
                if len(offsets) == 30:
                    return

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(follow)
                for number in range(20):
                    await vertical.events.append("seen", {"text": "x", "times": number})
                for number in range(20, 30):
                    host["sarcasm"].events.append("seen", {"text": "x", "times": number})  # as another process does
        assert offsets == list(range(30))
        last = await vertical.events.last_offset()
        assert [event.offset for event in await vertical.events.read(after=last - 2, limit=1)] == [last - 1]

    serve(host, check)


def test_serving_an_unknown_vertical_starts_nothing(sarcasm, open_small_host):
    host = open_small_host()

    async def run():
        async with host.serve(["sarcasm", "nothing"]):
            pass

    with pytest.raises(NotFound, match="'nothing'"):
        anyio.run(run)
    assert not host.home.exists()


LIFESPANS = {
    "fails": (
        "async def run():\n        raise ValueError('boom')\n        yield\n    return run()",
        "failed: ValueError: boom",
    ),
    "cannot be made": ("async def run():\n        yield\n    raise ValueError('early')", "failed: ValueError: early"),
    "is none": ("async def run():\n        yield\n    return 3", "object of type int"),
}


@pytest.mark.parametrize("case", LIFESPANS)
def test_a_lifespan_that_cannot_be_entered_names_its_plugin(case, write_plugin, open_small_host):
    body, told = LIFESPANS[case]
    write_plugin(
        "sarcasm",
        "from contextlib import asynccontextmanager\nfrom verticals import hookimpl\n"
        f"@hookimpl\ndef lifespan(vertical):\n    @asynccontextmanager\n    {body}\n",
    )

    async def check(vertical):
        raise AssertionError("it must not serve")

    with pytest.raises(PluginError, match=told) as raised:
        serve(open_small_host(), check)
    assert "'sarcasm'" in str(raised.value)


def test_a_head_whose_live_version_is_gone_is_unavailable(sarcasm, open_small_host, trained_home, monkeypatch):
    host = open_small_host(trained_home)

    async def check(vertical):
        monkeypatch.setattr(type(host.registry), "live", lambda *_: None)
        with pytest.raises(Unavailable, match="No version of sarcasm/sarcasm is live"):
            await vertical.head("sarcasm").predict("a")

    serve(host, check)


def test_a_worker_answers_searches_and_writes_by_the_process_it_stands_before(
    sarcasm, open_small_host, trained_home, tmp_path
):
    main, worker = open_small_host(trained_home), open_small_host(trained_home)
    worker.elsewhere = RemoteQueue(tmp_path / "engine")

    async def check() -> None:
        queue = main.new_queue()
        await queue.start()
        async with (
            main.serve(["sarcasm"]) as own,
            await Desk(queue, calls_of(main)).open(tmp_path / "engine"),
            worker.serve(["sarcasm"]) as served,
        ):
            answers = [await one["sarcasm"].head("sarcasm").predict("oh great") for one in (own, served)]
            assert answers[0] == answers[1]
            index = served["sarcasm"].index("knowledge")
            await index.upsert([Document(id="hats", title="Hats", text="Hats come in three sizes.")])
            for one in (own, served):
                hits = await one["sarcasm"].index("knowledge").search("which sizes do hats come in", k=1)
                assert [hit.document.id for hit in hits] == ["hats"]
            assert await index.search_each("which sizes do hats come in", [{"k": 1}, {"mode": "lexical"}]) == [
                await index.search("which sizes do hats come in", k=1),
                await index.search("which sizes do hats come in", mode="lexical"),
            ]
            assert await index.delete(["hats", "nothing"]) == 1
            assert await own["sarcasm"].index("knowledge").count() == await index.count() == 2
            acme = served["sarcasm"].of("acme").index("knowledge")
            assert await acme.count() == 2, "the worker was the first to ask for this tenant"
            await acme.upsert([Document(id="hats", text="Hats of acme.")])
            assert (await own["sarcasm"].of("acme").index("knowledge").get("hats")).text == "Hats of acme."
            assert (await acme.search("hats", k=1))[0].document.id == "hats"
            assert await own["sarcasm"].index("knowledge").count() == await index.count() == 2
        await queue.stop()
        assert "encoder" not in worker._parts, "the worker loads no encoder of its own"

    asyncio.run(check())
