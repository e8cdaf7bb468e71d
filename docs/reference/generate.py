"""Writes the reference pages beside this file from the code itself: ``make docs``.

The same code gives the same pages, so a test can tell whether the committed ones are up to date.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from source import command_line, contract, settings, web  # noqa: E402

from verticals.host import Host  # noqa: E402

PLUGINS = ("customer-service", "financial-sentiment", "recommendation")


def pages() -> dict[str, str]:
    """All reference pages: file name to text."""
    with tempfile.TemporaryDirectory() as home, Host.open(home, settings={"blocked": []}) as host:
        found = {
            "cli.md": command_line.cli(),
            "hooks.md": contract.hook_page(),
            "python.md": contract.python(),
            "recipe.md": contract.recipe(),
            "settings.md": settings.settings(host, PLUGINS),
            "api.md": web.api(host, PLUGINS),
            "events.md": web.events(host, PLUGINS),
            "errors.md": web.errors(),
        }
    return {name: formatted(name, text) for name, text in found.items()}


def formatted(name: str, text: str) -> str:
    """The page as `ruff format` leaves it, which formats the Python in Markdown too."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(HERE / name), "-"]
    return subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    for name, content in pages().items():
        (HERE / name).write_text(content, encoding="utf-8")
