"""Takes the pictures of the documentation anew: serves the assistant, plays days of a shop, and looks at the pages.

    python docs/images/take.py                       # in a home of its own, from nothing: some minutes
    python docs/images/take.py --home H --dark --to /tmp/dark

Needs chromium and playwright, as the tests in the browser do. Whoever speaks here is invented.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
PLATFORM = (sys.executable, "-m", "verticals")
BASE = "/v1/customer-service"
DOWN = {"thumb": "down"}
ENGRAVING = "Yes: we engrave up to 12 letters on wood and steel, for £9. It adds three days."
# How many days ago, what the customer writes in turn, then what is done.
SCENES: list[tuple[int, list[str], list[tuple[str, Mapping[str, Any]]]]] = [
    (9, ["where is my parcel?", "LL-204518"], [("feedback", {"thumb": "up"}), ("resolve", {"by": "Dana"})]),
    (9, ["do you engrave initials on knives?"], [("feedback", DOWN)]),
    (8, ["how do I send a rug back?"], [("feedback", {"thumb": "up"}), ("resolve", {"by": "Dana"})]),
    (8, ["can I pay with PayPal?"], [("feedback", {"thumb": "up"})]),
    (6, ["could you engrave a name on a chopping board?"], [
        ("take-over", {"agent": "Dana"}),
        ("replies", {"agent": "Dana", "text": ENGRAVING}),
        ("resolve", {"by": "Dana"}),
    ]),
    (6, ["what does delivery cost to the Isle of Skye?"], [
        ("feedback", {**DOWN, "wrong": "answer", "comment": "I was charged more than that"}),
    ]),
    (5, ["how much is shipping?", "and to Ireland?"], [("feedback", {"thumb": "up"})]),
    (4, ["is it possible to have initials engraved on a pan?"], [("feedback", {**DOWN, "wrong": "question"})]),
    (4, ["I forgot my password, what now?"], [("feedback", {"thumb": "up"}), ("resolve", {"by": "Kim"})]),
    (3, ["where is my parcel?"], [("feedback", {**DOWN, "wrong": "unclear", "comment": "Which link do you mean?"})]),
    (3, ["do you sharpen scissors that I bought elsewhere?"], []),
    (2, ["can the lid of the casserole go into the dishwasher?"], [("feedback", {"thumb": "up"})]),
    (2, ["would you sharpen my old bread knife?"], []),
    (1, ["the vase arrived in pieces"], [("feedback", {"thumb": "up"}), ("resolve", {"by": "Dana"})]),
    (1, ["can I change the delivery address?"], [("resolve", {"by": "Kim"})]),
    (0, ["my coffee grinder stopped after a week", "this is the second one! I am really annoyed"], [("handover", {})]),
    (0, ["I would like to talk to a human please"], []),
    (0, ["the mug arrived broken, this is the third time!! I am furious"], [("handover", {})]),
]  # fmt: skip


def main() -> None:
    """Play, and take every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="a home in which everything is trained already; it is copied")
    parser.add_argument("--to", type=Path, default=HERE)
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if given.home:
            shutil.copytree(given.home, home)
        else:
            subprocess.run([*PLATFORM, "--home", home, "customer-service", "learn", "--example"], check=True)
        with served(home) as address:
            played = play(address)
        age(home, played)
        with served(home) as address, window(address, dark=given.dark) as page:
            take(page, given.to)
            subprocess.run([*PLATFORM, "--home", home, "key", "create"], check=True, capture_output=True)
            page.wait_for_timeout(1_500)  # a second, until the server knows
            page.set_viewport_size({"width": 1280, "height": 720})
            page.goto("/")
            page.locator("#key").wait_for()
            page.screenshot(path=given.to / "sign-in.png")


