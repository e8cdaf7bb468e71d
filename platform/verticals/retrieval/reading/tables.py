"""Rows of questions and answers, or of titles and texts: CSV, TSV and JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from verticals.contract import BadInput, RowProblem
from verticals.contract.records import ALSO
from verticals.data.readers import RawRow, open_table

from .blocks import Block, Told
from .encodings import text_encoding

_PAIRS = (("question", "answer"), ("title", "text"))
#: The kind of a passage that answers the question in its title.
FAQ = "faq"
_BETWEEN = re.compile(r"[|\n]")
_MISSING = "Name them so, in the first row or line. A column 'title' may be missing beside 'text'."
# What the importer itself says of a passage.
_RESERVED = ("path", "folder", "heading", "start", "end", "page", "kind")


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The answer of each row, titled by its question; rows that cannot be read are told, each with its number.

    A column ``id`` gives the passages their names, and ``also`` other wordings of the question, with ``|`` or a line's
    end between them, in JSON also a list. Every other column becomes metadata; ``path`` and the other names that are
    taken become ``row_path`` and so on.

    Raises:
        BadInput: the file cannot be read as rows, columns are missing, or no row is good.
    """
    with open_table(path, text_encoding(path, encoding, told)) as table:
        rows = _Rows(path, table.columns)
        problems = 0
        good = False
        for row in table.rows:
            found = row if isinstance(row, RowProblem) else rows.block(row)
            if isinstance(found, Block):
                good = True
                yield found
            else:
                problems += 1
                told.left_out.append(f"{path}, {found}; it was left out.")
    if not good:
        raise BadInput(f"{path}: not one of its rows is good.", "Correct them as told.")


class _Rows:
    """Makes blocks of rows. The first row decides which columns are read."""

    def __init__(self, path: Path, columns: Collection[str] | None) -> None:
        self._path = path
        self._pair = _pair(path, columns) if columns is not None else None
        self._seen: dict[str, int] = {}

    def block(self, row: RawRow) -> Block | RowProblem:
        """A row as a block, or what is wrong with it."""
        values = {name.strip().casefold(): name for name in row.values}
        if self._pair is None:
            self._pair = _pair(self._path, row.values)
        named, said = self._pair
        title, text = (row.values.get(values.get(name, "")) for name in self._pair)
        for name, value in ((named, title), (said, text)):
            if value is not None and not isinstance(value, str):
                return RowProblem(row.number, name, "must be text", str(value))
        if not text or not text.strip():
            return RowProblem(row.number, said, "is empty" if said in values else "is missing")
        if named == "question" and not (title and title.strip()):
            return RowProblem(row.number, named, "is empty" if named in values else "is missing")
        key = str(row.values.get(values.get("id", ""), "") or "").strip()
        if key and self._seen.setdefault(key, row.number) != row.number:
            return RowProblem(row.number, "id", f"is that of row {self._seen[key]} too", key)
        if "\0" in key:
            return RowProblem(row.number, "id", "contains a NUL byte; remove it", key)
        wordings = _wordings(row.values.get(values.get(ALSO, "")))
        if wordings is None:
            return RowProblem(row.number, ALSO, "must be text or a list of texts", str(row.values[values[ALSO]]))
        metadata = {
            f"row_{name}" if name in _RESERVED else name: value
            for name, value in row.values.items()
            if name.strip().casefold() not in (named, said, "id", ALSO) and value not in ("", None)
        }
        if wordings:
            metadata[ALSO] = wordings
        if problem := _unstorable([title, text, key, metadata]):
            return RowProblem(row.number, "", problem)
        title = (title or "").strip()
        before = f"\n\n{title}\n" if title else "\n\n"
        kind = FAQ if named == "question" else ""
        return Block(text.strip(), before, title or self._path.stem, alone=True, key=key, kind=kind, metadata=metadata)


def _wordings(given: Any) -> list[str] | None:
    """The different wordings that a cell of the column ``also`` names; `None` where it cannot be read."""
    if isinstance(given, str):
        given = _BETWEEN.split(given)
    if given is None or (isinstance(given, list) and all(isinstance(one, str) for one in given)):
        return list(dict.fromkeys(one.strip() for one in given or () if one.strip()))
    return None


def _pair(path: Path, columns: Collection[str]) -> tuple[str, str]:
    names = {column.strip().casefold() for column in columns}
    for named, said in _PAIRS:
        if said in names and (named in names or named == "title"):
            return named, said
    listed = ", ".join(repr(column) for column in columns)
    for named, said in _PAIRS:
        if named in names:
            raise BadInput(f"{path}: there is a column {named!r} but no column {said!r}; there are {listed}.", _MISSING)
    if "answer" in names:
        raise BadInput(f"{path}: there is a column 'answer' but no column 'question'; there are {listed}.", _MISSING)
    raise BadInput(
        f"{path}: there are no columns 'question' and 'answer', nor 'title' and 'text'; there are {listed}.", _MISSING
    )


def _unstorable(values: Any) -> str:
    try:
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "contains half of a surrogate pair, which is no character"
    except ValueError:
        return "contains a number that is not finite"
    return ""
