"""The server process: it says when it is ready, explains ports it cannot have, and stops in order."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from verticals import Conflict, SettingsError
from verticals.host.addresses import address_of
from verticals.web.server import listen, serve, url

pytestmark = pytest.mark.usefixtures("forked")

SERVER = """
import sys
from verticals import Host
from verticals.web.server import serve

with Host.open(sys.argv[1], plugins_dir=sys.argv[2]) as host:
    for number in range(3):
        host.store.events.append("quiet", "message", {"number": number})
    serve(host, ["quiet"], port=0, pages=sys.argv[3] == "pages", ready=lambda url: print(url, flush=True))
print("stopped in order", flush=True)
"""

PATIENT = """
import sys, threading, time
from verticals import Host, Progress
from verticals.web.server import serve

def tell():
    while host.on_progress is None:
        time.sleep(0.01)
    host.on_progress("patient/mood", Progress("training", 1200, 3400))

with Host.open(sys.argv[1], plugins_dir=sys.argv[2]) as host:
    threading.Thread(target=tell, daemon=True).start()
    serve(host, ["patient"], port=int(sys.argv[3]), ready=lambda url: print(url, flush=True))
print("stopped in order", flush=True)
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def run(pages):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, tmp_path, Path(__file__).parent / "plugins", pages],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_sigterm_ends_streams_and_stops_in_order(start):
    process, address = start("api")
    assert httpx.get(f"{address}/readyz").status_code == 200
    assert httpx.get(f"{address}/shop").headers["content-type"] == "application/problem+json"
    headers = {"last-event-id": "1"}
    with httpx.stream("GET", f"{address}/v1/platform/events/quiet/stream", headers=headers, timeout=60) as stream:
        lines = stream.iter_lines()
        seen = [next(lines), next(lines)]
        process.send_signal(signal.SIGTERM)
        seen.extend(lines)
    assert [line for line in seen if line.startswith("id:")] == ["id: 2", "id: 3"]
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "stopped in order\n"), err
    assert err == ""


def test_sigint_stops_a_server_with_pages(start):
    process, address = start("pages")
    assert "Overview" in httpx.get(f"{address}/", headers={"accept": "text/html"}, timeout=60).text
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "stopped in order\n"), err
    assert "Traceback" not in err


@pytest.fixture
def starting(tmp_path, monkeypatch):
    """A server whose vertical waits for a file: the process, its address, and the file."""
    gate = tmp_path / "gate"
    monkeypatch.setenv("PATIENT_GATE", str(gate))
    with listen("127.0.0.1", 0) as free:
        address = url(free)
    command = [sys.executable, "-c", PATIENT, tmp_path, Path(__file__).parent / "plugins", address.rpartition(":")[2]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        try:
            httpx.get(f"{address}/healthz", timeout=60)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield process, address, gate
    process.kill()
    process.communicate()


def test_a_server_that_still_starts_says_so_and_how_far(starting):
    process, address, gate = starting
    assert httpx.get(f"{address}/healthz").status_code == 200
    assert httpx.get(f"{address}/readyz").status_code == 503
    for _ in range(600):
        answer = httpx.get(f"{address}/v1/platform/verticals")
        assert answer.status_code == 503
        if "learns" in answer.json()["remedy"]:
            break
        time.sleep(0.05)
    assert answer.json()["detail"] == "patient is starting."
    assert "patient/mood learns from its data: training, 1,200 of 3,400 rows." in answer.json()["remedy"]
    assert int(answer.headers["retry-after"]) > 0
    page = httpx.get(f"{address}/patient", headers={"accept": "text/html"})
    assert page.status_code == 503
    assert "patient is starting" in page.text
    assert "1,200 of 3,400 rows" in page.text
    assert httpx.get(f"{address}/_static/platform.css").status_code == 200
    gate.touch()
    assert process.stdout.readline().strip() == address
    assert httpx.get(f"{address}/readyz").status_code == 200
    assert "Overview" in httpx.get(f"{address}/", headers={"accept": "text/html"}, timeout=60).text
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "stopped in order\n", "")


def test_a_signal_while_it_starts_stops_it_in_order(starting):
    process, _, _ = starting
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "stopped in order\n", "")


def test_a_start_that_fails_ends_the_server_with_its_cause(starting):
    process, _, gate = starting
    gate.write_text("broken")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "RuntimeError: the gate is broken" in err


def test_a_port_in_use_is_named_before_anything_starts(host):
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} on 127.0.0.1 is in use") as caught:
            serve(host, ["shop"], port=port)
    assert "--port" in caught.value.remedy


@pytest.mark.parametrize(("address", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 99999)])
def test_an_address_that_cannot_be_listened_on_is_explained(address, port):
    with pytest.raises(SettingsError) as caught:
        listen(address, port)
    assert caught.value.remedy


def test_the_default_is_this_machine_only():
    with listen("127.0.0.1", 0) as listening:
        assert url(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
    with listen("0.0.0.0", 0) as listening:
        assert url(listening).startswith("http://localhost:")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_an_ipv6_address_is_shown_in_brackets():
    try:
        listening = listen("::1", 0)
    except SettingsError:
        pytest.skip("IPv6 is switched off")
    with listening:
        assert url(listening).startswith("http://[::1]:")


def test_other_processes_of_the_home_find_its_address_while_it_serves(start, tmp_path):
    process, address = start("api")
    (told,) = (tmp_path / "servers").iterdir()
    assert address_of(tmp_path, told.stem) == address
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert address_of(tmp_path, told.stem) is None
