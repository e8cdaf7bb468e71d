"""Which files can be read, by their endings, and each one's blocks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from verticals.contract import BadInput, PlatformError, Unavailable, resolve

from .blocks import Block, Told, Unreadable

# Ending: what such files are called in metadata, and what reads them, imported when the first one comes.
KINDS = {
    ".md": ("markdown", "markdown"),
    ".markdown": ("markdown", "markdown"),
    ".html": ("html", "html"),
    ".htm": ("html", "html"),
    ".pdf": ("pdf", "pdf"),
    ".docx": ("docx", "docx"),
    ".txt": ("text", "text"),
    ".text": ("text", "text"),
    ".csv": ("rows", "tables"),
    ".tsv": ("rows", "tables"),
    ".jsonl": ("rows", "tables"),
}
LARGEST = 200 << 20
_STREAMED = ("pdf", "rows")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def kind_of(path: Path) -> str | None:
    """What kind of file this is; `None` where none that can be read."""
    return KINDS.get(path.suffix.lower(), (None, ""))[0]


def read_blocks(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The blocks of a file in their order.

    Args:
        path: of the file; its ending says what it is.
        encoding: of a text file that is not UTF-8; otherwise it is found.
        told: takes what its author should know.

    Raises:
        BadInput: it cannot be read, or there is no text in it.
        Unavailable: a library is missing.
    """
    found = False
    try:
        _check_size(path)
        for block in _reader(path)(path, encoding, told):
            found = True
            yield _clean(block)
    except PlatformError:
        raise
    except ImportError as error:
        raise Unavailable(f"{path} cannot be read: {error}.", "Install the package `verticals` again.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.", "Check its owner and mode.") from error
    except Exception as error:
        said = (
            str(error)
            if isinstance(error, Unreadable)
            else f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(":. ")
        )
        raise BadInput(f"{path} cannot be read: {said}.", "It may be damaged; write it again.") from error
    if not found:
        raise BadInput(f"{path}: there is no text in it.", "Fill it, or leave it out.")


def plain_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file, to which ``start`` and ``end`` in the metadata of its passages refer.

    Raises:
        BadInput: it cannot be read.
    """
    return "".join(block.before + block.text for block in read_blocks(path, encoding, Told()))


def _reader(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        near = difflib.get_close_matches(suffix, KINDS, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise BadInput(
            f"{path}: files that end in {suffix!r} cannot be read." if suffix else f"{path} has no ending.",
            f"{hint}Use {', '.join(KINDS)}.",
        )
    return resolve(f"verticals.retrieval.reading.{KINDS[suffix][1]}:read")


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{path} is empty.", "Fill it, or leave it out.")
    if size > LARGEST and kind_of(path) not in _STREAMED:
        raise BadInput(f"{path} has {size >> 20:,} MiB, and at most {LARGEST >> 20} can be read at once.", "Divide it.")


def _clean(block: Block) -> Block:
    """Half surrogates and NULs, which neither database takes, become the sign for a character that is not known."""
    if not any(map(_UNSTORABLE.search, (block.text, block.before, block.title, *block.heading))):
        return block
    return replace(
        block,
        text=_replaced(block.text),
        before=_replaced(block.before),
        title=_replaced(block.title),
        heading=tuple(map(_replaced, block.heading)),
    )


def _replaced(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)
