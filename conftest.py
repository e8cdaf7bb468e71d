"""A real server for the tests that need one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from tests.forks import Forks

# Where cores and disk are shared, an example now and then takes much longer than the others.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")

# A vertical's first head is trained in seconds here; tests of the product as it comes ask for more themselves.
os.environ.setdefault("PLATFORM_FIRST_TOKENS", "0")


class Served:
    """A platform that serves in a process of its own."""

    def __init__(self, home: Path, names: list[str], *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = home / "serve.log"
        home.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "verticals", "--home", str(home), "run", *names, "--port", str(port), *options],
                stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"},
            )  # fmt: skip
        self.seconds_to_ready = self._wait()

    def _wait(self) -> float:
        for _ in range(2400):
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"it never became ready:\n{self.log.read_text()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def serve() -> type[Served]:
    """Starts a platform: ``serve(home, names, *options)``."""
    return Served


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """A process that has imported what every command needs."""
    with Forks(tmp_path_factory.mktemp("forks"), {**os.environ, "OMP_NUM_THREADS": "1"}) as started:
        yield started


@pytest.fixture
def forked(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that run this interpreter are forks, seconds earlier."""
    monkeypatch.setattr(subprocess, "Popen", forks.popen())
