"""Several HTTP workers around one process that computes: one answer for all, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.faults.test_bad_checkpoints import PLUGIN

from verticals.host import Host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found as Linux shows them")
TEXTS = [f"parcel number {number} is late" for number in range(40)]


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_encoder):
    """A home with a live version, and its plugin; the answers of one process to `TEXTS`."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "shop.py").write_text(PLUGIN, encoding="utf-8")
    settings = {"encoder": str(tiny_encoder), "device": "cpu", "precision": "fp32", "trackers": []}
    with Host.open(folder / "home", plugins_dir=folder / "plugins", settings=settings) as host:
        head = host["shop"].head("topic")
        head.promote(head.train(changes={"epochs": 1}).version)
        answers = head.predict(TEXTS)
    return folder, tiny_encoder, [(answer.label, answer.confidence) for answer in answers]


@contextlib.contextmanager
def started(home):
    """The process that computes, and where its workers listen."""
    folder, encoder, _ = home
    names = {"HOME": folder / "home", "PLUGINS_DIR": folder / "plugins", "ENCODER": encoder, "DEVICE": "cpu",
             "PRECISION": "fp32", "THREADS": 1, "TRACKERS": "[]"}  # fmt: skip
    environment = {**os.environ, **{f"PLATFORM_{name}": str(value) for name, value in names.items()}}
    command = [sys.executable, "-m", "verticals", "run", "shop", "--no-pages", "--workers", "2", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = ""
    while not (found := re.search(r"http://\S+?:\d+", told)):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        told += line
    try:
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(home):
    """One that several tests share."""
    with started(home) as running:
        yield running


@pytest.fixture
def own_server(home):
    """One that is ended."""
    with started(home) as running:
        yield running


def workers_of(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(url, text, tries=1):
    """An answer over a connection of its own; a connection to a worker that was killed is tried again."""
    for left in reversed(range(tries)):
        try:
            answered = httpx.post(f"{url}/v1/platform/heads/shop/topic/predict", json={"inputs": [text]}, timeout=30)
        except httpx.TransportError:
            if not left:
                raise
        else:
            assert answered.status_code == 200, answered.text
            (given,) = answered.json()["predictions"]
            return given["label"], pytest.approx(given["confidence"], abs=1e-4)
    return None


def test_workers_answer_as_one_process_and_count_together(server, home):
    process, url = server
    assert len(workers_of(process)) == 2
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: ask(url, text), TEXTS)) == home[2]
    told = httpx.get(f"{url}/metrics").text
    counted = re.search(r"^platform_http_requests_total\{.*predict.*\} (\S+)$", told, re.MULTILINE)
    assert float(counted[1]) == len(TEXTS)
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready", "verticals": ["shop"]}
    assert httpx.post(f"{url}/v1/platform/heads/shop/nothing/predict", json={"inputs": ["a"]}).status_code == 404


def test_no_worker_answers_before_it_is_ready(server):
    process, url = server
    (killed, *_) = workers_of(process)
    os.kill(killed, signal.SIGKILL)
    answered = []
    until(
        lambda: answered.append(reached(url)) or (len(workers_of(process)) == 2 and killed not in workers_of(process))
    )
    answered += [reached(url) for _ in range(40)]
    assert set(answered) <= {200, None}
    assert answered.count(200) > 20


def reached(url):
    """The status of an answer over a connection of its own; `None` where the connection went down with a worker."""
    try:
        return httpx.get(f"{url}/readyz", timeout=30).status_code
    except httpx.TransportError:
        return None


def test_a_worker_that_is_killed_is_begun_again_while_the_others_answer(server, home):
    process, url = server
    killed, other = workers_of(process)
    os.kill(killed, signal.SIGKILL)
    assert [ask(url, text, tries=5) for text in TEXTS] == home[2]
    until(lambda: len(workers_of(process)) == 2 and killed not in workers_of(process))
    assert other in workers_of(process)


def test_a_signal_to_stop_lets_requests_end_and_leaves_no_process(own_server, home):
    process, url = own_server
    workers = workers_of(process)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, url, text) for text in TEXTS]
        until(lambda: any(one.done() for one in asked))
        process.send_signal(signal.SIGTERM)
        ended = []
        for one, expected in zip(asked, home[2], strict=True):
            try:
                ended.append(one.result() == expected)
            except httpx.TransportError:  # it came when nobody listened any more
                continue
    assert ended
    assert all(ended)
    assert process.wait(30) == 0, process.stderr.read()
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_workers_leave_when_the_process_that_computes_is_killed(own_server):
    process, _ = own_server
    workers = workers_of(process)
    process.kill()
    process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_pages_and_several_workers_exclude_each_other():
    command = [sys.executable, "-m", "verticals", "run", "customer-service", "--workers", "2"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "Pages live in one process" in ran.stderr
    assert "--no-pages" in ran.stderr
