"""Text files are UTF-8; where one is not, the error says where and which encoding to try. It is never guessed."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

from verticals.contract import BadInput

_CHUNK = 1 << 20
_SAMPLE = 1 << 15
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
        b"".decode(encoding)
    except LookupError:
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
        file.seek(offset)
        byte = file.read(1).hex().upper()
    message = f"{path}, row {row}: byte 0x{byte} at offset {offset} is not {(encoding or 'utf-8').upper()}."
    guess = suggest_encoding(path, offset)
    if guess is None or guess == encoding:
        return BadInput(message, "Save it as UTF-8, or name its encoding with --encoding.")
    return BadInput(message, f"It looks like {guess}: try --encoding {guess}, or save the file as UTF-8.")


def suggest_encoding(path: Path, offset: int) -> str | None:
    """The encoding that the bytes around ``offset`` look like, under Python's name with hyphens; `None` if unsure."""
    from charset_normalizer import from_bytes

    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        file.seek(max(0, offset - _SAMPLE // 2))
        best = from_bytes(file.read(_SAMPLE)).best()
    if best is None:
        return None
    # Many single-byte encodings agree on most texts; by far the most files in the world are the common one.
    same = {codecs.lookup(name).name for name in best.could_be_from_charset}
    return next((name for name in ("cp1252", "iso8859-1") if name in same), best.encoding).replace("_", "-")
