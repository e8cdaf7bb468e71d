"""Rows as a Parquet file: each field under its own type, what has none as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

_ROWS_AT_ONCE = 10_000


def write_parquet(file: IO[bytes], rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
    """Write ``rows`` to ``file``.

    Args:
        file: open for writing.
        rows: values by field.
        kinds: the fields in order with their kind, as `Field.kind` has it.
    """
    import pyarrow
    import pyarrow.parquet

    types = {name: _arrow_type(kind, [row.get(name) for row in rows]) for name, kind in kinds.items()}
    schema = pyarrow.schema(list(types.items()))
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            columns = [
                pyarrow.array([_stored(row.get(name), kind, types[name]) for row in part], types[name])
                for name, kind in kinds.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def read_parquet(path: Path, kinds: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows that `write_parquet` wrote, with the values they had."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024, columns=list(kinds)):
            columns = [[_restored(value, kinds[name]) for value in batch[name].to_pylist()] for name in kinds]
            for values in zip(*columns, strict=True):
                yield dict(zip(kinds, values, strict=True))


def _arrow_type(kind: str, values: Sequence[Any]) -> Any:
    import pyarrow

    if kind.startswith("list of "):
        return pyarrow.list_(_arrow_type(kind.removeprefix("list of "), ()))
    if kind == "datetime":
        # Arrow has one time zone per column: moments and wall-clock times in one column stay text.
        aware = {value.tzinfo is not None for value in values if value is not None}
        if len(aware) < 2:
            return pyarrow.timestamp("us", "UTC" if aware == {True} else None)
    simple = {"integer": pyarrow.int64(), "number": pyarrow.float64(), "boolean": pyarrow.bool_()}
    return {**simple, "date": pyarrow.date32()}.get(kind, pyarrow.large_string())


def _stored(value: Any, kind: str, arrow_type: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if kind == "datetime" and str(arrow_type) == "large_string":
        return value.isoformat()
    return value


def _restored(value: Any, kind: str) -> Any:
    if kind == "json" and value is not None:
        return json.loads(value)
    if kind == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value
