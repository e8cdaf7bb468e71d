"""PDF: the text of its pages. What was scanned is a picture and has none."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from verticals.contract import BadInput

from .blocks import Block, Told
from .text import paragraphs

if TYPE_CHECKING:
    from pypdf import PdfReader

# A line shorter than this part of the longest one on its page was ended on purpose, not by the margin.
_FULL = 0.7
_HYPHEN = re.compile(r"(?<=[^\W\d_])(?:-|\u00ad)\n(?=[^\W\d_])")
_ITEM = re.compile(r"(?:[-–—•▪◦*·]|\d{1,3}[.)]|\d{1,3}(?:\.\d{1,3})+\.?|[a-z]\))\s")
_SHOWN_PAGES = 10


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The paragraphs of each page.

    Raises:
        BadInput: it is damaged, needs a password, or has no text on any page.
    """
    # It warns of every small fault of a file on standard error; what matters is told here.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as file:
        from pypdf import PdfReader

        try:
            reader = PdfReader(file)
            if reader.is_encrypted:
                _open(path, reader)
            pages = len(reader.pages)
            title = str((reader.metadata and reader.metadata.title) or "").strip()
        except BadInput:
            raise
        except Exception as error:
            raise _damaged(path, error) from error
        empty: list[int] = []
        unreadable: list[int] = []
        for number in range(1, pages + 1):
            try:
                text = _flowing(reader.pages[number - 1].extract_text())
            except Exception:  # noqa: BLE001 - a damaged page makes it raise anything, and the others are good
                unreadable.append(number)
                continue
            end = 0
            for start, stop in paragraphs(text):
                before = text[end:start] if end else "\n\n"
                yield Block(text[start:stop], before, title=title or path.stem, page=number)
                end = stop
            if not end:
                empty.append(number)
    _tell_pages(path, pages, empty, unreadable, told)


def _open(path: Path, reader: PdfReader) -> None:
    """Open an encrypted file that needs no password, as one that only forbids printing."""
    from pypdf.errors import DependencyError

    try:
        if not reader.decrypt(""):
            raise BadInput(
                f"{path} is encrypted and needs a password.", "Save a copy without password, and import that."
            )
    except DependencyError as error:
        raise BadInput(
            f"{path} is encrypted with AES, which is not read here.",
            "Save a copy without password, and import that; or install what reads it: pip install 'pypdf[crypto]'.",
        ) from error


def _flowing(text: str) -> str:
    """The text of a page without the line ends that only the margin made."""
    lines = [line.strip() for line in _HYPHEN.sub("", text.replace("\r\n", "\n")).split("\n")]
    full = _FULL * max(map(len, lines))
    parts = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        flows = line and following and len(line) >= full and not _ITEM.match(following)
        parts += [line, " " if flows else "\n"]
    return "".join(parts).strip()


def _tell_pages(path: Path, pages: int, empty: list[int], unreadable: list[int], told: Told) -> None:
    if len(unreadable) == pages:
        raise _damaged(path, "none of its pages can be read" if pages else "it has no pages")
    if len(empty) + len(unreadable) == pages:
        raise BadInput(
            f"{path} has no text: its pages are pictures, as scanned ones are.",
            "Run text recognition on it (ocrmypdf, for example), and import what that writes.",
        )
    if unreadable:
        told.left_out.append(
            f"{path}: {_listed(unreadable)} cannot be read and {_are(unreadable)} left out. Write the PDF again."
        )
    if empty:
        told.notes.append(f"{path}: {_listed(empty)} {'have' if len(empty) > 1 else 'has'} no text.")


def _damaged(path: Path, reason: object) -> BadInput:
    said = " ".join(str(reason).split()).rstrip(".") or type(reason).__name__
    return BadInput(f"{path} is damaged or no PDF: {said}.", "Open it in a viewer and save it again.")


def _listed(pages: list[int]) -> str:
    shown = ", ".join(map(str, pages[:_SHOWN_PAGES]))
    more = f" and {len(pages) - _SHOWN_PAGES} more" if len(pages) > _SHOWN_PAGES else ""
    return f"page{'s' if len(pages) > 1 else ''} {shown}{more}"


def _are(pages: list[int]) -> str:
    return "are" if len(pages) > 1 else "is"
