"""Pages and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NOTE = "<!-- Written by docs/reference/generate.py from the code. Change the code, then run `make docs`. -->"


def page(title: str, introduction: str, parts: Iterable[str]) -> str:
    """One page, with the note that it is written by a program."""
    return "\n\n".join([_NOTE, f"# {title}", introduction, *(part.strip() for part in parts if part.strip())]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; empty where there are no rows."""
    lines = [[_cell(cell) for cell in row] for row in rows]
    if not lines:
        return ""
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(headings), ["---"] * len(headings), *lines])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|") or " "
