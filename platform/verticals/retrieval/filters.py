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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from verticals.contract import BadInput, suggest

Scalar = str | int | float | None
Rows = npt.NDArray[np.int64]
Query = tuple[str, list[Scalar]]  # SQL that selects rows, and its parameters
Ask = Callable[[str, list[Scalar]], Rows]

_RANGES = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_OPERATORS = (*_RANGES, "$eq", "$ne", "$in", "$nin", "$exists")
_COMBINED = ("$and", "$or", "$not")
_DEEPEST = 50
_MOST_TOGETHER = 100  # SQLite takes 500
_ALL = "SELECT row FROM documents"
_WITH_KEY = "SELECT DISTINCT row FROM attributes WHERE key = ?"


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


def attributes(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """What filters can ask for: ``(key, value)`` for every scalar, and for every scalar in a list."""
    for key, value in metadata.items():
        for element in value if isinstance(value, list | tuple) else (value,):
            if element is None or isinstance(element, str | int | float):
                yield key, _storable(element)


def matching(where: Mapping[str, Any], ask: Ask) -> Rows:
    """The rows that match ``where``, ascending.

    Args:
        where: the filter.
        ask: gives the rows, ascending, that a query with its parameters selects.

    Raises:
        BadInput: a key or value that no filter can have; the message names the key.
    """
    return _matching(where, ask, 0)


def _matching(where: Any, ask: Ask, depth: int) -> Rows:
    if not isinstance(where, Mapping):
        raise BadInput("A filter must be a mapping of metadata keys to values.", "For example: {'topic': 'returns'}.")
    if depth > _DEEPEST:
        raise BadInput(f"The filter is nested more than {_DEEPEST} levels deep.")
    wanted: list[Query] = []
    unwanted: list[Query] = []
    inner: list[Rows] = []
    left_out: list[Rows] = []
    for key, value in where.items():
        if not isinstance(key, str):
            raise BadInput(f"Filter key {key!r} is not a string.")
        if key not in _COMBINED:
            positive, negative = _conditions(key, value)
            wanted, unwanted = wanted + positive, unwanted + negative
        elif key == "$not":
            left_out.append(_matching(value, ask, depth + 1))
        else:
            inner.append(_combined(key, [_matching(part, ask, depth + 1) for part in _parts(key, value)]))
    if wanted:
        inner.append(_asked(wanted, " INTERSECT ", ask))
    if unwanted:
        left_out.append(_asked(unwanted, " UNION ", ask))
    found = _combined("$and", inner) if inner else ask(_ALL, [])
    for rows in left_out:
        found = np.setdiff1d(found, rows, assume_unique=True)
    return found


def _asked(queries: Sequence[Query], joined_by: str, ask: Ask) -> Rows:
    if len(queries) > _MOST_TOGETHER:
        raise BadInput(f"The filter has more than {_MOST_TOGETHER} conditions in one place.", "Use lists of values.")
    return ask(joined_by.join(query for query, _ in queries), [value for _, values in queries for value in values])


def _combined(key: str, parts: Sequence[Rows]) -> Rows:
    combine = functools.partial(np.intersect1d, assume_unique=True) if key == "$and" else np.union1d
    return functools.reduce(combine, parts)


def _parts(key: str, wanted: Any) -> Sequence[Any]:
    if not isinstance(wanted, list | tuple) or not wanted:
        raise BadInput(f"Filter {key!r}: {wanted!r} is not a list of filters.", "Give at least one.")
    return wanted


def _conditions(key: str, wanted: Any) -> tuple[list[Query], list[Query]]:
    """What a document must be among, and must not be among."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"Filter key {key!r} is not valid Unicode.") from error
    if not isinstance(wanted, Mapping):
        return [_one_of(key, wanted)], []
    unknown = next((name for name in wanted if name not in _OPERATORS), None)
    if unknown is not None or not wanted:
        raise BadInput(
            f"Filter {key!r}: there is no comparison {unknown!r}." if wanted else f"Filter {key!r} is empty.",
            suggest(str(unknown), _OPERATORS),
        )
    positive: list[Query] = []
    negative: list[Query] = []
    for name, value in wanted.items():
        if name in ("$eq", "$ne"):
            (positive if name == "$eq" else negative).append(_one_of(key, [value]))
        elif name in ("$in", "$nin"):
            (positive if name == "$in" else negative).append(_one_of(key, _listed(key, name, value)))
        elif name == "$exists":
            (positive if _truth(key, value) else negative).append((_WITH_KEY, [key]))
    if bounds := {name: value for name, value in wanted.items() if name in _RANGES}:
        positive.append(_between(key, bounds))
    return positive, negative


def _between(key: str, bounds: Mapping[str, Any]) -> Query:
    """One value within all bounds: of a list, one and the same element."""
    kinds = set()
    for name, value in bounds.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadInput(f"Filter {key!r}: {value!r} cannot be a bound of {name}.", "Give a number or a string.")
        kinds.add("'text'" if isinstance(value, str) else "'integer', 'real'")
    if len(kinds) > 1:
        raise BadInput(f"Filter {key!r}: its bounds are a number and a string.", "Give two of one kind.")
    limits = " AND ".join(f"value {_RANGES[name]} ?" for name in bounds)
    return f"{_WITH_KEY} AND {limits} AND typeof(value) IN ({kinds.pop()})", [
        key, *_storables(key, list(bounds.values())),
    ]  # fmt: skip


def _one_of(key: str, wanted: Any) -> Query:
    values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
    encoded = json.dumps(_storables(key, values), ensure_ascii=False)
    null = " OR value IS NULL" if None in values else ""
    return f"{_WITH_KEY} AND (value IN (SELECT value FROM json_each(?)){null})", [key, encoded]  # noqa: S608


def _truth(key: str, wanted: Any) -> bool:
    if not isinstance(wanted, bool):
        raise BadInput(f"Filter {key!r}: $exists is {wanted!r}.", "Give true or false.")
    return wanted


def _listed(key: str, name: str, wanted: Any) -> Sequence[Any]:
    if not isinstance(wanted, list | tuple | set | frozenset):
        raise BadInput(f"Filter {key!r}: {wanted!r} is not a list.", f"{name} takes a list of values.")
    return list(wanted)


def _storables(key: str, values: Sequence[Any]) -> list[Scalar]:
    """The values as SQLite has them.

    Raises:
        BadInput: one is no value that can be asked for.
    """
    for value in values:
        if value is not None and not isinstance(value, str | int | float):
            raise BadInput(
                f"Filter {key!r}: {value!r} is not a value that can be asked for.",
                "Give a string, a number, true, false or null, or a list of these.",
            )
    stored = [_storable(value) for value in values]
    try:
        json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise BadInput(f"Filter {key!r}: {error}.", "Give finite numbers and valid Unicode text.") from error
    return stored


def _storable(value: Scalar) -> Scalar:
    """SQLite's integers have 64 bits; larger ones are kept as floating-point numbers."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return int(value) if isinstance(value, bool) else value
