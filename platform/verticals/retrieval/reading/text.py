"""Plain text: paragraphs between blank lines. The plain text is the file's own, to the character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .blocks import Block, Told
from .encodings import decoded

_BLANK_LINES = re.compile(r"\n[^\S\n]*+\n\s*+")


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The paragraphs of a text file.

    Raises:
        BadInput: it is no text.
    """
    text = decoded(path, encoding, told)
    end = 0
    for start, stop in paragraphs(text):
        yield Block(text[start:stop], before=text[end:start], title=path.stem)
        end = stop


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of what stands between blank lines, without the space around it."""
    start = 0
    for match in _BLANK_LINES.finditer(text):
        yield from _trimmed(text, start, match.start())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    inner = part.strip()
    if inner:
        begin = start + len(part) - len(part.lstrip())
        yield begin, begin + len(inner)
