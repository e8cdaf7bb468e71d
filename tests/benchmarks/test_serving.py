"""Requests a second and latency over HTTP against LitServe, encoding against sentence-transformers, and fair shares."""

import asyncio
import csv
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from tests.benchmarks.commands import DATA, needs, platform

from verticals.encoder import Encoder, locate
from verticals.encoder.precision import set_threads
from verticals.host import Host
from verticals.inference import Request

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("banking77")]
HEAD = "customer-service/intent"
CLIENTS, SECONDS, ROUNDS = 32, 6, 3
GROUP = 20  # texts


@pytest.fixture(scope="module")
def texts() -> list[str]:
    with (DATA / "banking77/test.csv").open(encoding="utf-8", newline="") as file:
        read = [row["text"] for row in csv.DictReader(file)]
    random.Random(0).shuffle(read)
    return read


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving")
    rows = str(DATA / "banking77/train.csv")
    platform(folder, "data", "import", "customer-service/utterances", rows, "--map", "category=intent", "--replace",
             "--split", "train")  # fmt: skip
    platform(folder, "train", HEAD, "--method", "head", "--promote")
    return folder


@pytest.fixture(scope="module")
def ours(home: Path, serve) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLATFORM_CACHED_TEXTS", "0")
        server = serve(home, ["customer-service"])
    yield f"{server.url}/v1/platform/heads/{HEAD}/predict"
    server.stop()


@pytest.fixture  # for one test: its processes take time even when nobody asks
def theirs() -> Iterator[str]:
    pytest.importorskip("litserve", reason="the peer is not installed: pip install litserve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("peer.py")), str(locate().path), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                break
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}/predict"
    os.killpg(process.pid, signal.SIGKILL)  # its workers outlive it otherwise, and keep the cores busy
    process.wait()


async def client(address: str, texts: list[str], until: float, taken: list[float]) -> None:
    """One connection that asks one thing after another; what a request costs here is next to nothing."""
    parts = httpx.URL(address)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    try:
        for text in texts:
            if time.perf_counter() >= until:
                return
            body = json.dumps({"inputs": [text]}).encode()
            began = time.perf_counter()
            lines = (b"POST %s HTTP/1.1" % parts.raw_path, b"host: bench", b"content-type: application/json",
                     b"content-length: %d" % len(body), b"", body)  # fmt: skip
            writer.write(b"\r\n".join(lines))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head + await reader.read(500)
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(time.perf_counter() - began)
    finally:
        writer.close()


def load(address: str, texts: list[str], clients: int, seconds: float) -> list[float]:
    """Seconds of each request that was answered within the time."""
    taken: list[float] = []

    async def run() -> None:
        until = time.perf_counter() + seconds
        share = len(texts) // clients
        await asyncio.gather(
            *(client(address, texts[n * share : (n + 1) * share], until, taken) for n in range(clients))
        )

    asyncio.run(run())
    return taken


def test_thirty_two_clients_against_litserve(ours: str, theirs: str, texts: list[str]) -> None:
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for address in (ours, theirs):
        load(address, texts[:320], CLIENTS, 2)
    for _ in range(ROUNDS):
        for name, address in (("ours", ours), ("theirs", theirs)):
            rates[name].append(len(load(address, texts, CLIENTS, SECONDS)) / SECONDS)
    ours_, theirs_ = (statistics.median(rates[name]) for name in ("ours", "theirs"))
    print(f"\n{CLIENTS} clients: {ours_:.0f} requests/s, LitServe {theirs_:.0f} ({ours_ / theirs_:.1f}x)")
    assert ours_ >= 2 * theirs_


