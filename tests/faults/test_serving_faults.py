"""What clients do to a server, and what happens to it: each gets a clear answer of its own, and the server lives."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points

import httpx
import pytest
import uvicorn
from tests.faults.test_bad_checkpoints import PLUGIN

from verticals.encoder import tiny
from verticals.host import Host
from verticals.web.app import create_app
from verticals.web.server import listen, url

PATH = "/v1/platform/heads/shop/topic/predict"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a live version, its plugins beside it, and the encoder."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "shop.py").write_text(PLUGIN, encoding="utf-8")
    tiny.create(folder / "encoder")
    with opened(folder / "home", folder) as host:
        head = host["shop"].head("topic")
        head.promote(head.train(changes={"epochs": 1}).version)
    return folder


def opened(home, folder):
    blocked = [entry.name for entry in entry_points(group="verticals")]
    settings = {"blocked": blocked, "encoder": str(folder / "encoder"), "threads": 1}
    return Host.open(home, plugins_dir=folder / "plugins", settings=settings)


@pytest.fixture
def served(home, tmp_path):
    """A server on a real socket, and its host."""
    shutil.copytree(home / "home", tmp_path / "home")
    with opened(tmp_path / "home", home) as host, listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(host, ["shop"], pages=False), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield url(listening), host
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def ask(address, *inputs, **more):
    return httpx.post(f"{address}{PATH}", json={"inputs": list(inputs)}, timeout=60, **more)


def assert_well(address):
    """The server answers as if nothing had happened."""
    answer = ask(address, "where is my parcel 3")
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] in ("delivery", "payment")


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b'{"inputs": [""]}', 422, "inputs.0 is empty"),
        (b'{"inputs": ["  "]}', 422, "'text' is empty"),
        (b'{"inputs": []}', 422, "body.inputs"),
        (b'{"inputs": [7]}', 422, "body.inputs"),
        (b'{"inputs": "a text"}', 422, "body.inputs"),
        (b'{"inputs": [{"txt": "a"}]}', 422, "no 'text'"),
        (b'{"inputs": ["\\ud83d"]}', 422, "half of a character"),
        (b'{"inputs": ["\xff\xfe"]}', 400, "Send JSON in UTF-8"),
        (b"not json", 422, "not JSON"),
        (b"", 422, "body"),
        (json.dumps({"inputs": ["a"] * 100_000}).encode(), 422, "body.inputs"),
        (b'{"inputs": ["' + b"a" * (11 << 20) + b'"]}', 413, "at most 10,485,760 bytes"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_bad_requests_are_told_what_is_wrong(served, body, status, told):
    address, _ = served
    answer = httpx.post(f"{address}{PATH}", content=body, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.text
    assert_well(address)


def test_strange_texts_are_answered(served):
    address, _ = served
    texts = ["a\0b", "\u202e reversed", "\U0001f4e6" * 50, "parcel " * 20, "\n\t x"]
    answer = ask(address, *texts)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == len(texts)


def test_a_text_of_a_megabyte_is_answered_in_part_and_keeps_nobody_waiting(served):
    address, _ = served
    began = time.perf_counter()
    answer = ask(address, "where is my parcel " * 55_000)
    assert time.perf_counter() - began < 10
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["tokens_cut"] > 100_000
    assert_well(address)


def test_heads_and_versions_that_are_not_there(served):
    address, _ = served
    answer = httpx.post(f"{address}/v1/platform/heads/shop/topik/predict", json={"inputs": ["a"]})
    assert (answer.status_code, answer.json()["remedy"]) == (404, "Did you mean 'topic'?")


def test_a_version_whose_files_were_changed_is_refused_and_another_one_serves(served):
    address, host = served
    assert_well(address)
    head = host["shop"].head("topic")
    report = head.train(changes={"epochs": 1})
    folder = host.registry.open("shop", "topic", report.version).path
    head.promote(report.version)
    path = folder / "head.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    answer = ask(address, "where is my parcel")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:verticals:problem:damaged")
    assert "head.safetensors does not match its checksum" in answer.json()["detail"]
    head.rollback()
    assert_well(address)


def test_versions_change_under_traffic_without_a_wrong_or_a_lost_answer(served):
    address, host = served
    head = host["shop"].head("topic")
    head.train(changes={"epochs": 1, "seed": 5})
    expected = {
        version: {one: head.predict(one, version)[0] for one in (f"text {number}" for number in range(20))}
        for version in ("v1", "v2")
    }
    stop, wrong, seen = threading.Event(), [], set()

    def client(number):
        with httpx.Client(timeout=60) as session:
            while not stop.is_set():
                text = f"text {number}"
                answer = session.post(f"{address}{PATH}", json={"inputs": [text]})
                if answer.status_code != 200:
                    wrong.append(answer.text)
                    return
                version = answer.json()["version"].partition("@")[2]
                seen.add(version)
                one, other = answer.json()["predictions"][0], expected[version][text]
                if one["label"] != other.label or abs(one["confidence"] - other.confidence) > 1e-4:
                    wrong.append((version, text, one, other))

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        for turn in range(12):
            head.promote(("v2", "v1")[turn % 2])
            time.sleep(0.15)
        stop.set()
        for one in clients:
            one.result()
    assert wrong == []
    assert seen == {"v1", "v2"}


def test_a_version_that_is_deleted_under_traffic_goes_on_answering_from_memory(served):
    address, host = served
    assert_well(address)
    shutil.rmtree(host.registry.open("shop", "topic", "v1").path)
    assert_well(address)


def test_work_that_breaks_down_is_begun_again_and_those_in_it_are_told(served, monkeypatch, caplog):
    address, host = served
    answer = host.engine.answer
    broken = threading.Event()

    def breaking(requests):
        if not broken.is_set():
            broken.set()
            raise SystemExit(3)
        return answer(requests)

    monkeypatch.setattr("verticals.inference.queue._Job.tell", broken_once(monkeypatch))
    refused = ask(address, "where is my parcel")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:verticals:problem:unavailable")
    assert refused.headers["retry-after"] == "1"
    monkeypatch.setattr(host.engine, "answer", breaking)
    assert ask(address, "where is my parcel").status_code == 500
    assert_well(address)


def broken_once(monkeypatch):
    """What stands in for a fault in the queue itself, the first time only."""
    from verticals.inference.queue import _Job

    tell = _Job.tell

    def broken(job):
        monkeypatch.setattr(_Job, "tell", tell)
        raise SystemExit(3)

    return broken


def test_a_storm_of_clients_that_hang_up_leaves_nothing_behind(served):
    address, _ = served
    parts = httpx.URL(address)
    body = json.dumps({"inputs": ["where is my parcel"] * 20}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"

    def hang_up(number):
        with contextlib.closing(socket.create_connection((parts.host, parts.port))) as connection:
            whole = head.encode() + body
            connection.sendall(whole[: len(whole) if number % 3 else number % len(whole)])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hang_up, range(300)))
    assert_well(address)
    assert threading.active_count() < 80


def test_a_slow_client_keeps_nobody_waiting(served):
    address, _ = served
    parts = httpx.URL(address)
    with contextlib.closing(socket.create_connection((parts.host, parts.port))) as slow:
        slow.sendall(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{{".encode())
        for _ in range(5):
            assert_well(address)
