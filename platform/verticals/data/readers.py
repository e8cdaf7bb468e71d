"""Files as rows: CSV, TSV, JSON lines, JSON and Parquet behind one face, each row with its number."""

from __future__ import annotations

import contextlib
import csv
import difflib
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from verticals.contract import BadInput, RowProblem

from .encodings import check_text
from .schema import Field, Parse

EXTENSIONS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_NO_ROWS = "Give it at least one row."


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it. ``number`` is the line where it begins (CSV, TSV, JSON lines), else its place."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds.

    Args:
        columns: in the file's order; `None` where each row names its own (JSON).
        rows: each row, or what is wrong with it.
        parse: what turns a text of the file into the value of a field; `None` where values have their types.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[RawRow | RowProblem]
    parse: Parse | None = None


@contextlib.contextmanager
def open_table(
    path: Path, encoding: str | None = None, text: str | None = None, longest: int | None = None
) -> Iterator[Table]:
    """Open a file of rows by its extension.

    Args:
        path: of the file.
        encoding: of its text; UTF-8 when not given.
        text: a bare text among JSON's rows is the value of this field; when not given, rows must be objects.
        longest: characters that a line of JSON may have; a longer one is a problem, and never held as a whole.

    Raises:
        BadInput: no such file, not readable, unknown extension, wrong encoding, empty, or broken as a whole.
    """
    kind, size = path.suffix.lower(), _size(path)
    if kind not in EXTENSIONS:
        ending = f"files that end in {kind!r}" if kind else "files without an ending"
        raise BadInput(f"{path}: {ending} cannot be read.", f"Use {', '.join(EXTENSIONS)}.")
    if size == 0:
        raise BadInput(f"{path}, row 1: the file is empty.", _NO_ROWS)
    try:
        if kind == ".parquet":
            yield _parquet(path)
            return
        newline = None if kind == ".jsonl" else ""  # a cell of CSV may hold line ends, which are then kept as they are
        with path.open(encoding=check_text(path, encoding), newline=newline) as file:
            if kind == ".jsonl":
                yield Table(None, _json_lines(file, text, longest))
            elif kind == ".json":
                yield Table(None, _json_list(path, file, text))
            else:
                yield _delimited(path, file, "," if kind == ".csv" else "\t")
    except PermissionError as error:
        raise BadInput(f"{path} cannot be read: permission denied.", "Check its owner and mode.") from error


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except PermissionError:
        raise BadInput(f"{path} cannot be read: permission denied.", "Check its owner and mode.") from None
    except OSError:
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        remedy = f"Did you mean {str(path.with_name(near[0]))!r}?" if near else "Check the path."
        raise BadInput(f"{path}: there is no such file.", remedy) from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise BadInput(f"{path} is {what}.", f"Give the path of one file of rows ({', '.join(EXTENSIONS)}).")
    return status.st_size


def _delimited(path: Path, file: TextIO, delimiter: str) -> Table:
    # The csv module's own limit ends the reading; ours is checked cell by cell, so the rest is still looked at.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    records = _records(file, delimiter)
    first = next(records, None)
    if first is None:
        raise BadInput(f"{path}, row 1: the file is empty.", _NO_ROWS)
    if isinstance(first, RowProblem):
        raise BadInput(f"{path}, {first}.", "Correct the header.")
    number, header = first
    if any("\0" in name for name in header):
        raise BadInput(
            f"{path}, row {number}: the header contains NUL bytes.",
            "If the file is UTF-16, add --encoding utf-16-le; otherwise it is no text file.",
        )
    columns = tuple(name.strip() for name in header)
    following = next(records, None)
    if following is None:
        raise BadInput(f"{path}, row {number}: there is a header but no row after it.", _NO_ROWS)
    return Table(columns, _cells(columns, following, records, delimiter), Field.from_cell)


_Record = tuple[int, list[str]] | RowProblem


def _records(file: TextIO, delimiter: str) -> Iterator[_Record]:
    """Records with the physical line each begins at; blank lines are passed over."""
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            unclosed = "unexpected end" in str(error)
            yield RowProblem(
                number,
                "",
                "a double quote opens a cell here and is never closed"
                if unclosed
                else "text follows the closing double quote of a cell; write quotes inside a cell twice",
            )
            continue
        if cells:
            yield number, cells


