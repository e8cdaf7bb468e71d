"""A real server and a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


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
                stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1", "PLATFORM_FIRST_TOKENS": "0"},
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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as a user has it after the first start; the two heads that no test here asks about are trained quickly."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    train = [sys.executable, "-m", "verticals", "--home", str(home), "train", "customer-service/intent"]
    subprocess.run([*train, "--set", "token_budget=100000"], check=True, capture_output=True)
    return home


@pytest.fixture(scope="session")
def served(home: Path) -> Iterator[Served]:
    """All three verticals on one encoder, started for the second time."""
    names = ["customer-service", "financial-sentiment", "recommendation"]
    first = Served(home, names)
    assert first.stop() == 0, first.log.read_text()
    server = Served(home, names)
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, served: Served) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """A fresh window; it fails the test if anything was asked of another machine, or a script failed."""
    context = browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 800})
    window = context.new_page()
    asked, failed = [], []
    window.on("request", lambda request: asked.append(request.url))
    window.on("pageerror", lambda error: failed.append(str(error)))
    yield window
    context.close()
    foreign = [url for url in asked if not url.startswith((served.url, "data:", "blob:"))]
    assert not foreign
    assert not failed
