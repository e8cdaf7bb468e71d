"""Tests that share a costly fixture run in one process; a real server for those that need one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent
_TOGETHER = (
    Path("tests/e2e"),
    Path("tests/contract"),
    Path("tests/docs"),
    Path("tests/unit/host"),
    Path("tests/unit/web"),
)

# A vertical's first head is trained in seconds here; tests of the product as it comes ask for more themselves.
os.environ.setdefault("PLATFORM_FIRST_TOKENS", "0")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name the group of an item for pytest-xdist."""
    path = item.path.relative_to(_ROOT)
    group = (
        path.parts[1] if path.parts[0] == "plugins" else next((str(f) for f in _TOGETHER if path.is_relative_to(f)), "")
    )
    if group:
        item.add_marker(pytest.mark.xdist_group(group))


class Served:
    """A platform that serves in a process of its own."""

    def __init__(self, home: Path, names: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = home / "serve.log"
        home.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "verticals", "--home", str(home), "run", *names, "--port", str(port)],
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
    """Starts a platform: ``serve(home, names)``."""
    return Served
