"""What is written in a stored document: all that its vector and its words are made of."""

from __future__ import annotations

import json
from typing import NamedTuple

from verticals.contract.records import ALSO, wordings_in

#: Columns of a query, which `written` reads.
WRITTEN = f"row, title, text, json_extract(metadata, '$.{ALSO}')"


class Written(NamedTuple):
    """The words of the document in one row."""

    row: int
    title: str
    text: str
    wordings: tuple[str, ...]


def written(row: int, title: str, text: str, also: object) -> Written:
    """What the columns of `WRITTEN` hold; a list comes from SQLite as JSON."""
    listed = isinstance(also, str) and also.startswith("[")
    return Written(row, title, text, wordings_in(_list(str(also))) if listed else ())


def _list(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:  # a text that only begins like a list
        return None
