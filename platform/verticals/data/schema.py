"""The fields of a row model, and the form in which each is stored and written."""

from __future__ import annotations

import collections.abc
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

from verticals.contract import Dataset, PluginError, resolve

SCALARS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "datetime",
    date: "date",
}
_LISTS = (list, tuple, collections.abc.Sequence)
_IN_LISTS = ("text", "integer", "number", "boolean")
ABSENT = object()
Parse = Callable[["Field", str], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row model.

    Args:
        name: as the model has it.
        kind: ``text``, ``integer``, ``number``, ``boolean``, ``datetime``, ``date``, ``list of`` one of the first
            four, or ``json`` for everything else (stored as JSON text, read back as plain JSON values).
        optional: whether `None` is a value of it.
        required: whether every row must give it.
    """

    name: str
    kind: str
    optional: bool
    required: bool

    def from_cell(self, cell: str) -> Any:
        """The value behind the text of a CSV cell; `ABSENT` where an empty cell means that there is none."""
        if cell == "" and (self.kind != "text" or self.optional):
            return None if self.optional else ABSENT
        return self.from_json(cell)

    def from_json(self, cell: str) -> Any:
        """The value behind JSON text where the field is no scalar; any other text as it is."""
        if self.kind != "json" and not self.kind.startswith("list of"):
            return cell
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell

    def fits(self, values: Any) -> bool:
        """Whether every integer of ``values`` can be stored."""
        if not self.kind.endswith("integer") or values is None:
            return True
        items = values if self.kind.startswith("list of") else (values,)
        return all(item is None or -(2**63) <= item < 2**63 for item in items)


def row_model(dataset: Dataset) -> type[BaseModel]:
    """The pydantic model of the data set's rows.

    Raises:
        PluginError: the declaration does not name one.
    """
    model = resolve(dataset.row)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(
            f"The row of data set {dataset.name!r} is {model!r}.", "Declare a subclass of pydantic.BaseModel."
        )
    return model


def fields_of(model: type[BaseModel]) -> dict[str, Field]:
    """The fields of ``model`` by name. ``split`` is no field: each row has one beside its values."""
    found = {}
    for name, info in model.model_fields.items():
        kind, optional = _kind(info.annotation)
        found[name] = Field(name, kind, optional, info.is_required())
    found.pop("split", None)
    return found


def _kind(annotation: Any) -> tuple[str, bool]:
    """The kind of an annotation, and whether it admits `None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin in (typing.Union, types.UnionType):
        some = [argument for argument in arguments if argument is not type(None)]
        kind, inner_optional = _kind(some[0]) if len(some) == 1 else ("json", False)
        return kind, inner_optional or len(some) < len(arguments)
    if origin is typing.Literal:
        return _kind_of_values(arguments), None in arguments
    if origin in _LISTS and (origin is not tuple or arguments[1:] == (...,)):
        inner, _ = _kind(arguments[0])
        return (f"list of {inner}" if inner in _IN_LISTS else "json"), False
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _kind_of_values([member.value for member in annotation]), False
    if annotation in (Any, object, type(None)):
        return "json", True
    return SCALARS.get(annotation, "json"), False


def _kind_of_values(values: typing.Iterable[Any]) -> str:
    kinds = {SCALARS.get(type(value), "json") for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else "json"
