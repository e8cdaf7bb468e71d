"""Text files are UTF-8; where one is not, the error says where and which encoding to try. It is never guessed."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

from verticals.contract import BadInput

_CHUNK = 1 << 20
_SAMPLE = 1 << 15
_SHOWN = 60
_MARGIN = 0.12
_COMMON = ("gb18030", "cp932", "cp1252", "cp1250")
_MAGIC = {
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Save the sheet as 'CSV UTF-8' and import that."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as 'CSV UTF-8' and import that."),
    b"\x1f\x8b": ("compressed with gzip", "Unpack it first."),
    b"PAR1": ("a Parquet file", "Rename it to end in .parquet."),
}


def check_text(path: Path, encoding: str | None = None) -> str:
    """Read ``path`` once and return the codec that decodes all of it.

    Args:
        path: a text file.
        encoding: what the caller says it is; otherwise UTF-8 is required, with or without byte order mark.

    Raises:
        BadInput: an unknown encoding, a file that is no text, or bytes that do not decode; then the message names
            the first such byte and its row, and the encoding that charset-normalizer takes it for.
    """
    codec = _known(encoding) if encoding else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(codec)()
    lines = io.IncrementalNewlineDecoder(decoder, translate=True)
    read = rows = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            if read == 0:
                _refuse_binary(path, chunk)
            try:
                rows += lines.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                offset = read + len(chunk) - len(error.object) + error.start
                before = error.object[: error.start].decode(codec, "ignore")
                row = rows + before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
                raise _undecodable(path, encoding, offset, row) from None
            if not chunk:
                return codec
            read += len(chunk)


def _known(encoding: str) -> str:
    try:
        "a".encode(encoding)
    except (LookupError, UnicodeError):
        raise BadInput(
            f"There is no text encoding {encoding!r}.", "Common ones are utf-8, cp1252, latin-1, utf-16 and gb18030."
        ) from None
    return encoding


def _refuse_binary(path: Path, start: bytes) -> None:
    for magic, (what, remedy) in _MAGIC.items():
        if start.startswith(magic):
            raise BadInput(f"{path} is {what}, not text.", remedy)


def _undecodable(path: Path, encoding: str | None, offset: int, row: int) -> BadInput:
    with path.open("rb") as file:
        start = max(0, offset - _SAMPLE // 2)
        file.seek(start)
        sample = file.read(_SAMPLE)
        file.seek(0)
        mark = file.read(2)
    at = offset - start
    message = f"{path}, row {row}: byte 0x{sample[at]:02X} at offset {offset} is not {(encoding or 'utf-8').upper()}."
    if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return BadInput(message, "It begins like UTF-16: try --encoding utf-16, or save the file as UTF-8.")
    guess = suggest_encoding(sample)
    if guess is None or guess == encoding:
        return BadInput(message, "Save it as UTF-8, or name its encoding with --encoding.")
    line = sample[sample.rfind(b"\n", 0, at) + 1 :].partition(b"\n")[0].decode(guess, "replace").strip()
    shown = f"{line[:_SHOWN]}…" if len(line) > _SHOWN else line
    return BadInput(
        message,
        f"It may be {guess}, then this row reads {shown!r}: if so, add --encoding {guess}, or save the file as UTF-8.",
    )


def suggest_encoding(sample: bytes) -> str | None:
    """The encoding that ``sample`` looks like, by charset-normalizer; `None` if it has no idea."""
    from charset_normalizer import from_bytes

    found = list(from_bytes(sample))
    if not found:
        return None
    # Its first choice is often a rare sibling of a common encoding that is as plausible.
    plausible = [match for match in found if match.chaos <= found[0].chaos + _MARGIN]
    names = {name: match for match in plausible for name in (match.encoding, *match.could_be_from_charset)}
    return next((name for name in _COMMON if name in names), found[0].encoding)
