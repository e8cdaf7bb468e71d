"""The text of a file that should be UTF-8. Where it is not, the likely encoding is taken, and that is told."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from verticals.contract import BadInput
from verticals.data.encodings import check_text, suggest_encoding

from .blocks import Told

_SAMPLE = 1 << 15


def text_encoding(path: Path, encoding: str | None, told: Told) -> str:
    """The codec that decodes all of ``path``.

    A data set refuses a file that is not UTF-8, for its rows are learnt from. A folder of documents is read with what
    each file looks like: hundreds of them come from everywhere, and a person sees what a search finds.

    Raises:
        BadInput: the file is no text, or no encoding can be found.
    """
    try:
        return check_text(path, encoding)
    except BadInput as error:
        guess = None if encoding else _likely(path)
        if guess is None:
            raise
        try:
            check_text(path, guess)
        except BadInput:
            raise error from None
    told.notes.append(f"{path} is not UTF-8; it was read as {guess}. If that is wrong, name its encoding.")
    return guess


def decoded(path: Path, encoding: str | None, told: Told) -> str:
    r"""The text of a file, its lines ended by ``\n``.

    Raises:
        BadInput: it is no text.
    """
    text = path.read_text(encoding=text_encoding(path, encoding, told))
    if "\0" in text[: 1 << 20]:
        raise BadInput(f"{path} contains NUL bytes: it is no text.", "Rename it after what it is, or leave it out.")
    if text.startswith("%PDF-"):
        raise BadInput(f"{path} is a PDF, whatever its name says.", "Rename it to end in .pdf.")
    return text


def _likely(path: Path) -> str | None:
    content = path.read_bytes()
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    first = re.search(rb"[\x80-\xff]", content)
    if first is None:
        return None
    begin = max(0, first.start() - _SAMPLE // 2)
    return suggest_encoding(content[begin : begin + _SAMPLE])
