"""A real server and a real browser."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as a user has it after the first start; the two heads that no test here asks about are trained quickly."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    train = [sys.executable, "-m", "verticals", "--home", str(home), "train", "customer-service/intent"]
    subprocess.run([*train, "--set", "token_budget=30000"], check=True, capture_output=True)
    return home


@pytest.fixture(scope="session")
def served(home: Path, serve) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """Two verticals on one encoder."""
    server = serve(home, ["customer-service", "financial-sentiment"])
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
def page(browser, served) -> Iterator[object]:  # type: ignore[no-untyped-def]
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
