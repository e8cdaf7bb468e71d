"""Signing in with a key, in a real browser; on a vertical that needs no encoder."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NOTES = '''
"""Notes of tenants."""
from nicegui import ui
from verticals import EventKind, Page, hookimpl

async def render(vertical):
    async def add():
        await vertical.events.append("note", {"of": vertical.tenant})
        told.set_text(f"{len(await vertical.events.read())} notes of {vertical.tenant}")

    told = ui.label("no note")
    ui.button("Add", on_click=add)

@hookimpl
def register_events():
    yield EventKind(name="note")

@hookimpl
def register_pages():
    yield Page("Notes", render, tenants=True)
'''


@pytest.fixture
def notes(tmp_path, serve):
    """A server with that vertical, and what runs a command in its home."""
    plugins, home = tmp_path / "plugins", tmp_path / "home"
    plugins.mkdir()
    (plugins / "notes.py").write_text(NOTES, encoding="utf-8")

    def platform(*arguments):
        command = [sys.executable, "-m", "verticals", "--home", str(home), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    server = serve(home, ["notes"], "--plugins-dir", str(plugins))
    yield server, platform
    assert server.stop() == 0, server.log.read_text()


def test_a_page_asks_for_a_key_once_and_shows_that_keys_tenant(browser, notes) -> None:
    server, platform = notes
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/notes")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("1 notes of default").wait_for()  # without a key nothing is asked

    key = platform("key", "create", "--tenant", "acme")
    page.wait_for_timeout(1_200)  # until the server knows
    page.goto("/notes?from=mail")
    box = page.get_by_label("Key")
    assert box.evaluate("one => document.activeElement === one")
    box.fill("vk_mistyped")
    box.press("Enter")
    page.get_by_role("alert").get_by_text("This key does not hold").wait_for()
    page.get_by_label("Key").fill(key)
    page.get_by_label("Key").press("Enter")
    page.wait_for_url("**/notes?from=mail")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("1 notes of acme").wait_for()  # over the page's own connection, which carries the cookie
    assert page.evaluate("document.cookie") == ""
    page.reload()
    page.get_by_role("button", name="Add").click()
    page.get_by_text("2 notes of acme").wait_for()

    page.get_by_role("button", name="Sign out (acme)").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/notes")
    page.get_by_role("heading", name="Sign in").wait_for()
    context.close()
