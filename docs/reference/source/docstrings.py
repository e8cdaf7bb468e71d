"""Docstrings in the project's style (a summary, text, then Args, Returns, Raises) as Markdown."""

from __future__ import annotations

import inspect
import re
from typing import Any

_SECTIONS = ("Args", "Attributes", "Yields", "Returns", "Raises")
_ITEM = re.compile(r"^([\w*`][\w*,.` ]*): (.*)$")


def text(thing: Any) -> str:
    """The docstring of a class, function or module, without indentation; empty where it has none of its own."""
    return inspect.cleandoc(thing.__doc__ or "")


def summary(thing: Any) -> str:
    """Its first sentence or line, as Markdown."""
    return inline(" ".join(text(thing).partition("\n\n")[0].split()))


def inline(written: str) -> str:
    """Plain text as Markdown: double backticks become single ones, and ``<name>`` outside them stays visible."""
    parts = re.split(r"(`[^`]*`)", re.sub(r"``([^`]+)``", r"`\1`", written))
    return "".join(part if part.startswith("`") else re.sub(r"<(?=[a-z])", r"\\<", part) for part in parts)


def sections(thing: Any) -> tuple[str, dict[str, list[str]]]:
    """The text before the sections, and the lines of each section."""
    before: list[str] = []
    found: dict[str, list[str]] = {}
    lines = before
    for line in text(thing).splitlines():
        if line.rstrip(":") in _SECTIONS and line.endswith(":"):
            lines = found.setdefault(line.rstrip(":"), [])
        else:
            lines.append(line)
    return "\n".join(before).strip(), found


def items(lines: list[str]) -> list[tuple[str, str]]:
    """The entries of an Args or Raises section: ``(name or names, text)``."""
    found: list[tuple[str, str]] = []
    for line in inspect.cleandoc("\n".join(lines)).splitlines():
        match = _ITEM.match(line) if not line.startswith(" ") else None
        if match:
            found.append((match[1].replace("`", ""), match[2]))
        elif found and line.strip():
            name, told = found[-1]
            found[-1] = name, f"{told} {line.strip()}"
    return [(name, inline(told)) for name, told in found]


def arguments(thing: Any) -> dict[str, str]:
    """What a docstring says of each argument, by name; one entry may speak of several."""
    described = sections(thing)[1]
    lines = [*described.get("Args", []), *described.get("Attributes", [])]
    return {name.strip(): told for names, told in items(lines) for name in names.split(",")}


def markdown(thing: Any) -> str:
    """The whole docstring."""
    before, others = sections(thing)
    parts = [_outside_fences(before)]
    for title, lines in others.items():
        entries = items(lines)
        if title in ("Yields", "Returns") or not entries:
            parts.append(f"{title}: {inline(' '.join(' '.join(lines).split()))}")
        else:
            parts.append("\n".join(f"- `{name}`: {told}" for name, told in entries))
            if title == "Raises":
                parts[-1] = f"Raises:\n\n{parts[-1]}"
    return "\n\n".join(part for part in parts if part)


def _outside_fences(written: str) -> str:
    """`inline`, but examples stay as they are."""
    parts = re.split(r"(```.*?```)", written, flags=re.DOTALL)
    return "".join(part if part.startswith("```") else inline(part) for part in parts)
