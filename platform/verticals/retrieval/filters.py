"""Metadata and the restrictions on it: ``{"topic": "returns", "year": {"$gte": 2025}}``.

A document matches when it does for every key:

- a value: the document's is equal to it; a list: to one of it;
- ``{"$gte": …, "$lt": …}``: the document's value lies between (also ``$gt``, ``$lte``), numbers among numbers and texts
  among texts;
- ``{"$ne": …}``, ``{"$nin": […]}``: it has no such value; ``{"$eq": …}``, ``{"$in": […]}`` as without;
- ``{"$exists": true}``: it has the key.

``{"$and": […]}``, ``{"$or": […]}`` and ``{"$not": {…}}`` combine filters. Where the document's value is a list, one of
its elements has to match. Values compare as in Python: ``1``, ``1.0`` and ``True`` are equal, ``"1"`` is another. A
document without the key matches only what is negated. Keys named like a combination cannot be asked for.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from verticals.contract import BadInput, suggest

Scalar = str | int | float | None
Mask = npt.NDArray[np.bool_]

_RANGES = ("$gt", "$gte", "$lt", "$lte")
_OPERATORS = (*_RANGES, "$eq", "$ne", "$in", "$nin", "$exists")
_COMBINED = ("$and", "$or", "$not")
_DEEPEST = 50
_MOST_TOGETHER = 100


class Documents(Protocol):
    """What filters are asked of: masks over the rows of all documents."""

    def every(self) -> Mask:
        """All rows."""

    def one_of(self, key: str, values: Iterable[Scalar]) -> Mask:
        """Those that have one of these values."""

    def between(self, key: str, bounds: Mapping[str, Any]) -> Mask:
        """Those that have one value within all of these bounds."""

    def having(self, key: str) -> Mask:
        """Those that have the key."""


def encode_metadata(identity: str, metadata: Mapping[str, Any]) -> str:
    """``metadata`` as canonical JSON.

    Raises:
        BadInput: it is no mapping, a key is not a string, or a value is not JSON.
    """
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise BadInput(f"Document {identity!r}: metadata must be a mapping whose keys are strings.")
    try:
        encoded = json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True, allow_nan=False)
        encoded.encode()
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"Document {identity!r}: metadata is not JSON: {error}.",
            "Use strings, finite numbers, true, false, null, lists and objects.",
        ) from error
    return encoded


def matching(where: Any, documents: Documents, depth: int = 0) -> Mask:
    """The rows that match ``where``.

    Args:
        where: the filter.
        documents: what it is asked of.
        depth: within how many other filters it stands.

    Raises:
        BadInput: a key or value that no filter can have; the message names the key.
    """
    if not isinstance(where, Mapping):
        raise BadInput("A filter must be a mapping of metadata keys to values.", "For example: {'topic': 'returns'}.")
    if depth > _DEEPEST:
        raise BadInput(f"The filter is nested more than {_DEEPEST} levels deep.")
    if len(where) > _MOST_TOGETHER:
        raise BadInput(f"The filter has more than {_MOST_TOGETHER} conditions in one place.", "Use lists of values.")
    found = documents.every()
    for key, value in where.items():
        if not isinstance(key, str):
            raise BadInput(f"Filter key {key!r} is not a string.")
        if key not in _COMBINED:
            found = found & _condition(key, value, documents)
        elif key == "$not":
            found = found & ~matching(value, documents, depth + 1)
        else:
            combine = np.logical_and if key == "$and" else np.logical_or
            found = found & functools.reduce(
                combine, [matching(part, documents, depth + 1) for part in _parts(key, value)]
            )
    return found


def _parts(key: str, wanted: Any) -> Sequence[Any]:
    if not isinstance(wanted, list | tuple) or not wanted:
        raise BadInput(f"Filter {key!r}: {wanted!r} is not a list of filters.", "Give at least one.")
    return wanted


def _condition(key: str, wanted: Any, documents: Documents) -> Mask:
    """The rows whose value of ``key`` is as wanted."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"Filter key {key!r} is not valid Unicode.") from error
    if not isinstance(wanted, Mapping):
        several = isinstance(wanted, list | tuple | set | frozenset)
        return documents.one_of(key, _scalars(key, wanted if several else [wanted]))
    unknown = next((name for name in wanted if name not in _OPERATORS), None)
    if unknown is not None or not wanted:
        raise BadInput(
            f"Filter {key!r}: there is no comparison {unknown!r}." if wanted else f"Filter {key!r} is empty.",
            suggest(str(unknown), _OPERATORS),
        )
    found = documents.every()
    for name, value in wanted.items():
        if name in ("$eq", "$ne", "$in", "$nin"):
            values = _listed(key, name, value) if name in ("$in", "$nin") else [value]
            mask = documents.one_of(key, _scalars(key, values))
            found = found & (~mask if name in ("$ne", "$nin") else mask)
        elif name == "$exists":
            mask = documents.having(key)
            found = found & (mask if _truth(key, value) else ~mask)
    if bounds := {name: value for name, value in wanted.items() if name in _RANGES}:
        found = found & documents.between(key, _checked_bounds(key, bounds))
    return found


def _checked_bounds(key: str, bounds: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in bounds.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadInput(f"Filter {key!r}: {value!r} cannot be a bound of {name}.", "Give a number or a string.")
    if len({isinstance(value, str) for value in bounds.values()}) > 1:
        raise BadInput(f"Filter {key!r}: its bounds are a number and a string.", "Give two of one kind.")
    _scalars(key, list(bounds.values()))
    return bounds


def _truth(key: str, wanted: Any) -> bool:
    if not isinstance(wanted, bool):
        raise BadInput(f"Filter {key!r}: $exists is {wanted!r}.", "Give true or false.")
    return wanted


def _listed(key: str, name: str, wanted: Any) -> Iterable[Any]:
    if not isinstance(wanted, list | tuple | set | frozenset):
        raise BadInput(f"Filter {key!r}: {wanted!r} is not a list.", f"{name} takes a list of values.")
    return wanted


def _scalars(key: str, values: Iterable[Any]) -> list[Scalar]:
    """The values, once each can be asked for."""
    asked = list(values)
    for value in asked:
        if value is not None and not isinstance(value, str | int | float):
            raise BadInput(
                f"Filter {key!r}: {value!r} is not a value that can be asked for.",
                "Give a string, a number, true, false or null, or a list of these.",
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInput(f"Filter {key!r}: {value!r} is no number to compare with.", "Give finite numbers.")
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise BadInput(f"Filter {key!r}: {error}.", "Give valid Unicode text.") from error
    return asked
