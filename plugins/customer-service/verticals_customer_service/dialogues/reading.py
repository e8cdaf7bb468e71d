"""Logs as raw dialogues: JSON lines, JSON, and tables with one turn a row; in this platform's shape or another's.

A file is read as it streams by: of JSON lines one line is in memory, of a table as many turns as dialogues that run at
the same time have.
"""

from __future__ import annotations

import csv
import io
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from verticals import BadInput

from . import chatwoot, zendesk
from .records import Problem, Raw, Rows

EXTENSIONS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
LONGEST_LINE = 32 << 20  # characters
LARGEST_JSON = 64 << 20  # bytes
OPEN_TURNS = 100_000  # of a table, held until their dialogues end
_SHAPE = "Use {dialogue_id, turns: [{role, text, ts}], resolved, csat}, or an export of Chatwoot or Zendesk."
_COLUMNS = {  # field: the names that a column may have
    "dialogue_id": ("dialogue_id", "conversation_id", "ticket_id", "session_id", "chat_id"),
    "role": ("role", "sender", "sender_type", "author", "from"),
    "text": ("text", "message", "content", "body"),
    "ts": ("ts", "timestamp", "created_at", "time", "date"),
    "resolved": ("resolved", "status"),
    "csat": ("csat", "rating"),
}