def _cells(
    columns: tuple[str, ...], first: _Record, others: Iterator[_Record], delimiter: str
) -> Iterator[RawRow | RowProblem]:
    separator = "comma" if delimiter == "," else "tab"
    record: _Record | None = first
    while record is not None:
        if isinstance(record, RowProblem):
            yield record
        else:
            number, cells = record
            if len(cells) == len(columns):
                yield RawRow(number, dict(zip(columns, cells, strict=True)))
            else:
                hint = f"; put a cell that contains a {separator} in double quotes" if len(cells) > len(columns) else ""
                yield RowProblem(number, "", f"has {len(cells)} cells where the header has {len(columns)}{hint}")
        record = next(others, None)


def _json_lines(file: TextIO, text: str | None, longest: int | None) -> Iterator[RawRow | RowProblem]:
    for number, line in enumerate(file if longest is None else _bounded(file, longest), 1):
        if line is None:
            yield RowProblem(number, "", f"has more than {longest:,} characters")
        elif line.strip():
            yield json_row(number, line, text)


def _bounded(file: TextIO, longest: int) -> Iterator[str | None]:
    """The lines of a file; `None` in the place of one that is longer."""
    while line := file.readline(longest + 1):
        whole = len(line) <= longest or line.endswith("\n")
        yield line if whole else None
        while not whole:
            line = file.readline(longest)
            whole = not line or line.endswith("\n")


def json_row(number: int, line: str, text: str | None = None) -> RawRow | RowProblem:
    """One line of JSON lines as a row; ``text`` as `open_table` has it."""
    try:
        return _object(number, json.loads(line), text)
    except json.JSONDecodeError as error:
        return RowProblem(number, "", f"is not JSON: {error.msg} at column {error.colno}", line[:200].strip())
    except (ValueError, RecursionError) as error:
        return RowProblem(number, "", f"cannot be read as JSON: {error}", line[:200].strip())


def _json_list(path: Path, file: TextIO, text: str | None) -> Iterator[RawRow | RowProblem]:
    remedy = "Write a list of objects, or one object per line in a .jsonl file."
    try:
        content = json.load(file)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, row {error.lineno}, column {error.colno}: not JSON: {error.msg}.", remedy) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} cannot be read as JSON: {error}.", remedy) from None
    if not isinstance(content, list):
        raise BadInput(f"{path}, row 1: the file holds {_json_name(content)} instead of a list.", remedy)
    for number, item in enumerate(content, 1):
        yield _object(number, item, text)


def _object(number: int, item: Any, text: str | None) -> RawRow | RowProblem:
    if isinstance(item, dict):
        return RawRow(number, item)
    if text is not None and isinstance(item, str):
        return RawRow(number, {text: item})
    return RowProblem(number, "", f"is {_json_name(item)} instead of an object", json.dumps(item)[:200])


def _json_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        columns = tuple(file.schema_arrow.names)
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a whole Parquet file: {error}.", "Write it again.") from None
    if file.metadata.num_rows == 0:
        raise BadInput(f"{path}: there are columns but no row.", _NO_ROWS)
    return Table(columns, _parquet_rows(path, file), Field.from_json)


def _parquet_rows(path: Path, file: Any) -> Iterator[RawRow]:
    import pyarrow

    schema = pyarrow.schema([_microseconds(field) for field in file.schema_arrow])
    number = 0
    with file:
        try:
            for batch in file.iter_batches(batch_size=1024):
                for values in pyarrow.Table.from_batches([batch]).cast(schema, safe=False).to_pylist():
                    number += 1
                    yield RawRow(number, values)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            where = f"{path}: row {number + 1} or one after it"
            raise BadInput(f"{where} cannot be read: {error}.", "Write it again.") from error


def _microseconds(field: Any) -> Any:
    """Python's datetime has no nanoseconds, which pandas writes by default."""
    import pyarrow

    if pyarrow.types.is_timestamp(field.type):
        return field.with_type(pyarrow.timestamp("us", field.type.tz))
    return field
