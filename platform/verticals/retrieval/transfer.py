"""Documents as files, ``.jsonl`` or ``.parquet``: what one index exports, any index reads.

Both hold the same five fields: JSON lines as one object a line, Parquet as one column each, with the metadata as JSON
text. A file that is written appears whole or not at all; of one that is read, all bad rows are told together.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from verticals.contract import BadInput, Document, RowProblem, suggest
from verticals.data.readers import RawRow, open_table
from verticals.files import replacing

from .filters import encode_metadata

FIELDS = ("id", "text", "title", "source", "metadata")
ENDINGS = (".jsonl", ".parquet")
#: So many characters may a line of a file have, and so many bytes a line that comes over the network.
LONGEST_LINE = 10 * 1024 * 1024

_NAME = 64  # characters of a wrong field's name that are told
_ROWS_AT_ONCE = 1_000
_CHARACTERS_AT_ONCE = 16_000_000


def check_ending(path: Path) -> str:
    """The ending of a file of documents.

    Raises:
        BadInput: it is none of `ENDINGS`.
    """
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise BadInput(f"{path}: files that end in {kind or 'nothing'!r} hold no documents.", "Use .jsonl or .parquet.")
    return kind


def json_line(document: Document) -> str:
    """A document as one line of JSON, with its line end."""
    values = {name: getattr(document, name) for name in FIELDS[:-1]} | {"metadata": dict(document.metadata)}
    return json.dumps(values, ensure_ascii=False) + "\n"


def export_file(documents: Iterable[Document], path: Path) -> int:
    """Write documents to ``path`` as they come, a bounded number in memory; how many there were.

    Raises:
        BadInput: an unknown ending, or ``path`` is a folder.
        StorageError: the file cannot be written; what was there before is still there.
    """
    kind = check_ending(path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", "Give the path of a file.")
    with replacing(path) as file:
        return _write_parquet(documents, file) if kind == ".parquet" else _write_lines(documents, file)


def read_file(path: Path, encoding: str | None = None) -> Iterator[Document | RowProblem]:
    """The documents of a file in its order, and what is wrong with rows that are none.

    Args:
        path: of the file.
        encoding: of JSON lines that are not UTF-8.

    Raises:
        BadInput: no such file, not readable, an unknown ending, another encoding, empty, or broken as a whole, or a
            Parquet file without the columns ``id`` and ``text``, or with one that no document has.
    """
    kind = check_ending(path)
    with open_table(path, encoding, longest=LONGEST_LINE) as table:
        if table.columns is not None:
            _check_columns(path, table.columns)
        for row in table.rows:
            if isinstance(row, RowProblem):
                yield row
                continue
            if kind == ".parquet":
                row = RawRow(row.number, {**row.values, "metadata": _decoded(row.values.get("metadata"))})
            found = document_of(row)
            yield from [found] if isinstance(found, Document) else found


def document_of(row: RawRow) -> Document | list[RowProblem]:
    """The document of a row, or all that is wrong with the row."""
    problems = [
        RowProblem(row.number, name[:_NAME], _not_a_field(name[:_NAME])) for name in row.values if name not in FIELDS
    ]
    texts: dict[str, str] = {}
    for name in FIELDS[:-1]:
        value, needed = row.values.get(name), name in ("id", "text")
        if problem := _text_problem(name, value, needed=needed):
            problems.append(RowProblem(row.number, name, problem, "" if value is None else str(value)[:200]))
        else:
            texts[name] = value or ""
    metadata = row.values.get("metadata")
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, Mapping):
        problems.append(RowProblem(row.number, "metadata", "is not a JSON object", str(metadata)[:200]))
    else:
        try:
            encode_metadata(str(row.values.get("id")), metadata)
        except BadInput as error:
            problems.append(RowProblem(row.number, "metadata", error.message.partition(": metadata ")[2].rstrip(".")))
    return problems or Document(**texts, metadata=metadata)


@functools.lru_cache(maxsize=256)
def _not_a_field(name: str) -> str:
    return f"is no field of a document: {suggest(name, FIELDS)}"


def _text_problem(name: str, value: Any, *, needed: bool) -> str:
    if value is None:
        return "is missing" if needed else ""
    if not isinstance(value, str):
        return "is not a text"
    if name == "id" and not value:
        return "is empty"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode: half of a surrogate pair"
    return ""


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in ("id", "text") if name not in columns]
    if missing:
        named = " and ".join(repr(name) for name in missing)
        raise BadInput(f"{path} has no column {named}.", f"It has: {', '.join(columns)}.")
    other = [name for name in columns if name not in FIELDS]
    if other:
        named = ", ".join(repr(name) for name in other)
        remedy = f"{suggest(other[0], FIELDS)} What else a row says can go into metadata, as JSON text."
        raise BadInput(f"{path} has columns that no document has: {named}.", remedy)


def _decoded(metadata: Any) -> Any:
    """Metadata as Parquet holds it: JSON text as we write it, else whatever structure the column has."""
    if not isinstance(metadata, str):
        return metadata
    try:
        return json.loads(metadata)
    except (ValueError, RecursionError):
        return metadata


def _write_lines(documents: Iterable[Document], file: BinaryIO) -> int:
    count = 0
    for count, document in enumerate(documents, start=1):  # noqa: B007
        file.write(json_line(document).encode())
    return count


def _write_parquet(documents: Iterable[Document], file: BinaryIO) -> int:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, pyarrow.large_string()) for name in FIELDS])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in in_batches(documents, _ROWS_AT_ONCE, _CHARACTERS_AT_ONCE):
            columns = [[getattr(one, name) for one in batch] for name in FIELDS[:-1]]
            columns.append([json.dumps(dict(one.metadata), ensure_ascii=False) for one in batch])
            writer.write_table(pyarrow.table([pyarrow.array(one, pyarrow.large_string()) for one in columns], schema))
            count += len(batch)
    return count


def in_batches(documents: Iterable[Document], most: int, characters: int) -> Iterator[list[Document]]:
    """Documents in lists that are full at so many documents, or so many characters of text."""
    batch: list[Document] = []
    held = 0
    for document in documents:
        batch.append(document)
        held += len(document.text)
        if len(batch) >= most or held >= characters:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