def read_log(path: Path, encoding: str | None = None, progress: Callable[[int], None] | None = None) -> Rows:
    """The dialogues of a log, and the rows that are none, in the order of the file.

    Args:
        path: its extension says what it is.
        encoding: of its text; UTF-8 when not given.
        progress: told now and then how many bytes were read.

    Raises:
        BadInput: no such file, an unknown extension or encoding, or no log at all.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", "Give its files one by one.")
    kind = path.suffix.lower()
    if kind not in EXTENSIONS:
        raise BadInput(f"{path}: files of this kind cannot be read.", f"Use {', '.join(EXTENSIONS)}.")
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file.", "Check the path.")
    if path.stat().st_size == 0:
        raise BadInput(f"{path}: the file is empty.", "Give it at least one dialogue.")
    try:
        "".encode(encoding or "utf-8")
    except LookupError:
        raise BadInput(f"There is no text encoding {encoding!r}.", "Common ones are cp1252, utf-16, gb18030.") from None
    return _rows(path, kind, encoding, progress)


def _rows(path: Path, kind: str, encoding: str | None, progress: Callable[[int], None] | None) -> Rows:
    _refuse_other_bytes(path, encoding)
    codec = encoding or "utf-8-sig"
    # A byte that does not fit becomes a lone surrogate, which is told with its row when the text is cleaned.
    errors = "surrogateescape" if codec.lower().replace("_", "-") in ("utf-8-sig", "utf-8", "ascii") else "replace"
    with path.open("rb") as bytes_read:
        text = io.TextIOWrapper(bytes_read, codec, errors, newline="" if kind in (".csv", ".tsv") else None)
        rows = {".json": _json, ".csv": _table, ".tsv": _table}.get(kind, _lines)(path, text)
        for number, row in enumerate(rows):
            yield row
            if progress and number % 64 == 0:
                progress(bytes_read.tell())


def _refuse_other_bytes(path: Path, encoding: str | None) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and encoding is None:
        raise BadInput(f"{path} is UTF-16.", "Add --encoding utf-16, or save the file as UTF-8.")
    if start == b"PK\x03\x04" or start[:2] == b"\x1f\x8b":
        raise BadInput(f"{path} is compressed, or an Excel workbook.", "Unpack it, or save it as CSV.")


def dialogue_of(value: Any, row: int) -> Raw | Problem:
    """An object of a log in whichever shape it has."""
    if not isinstance(value, Mapping):
        return Problem(row, "", f"is {type(value).__name__}, not an object", _SHAPE)
    if "turns" in value or "dialogue_id" in value:
        return Raw(row, dict(value))
    if zendesk.is_ticket(value):
        return Raw(row, zendesk.ticket(value))
    if chatwoot.is_conversation(value):
        return Raw(row, chatwoot.conversation(value))
    return Problem(row, "", "has neither turns nor messages nor comments", _SHAPE)


def _lines(path: Path, file: IO[str]) -> Rows:
    row = 0
    while line := file.readline(LONGEST_LINE + 1):
        row += 1
        if len(line) > LONGEST_LINE and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = file.readline(LONGEST_LINE)
            yield Problem(row, "", f"has more than {LONGEST_LINE:,} characters", "Split the dialogue.")
        elif line.strip():
            try:
                yield dialogue_of(json.loads(line), row)
            except (ValueError, RecursionError) as error:
                yield Problem(row, "", f"is not JSON: {error}", "Write one object a line.")


def _json(path: Path, file: IO[str]) -> Rows:
    if path.stat().st_size > LARGEST_JSON:
        raise BadInput(
            f"{path} has more than {LARGEST_JSON >> 20} MiB.", f"Write one object a line: jq -c '.[]' {path.name}"
        )
    try:
        content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.", "Write a list of objects, or one object a line.") from None
    for number, value in enumerate(_listed(content), start=1):
        yield dialogue_of(value, number)


def _listed(content: Any) -> list[Any]:
    """The dialogues of a document: a list, a single one, or the list that an API wraps into an object."""
    if isinstance(content, Mapping) and isinstance(content.get("data"), Mapping | list):
        content = content["data"]
    if isinstance(content, Mapping) and isinstance(content.get("tickets"), list):
        return list(content["tickets"])
    if isinstance(content, Mapping) and isinstance(content.get("payload"), list):
        wrapped = not chatwoot.is_conversation(content)
        return list(content["payload"]) if wrapped else [content]
    return content if isinstance(content, list) else [content]


def _table(path: Path, file: IO[str]) -> Rows:
    reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    header = [name.strip().lower() for name in next(reader, [])]
    places = {
        field: next(header.index(name) for name in names if name in header)
        for field, names in _COLUMNS.items()
        if any(name in header for name in names)
    }
    if missing := [field for field in ("dialogue_id", "role", "text") if field not in places]:
        raise BadInput(
            f"{path}, row 1: there is no column {', '.join(missing)}.",
            f"Name the columns dialogue_id, role, text, ts, resolved, csat; it has {', '.join(header)[:200]}.",
        )
    open_now: OrderedDict[str, _Open] = OrderedDict()
    ended: set[str] = set()
    held = 0
    for row, cells in _records(reader):
        if isinstance(cells, Problem):
            yield cells
            continue
        if len(cells) != len(header):
            yield Problem(
                row, "", f"has {len(cells)} cells where the header has {len(header)}", "Put cells in double quotes."
            )
            continue
        values = {field: cells[place] for field, place in places.items()}
        name = values.pop("dialogue_id").strip()
        if not name:
            yield Problem(row, "dialogue_id", "is missing", "Say which dialogue the turn belongs to.")
        elif name in ended:
            yield Problem(
                row, "dialogue_id", f"{name[:60]!r} goes on too far from its first rows", "Sort the file by dialogue."
            )
        else:
            open_now.setdefault(name, _Open(row)).add(row, values)
            held += 1
        while held > OPEN_TURNS:
            oldest, dialogue = open_now.popitem(last=False)
            held -= len(dialogue.rows)
            ended.add(oldest)
            yield dialogue.raw(oldest)
    for name, dialogue in open_now.items():
        yield dialogue.raw(name)


def _records(reader: Any) -> Iterator[tuple[int, Any]]:
    """The rows with the line that each begins at; what cannot be read is a problem."""
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield row, Problem(row, "", f"cannot be read: {error}", "Close each double quote that opens a cell.")
            continue
        if cells:
            yield row, cells


class _Open:
    """A dialogue of a table whose end has not been seen."""

    def __init__(self, row: int) -> None:
        self.row = row
        self.rows: list[int] = []
        self._turns: list[dict[str, Any]] = []
        self._marks: dict[str, str] = {}

    def add(self, row: int, values: dict[str, str]) -> None:
        self._marks |= {name: values[name] for name in ("resolved", "csat") if values.get(name)}
        self._turns.append({"role": values["role"], "text": values["text"], "ts": values.get("ts")})
        self.rows.append(row)

    def raw(self, name: str) -> Raw:
        return Raw(self.row, {"dialogue_id": name, "turns": self._turns, **self._marks}, tuple(self.rows))
