"""A version as one file that `import_file` reads back to the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from verticals.contract import BadInput
from verticals.files import write_file

from .parquet import write_parquet
from .readers import EXTENSIONS
from .versions import DatasetVersion


def export_file(version: DatasetVersion, path: Path) -> None:
    """Write the rows of ``version`` with their ``split`` to ``path``, in one step, in the form of its extension.

    In CSV and TSV lists and objects are JSON; an empty cell is `None`, or an empty text where the field takes no
    `None`. Both have lines that end in CR LF and double quotes where needed (RFC 4180).

    Raises:
        BadInput: an unknown extension, or ``path`` is a folder.
        StorageError: the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in EXTENSIONS:
        raise BadInput(
            f"{path}: files that end in {kind or 'nothing'!r} cannot be written.", f"Use {', '.join(EXTENSIONS)}."
        )
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", "Give the path of a file.")
    kinds = {**version.kinds, "split": "text"}
    write_file(path, _content(kind, version.read(), kinds))


def _content(kind: str, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> bytes:
    if kind == ".parquet":
        binary = io.BytesIO()
        write_parquet(binary, rows, kinds)
        return binary.getvalue()
    if kind == ".jsonl":
        return "".join(f"{_json(row)}\n" for row in rows).encode()
    if kind == ".json":
        return ("[\n" + ",\n".join(map(_json, rows)) + "\n]\n").encode()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="," if kind == ".csv" else "\t", lineterminator="\r\n")
    writer.writerow(kinds)
    writer.writerows([_cell(row.get(name), kinds[name]) for name in kinds] for row in rows)
    return text.getvalue().encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_iso)


def _iso(value: date | datetime) -> str:
    return value.isoformat()


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _json(value) if kind == "json" and _reads_as_json(value) else value
    if isinstance(value, date):
        return value.isoformat()
    return _json(value)


def _reads_as_json(text: str) -> bool:
    """Whether a plain text would come back as something else."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text == ""
    return True