def test_thirty_two_clients_with_two_workers_against_one_process(
    home: Path, serve, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_CACHED_TEXTS", "0")
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, options in (("one process", ("--no-pages",)), ("two workers", ("--no-pages", "--workers", "2"))):
            server = serve(home, ["customer-service"], *options)
            try:
                address = f"{server.url}/v1/platform/heads/{HEAD}/predict"
                load(address, texts[:320], CLIENTS, 2)
                rates.setdefault(name, []).append(len(load(address, texts, CLIENTS, SECONDS)) / SECONDS)
            finally:
                server.stop()
    one, two = (statistics.median(rates[name]) for name in ("one process", "two workers"))
    print(f"\n{CLIENTS} clients: {one:.0f} requests/s by one process, {two:.0f} with two workers ({two / one:.2f}x)")
    assert two > 0.5 * one  # which is faster depends on the cores there are; neither may collapse


def test_one_client_against_the_bare_forward(ours: str, texts: list[str]) -> None:
    set_threads()
    encoder = Encoder.open(locate())
    rows = encoder.tokens(texts[:200], 64)
    served, bare = [], []
    load(ours, texts[200:240], 1, 5)
    # Turn and turn about, in groups: both then find their own weights where they left them.
    for start in range(0, 200, GROUP):
        batches = [encoder.batch(rows, [number]) for number in range(start, start + GROUP)]
        with torch.inference_mode():
            encoder.features(batches[0])
            for batch in batches:
                began = time.perf_counter()
                encoder.features(batch)
                bare.append(time.perf_counter() - began)
        time.sleep(0.05)  # until this process's threads have gone to sleep
        served += load(ours, [texts[start], *texts[start : start + GROUP]], 1, 5)[1:]
    ratios = [one / other for one, other in zip(served, bare, strict=True)]
    print(f"\none client: median {statistics.median(served) * 1e3:.1f} ms, the bare forward of the same text "
          f"{statistics.median(bare) * 1e3:.1f} ms, median ratio {statistics.median(ratios):.2f}")  # fmt: skip
    assert statistics.median(ratios) <= 1.5


def test_encoding_against_sentence_transformers(texts: list[str]) -> None:
    models = pytest.importorskip("sentence_transformers", reason="the peer is not installed")
    set_threads()
    peer, encoder = models.SentenceTransformer(str(locate().path), device="cpu"), Encoder.open(locate())
    some = texts[:512]
    mean = np.abs(encoder.embed(some[:32]) - peer.encode(some[:32], normalize_embeddings=True)).max()
    assert mean < (1e-4 if encoder.precision.name == "fp32" else 2e-2)
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(ROUNDS):
        for name, call in (("ours", lambda: encoder.embed(some)), ("theirs", lambda: peer.encode(some))):
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    ours_, theirs_ = (len(some) / statistics.median(taken[name]) for name in ("ours", "theirs"))
    print(
        f"\nencoding in {encoder.precision.name}: {ours_:.0f} texts/s, sentence-transformers {theirs_:.0f} "
        f"({ours_ / theirs_:.1f}x)"
    )
    assert ours_ >= 3 * theirs_


def test_mixed_batches_and_single_requests_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_CACHED_TEXTS", "0")
    heads = {
        HEAD: ("lora", "2"),
        "financial-sentiment/sentiment": ("lora", "2"),
        "financial-sentiment/topic": ("full", "1"),
    }
    for head, (method, epochs) in heads.items():
        platform(tmp_path, "train", head, "--method", method, "--epochs", epochs, "--promote")
    with (DATA / "banking77/train.csv").open(encoding="utf-8", newline="") as file:
        read = [row["text"] for row in csv.DictReader(file)]
    source = random.Random(0)
    some = [(text, *source.choice([*heads]).split("/")) for text in source.sample(read, 3000)]
    with Host.open(tmp_path) as host:
        requests = [Request(vertical, head, "v1", text) for text, vertical, head in some]
        alone = [host.engine.answer([request])[0] for request in requests]
        places, mixed = source.sample(range(3000), 3000), {}
        while places:
            chosen, places = places[: (size := source.randint(1, 200))], places[size:]
            mixed |= dict(zip(chosen, host.engine.answer([requests[at] for at in chosen]), strict=True))
        none = torch.empty(0)
        doubts = sum(
            host.engine.load(vertical, head, "v1").head.undecided(one, 0.03, text, none)
            for (text, vertical, head), one in zip(some, alone, strict=True)
        )
    precision = Encoder.open(locate()).precision.name
    apart = max(abs(one.confidence - mixed[at].confidence) for at, one in enumerate(alone))
    other = [
        one for at, one in enumerate(alone) if (one.label, one.abstained) != (mixed[at].label, mixed[at].abstained)
    ]
    print(
        f"\n3,000 texts for 3 heads in {precision}, one by one and in mixed batches: {len(other)} labels or "
        f"abstentions differ, confidences by {apart:.1e}; {doubts} are near a boundary"
    )
    assert not other
    assert apart < (1e-4 if precision == "fp32" else 2e-2)


def test_memory_stays_flat_under_traffic(home: Path, serve, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_CACHED_TEXTS", "2000")  # the cache is full, and turns over, before the first look
    server = serve(home, ["customer-service"])
    address = f"{server.url}/v1/platform/heads/{HEAD}/predict"

    def resident() -> float:
        found = re.search(
            r"^process_resident_memory_bytes (\S+)", httpx.get(f"{server.url}/metrics").text, re.MULTILINE
        )
        return float(found[1]) / 1e6

    def traffic(times: int) -> None:
        for number in range(times):  # texts that were not asked before
            load(address, [f"{text} {number} of {times}" for text in texts[:2000]], CLIENTS, 60)

    traffic(2)
    before = resident()
    traffic(10)
    after = resident()
    server.stop()
    print(
        f"\nmemory after 4,000 requests {before:.0f} MB, after 20,000 more {after:.0f} MB ({after / before - 1:+.1%})"
    )
    assert after < 1.05 * before


def test_who_floods_does_not_slow_the_others(home: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_CACHED_TEXTS", "0")

    async def measured(host: Host, flooding: bool) -> float:
        queue, record, stop = host.new_queue(), host["customer-service"].head("intent").live, asyncio.Event()
        await queue.start()

        async def ask(tenant: str, some: list[str]) -> float:
            began = time.perf_counter()
            await queue.predict(record.vertical, record.head, record.version, some, tenant=tenant)
            return time.perf_counter() - began

        async def quiet(number: int) -> list[float]:
            taken = []
            for text in texts[number * 60 : number * 60 + 60]:
                taken.append(await ask(f"tenant {number}", [text]))
                await asyncio.sleep(0.1)
            return taken

        async def flood(start: int) -> None:
            while not stop.is_set():
                await ask("flood", texts[start : start + 4])

        floods = [asyncio.create_task(flood(1000 + 10 * number)) for number in range(40 if flooding else 0)]
        taken = await asyncio.gather(*(quiet(number) for number in range(4)))
        stop.set()
        await asyncio.gather(*floods)
        await queue.stop()
        return float(np.quantile(np.concatenate(taken), 0.99))

    with Host.open(home) as host:
        asyncio.run(measured(host, False))
        taken: dict[bool, list[float]] = {False: [], True: []}
        for flooding in [False, True] * 5:
            taken[flooding].append(asyncio.run(measured(host, flooding)))
    calm, busy = (statistics.median(taken[flooding]) for flooding in (False, True))
    print(f"\np99 of four tenants, median of 5 rounds: {calm * 1e3:.0f} ms in quiet, {busy * 1e3:.0f} ms while a fifth "
          f"floods ({busy / calm:.1f}x)")  # fmt: skip
    assert busy < 2 * calm