@contextlib.contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of a server of this home."""
    command = [*PLATFORM, "--home", str(home), "run", "customer-service", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    assert server.stdout
    try:
        for line in server.stdout:
            if found := re.search(r"http://[\w.:]+", line):
                yield found[0]
                break
    finally:
        server.terminate()
        server.wait(30)


def play(address: str) -> dict[str, int]:
    """Have the conversations; how many days ago each session is to have been."""
    played = {}
    with httpx.Client(base_url=f"{address}{BASE}", timeout=60) as client:
        for days, texts, steps in SCENES:
            session = client.post("/sessions").json()["session"]
            played[session] = days
            for text in texts:
                client.post(f"/sessions/{session}/messages", json={"text": text}).raise_for_status()
            for step, body in steps:
                client.post(f"/sessions/{session}/{step}", json=body).raise_for_status()
    return played


def age(home: Path, played: Mapping[str, int]) -> None:
    """Let the sessions be as old as they are to be."""
    with contextlib.closing(sqlite3.connect(home / "platform.db")) as database, database:
        for number, at, payload in database.execute("SELECT rowid, at, payload FROM events").fetchall():
            days = played.get(json.loads(payload).get("session", ""))
            if days:
                moment = datetime.fromisoformat(at) - timedelta(days=days, hours=len(payload) % 7)
                database.execute("UPDATE events SET at = ? WHERE rowid = ?", (moment.isoformat(sep=" "), number))


@contextlib.contextmanager
def window(address: str, *, dark: bool) -> Iterator[Any]:
    """A window of a browser."""
    from playwright.sync_api import sync_playwright

    path = next(found for name in ("chromium", "google-chrome", "chromium-browser") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        colours: Any = "dark" if dark else "light"
        context = browser.new_context(base_url=address, color_scheme=colours, viewport={"width": 1280, "height": 860})
        yield context.new_page()
        browser.close()


def take(page: Any, to: Path) -> None:
    """Each page as it is shown in the documentation."""

    def shot(name: str, *, whole: bool = False) -> None:
        page.mouse.move(5, 300)
        page.wait_for_timeout(700)
        page.screenshot(path=to / f"{name}.png", full_page=whole)

    def look(path: str, there: str, width: int = 1280, height: int = 900) -> None:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path)
        page.locator(there).first.wait_for(timeout=30_000)

    look("/customer-service", ".cs-box textarea", 1180, 900)
    page.get_by_label("Your message").fill("how do I reset my password? And another thing: do you deliver to Germany?")
    page.keyboard.press("Enter")
    page.locator(".cs-under").last.wait_for(timeout=30_000)
    page.get_by_role("button", name="This did not help").last.click()
    shot("chat")
    page.wait_for_url("**session=*")
    trace = page.locator(".cs-why").last.get_attribute("href")

    look("/customer-service/inbox?agent=Dana", ".cs-entry", 1280, 860)
    page.locator(".cs-entry", has_text="the second one").first.click()
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Your reply").fill("Hello, this is Dana. I am sorry; a new grinder leaves today.")
    page.get_by_label("Your reply").press("Enter")
    page.locator(".cs-log", has_text="leaves today").wait_for(timeout=20_000)
    shot("inbox")
    look("/customer-service/knowledge", ".cs-proposal")
    shot("knowledge")
    look("/customer-service/knowledge?tab=suggestions", ".cs-signals")
    shot("suggestions")
    look("/customer-service/learned", ".cs-proposals")
    shot("learned")
    look("/customer-service/results", ".cs-bar", height=1100)
    shot("results")
    look(str(trace), ".cs-replay p")
    shot("trace", whole=True)

    look(f"{BASE}/demo", "verticals-chat", 1280, 860)
    page.get_by_role("button", name="Open the chat").click()
    page.get_by_text("Hello, and welcome").wait_for()
    box = page.get_by_label("Write a message")
    box.fill("what does delivery cost, and how do I send a mug back?")
    box.press("Enter")
    page.locator(".source").first.wait_for(timeout=30_000)
    page.get_by_role("button", name="This did not help").last.click()
    page.get_by_role("group", name="What was wrong?").wait_for()
    shot("widget")


if __name__ == "__main__":
    main()
