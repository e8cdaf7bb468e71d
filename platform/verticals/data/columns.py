"""Which column of a file fills which field, and what to say when one is missing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from verticals.contract import BadInput, suggest

from .schema import Field

_SYNONYMS = (
    {"text", "utterance", "sentence", "message", "query", "question", "content", "body", "headline", "title", "input"},
    {"label", "intent", "category", "class", "target", "topic", "tag", "sentiment", "polarity", "output"},
    {"id", "key", "uid", "uuid", "identifier", "number"},
    {"date", "datetime", "time", "timestamp", "at", "created", "published", "day"},
    {"user", "user_id", "customer", "customer_id", "account"},
    {"item", "item_id", "product", "product_id", "article_id", "sku", "asin"},
    {"split", "partition", "subset", "fold"},
)


class Columns:
    """The assignment of a file's columns to the fields of a data set.

    Args:
        path: the file, for messages.
        fields: of the row model.
        mapping: file column to field, as the caller gave it; every other column fills the field of its own name.

    Raises:
        BadInput: ``mapping`` names a field that there is not, or one field twice.
    """

    def __init__(self, path: Path, fields: Mapping[str, Field], mapping: Mapping[str, str]) -> None:
        self.path = path
        self.fields = fields
        self.mapping = dict(mapping)
        targets = [*fields, "split"]
        taken: dict[str, str] = {}
        for column, field in self.mapping.items():
            if field not in targets:
                raise BadInput(f"--map {column}={field}: the rows have no field {field!r}.", suggest(field, targets))
            if field in taken:
                raise BadInput(
                    f"--map gives {field!r} the columns {taken[field]!r} and {column!r}.", "Keep one of them."
                )
            taken[field] = column

    def field(self, column: str) -> str | None:
        """The field that ``column`` fills, if any."""
        if column in self.mapping:
            return self.mapping[column]
        known = column in self.fields or column == "split"
        return column if known and column not in self.mapping.values() else None

    def shown(self, field: str) -> str:
        """``field`` for messages, with its column where that has another name."""
        column = next((column for column, name in self.mapping.items() if name == field), field)
        return field if column == field else f"{field} (column {column})"

    def check(self, columns: Collection[str], row: int | None = 1) -> None:
        """Refuse a file whose ``columns`` (those in its header at ``row``, or in any of its rows) do not suffice.

        Raises:
            BadInput: a mapped column or a required field is not there, or a column that is used stands there twice.
        """
        where = f"{self.path}, row {row}" if row else str(self.path)
        names = ", ".join(repr(column) for column in columns)
        for column in self.mapping:
            if column not in columns:
                raise BadInput(f"{where}: there is no column {column!r} to map.", suggest(column, columns))
        listed = list(columns)
        for column in listed:
            if self.field(column) and listed.count(column) > 1:
                raise BadInput(f"{where}: the column {column!r} is there twice.", "Rename or remove one of them.")
        filled = {self.field(column) for column in columns}
        missing = [name for name, field in self.fields.items() if field.required and name not in filled]
        if missing:
            fields = " and ".join(repr(name) for name in missing)
            raise BadInput(
                f"{where}: no column for the required field{'s' if len(missing) > 1 else ''} {fields}; "
                f"the columns are {names}.",
                self._remedy(missing, listed),
            )

    def _remedy(self, missing: Iterable[str], columns: list[str]) -> str:
        if len(columns) == 1:
            separators = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
            for separator, name in separators.items():
                if separator in columns[0]:
                    return f"The file looks separated by {name}: save it with commas (.csv) or tabs (.tsv)."
        free = [column for column in columns if column and self.field(column) is None]
        options = []
        for name in missing:
            near = [column for column in free if _alike(column, name)]
            options.append(f"--map {near[0]}={name}" if len(near) == 1 else f"--map COLUMN={name}")
        return f"Say which column to read: {' '.join(options)}."


def _alike(column: str, field: str) -> bool:
    one, other = (name.strip().casefold().replace(" ", "_").replace("-", "_") for name in (column, field))
    if any(one in group and other in group for group in _SYNONYMS):
        return True
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.7
