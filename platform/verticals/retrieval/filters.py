"""Metadata and the restrictions on it: ``{"topic": "returns", "year": [2025, 2026]}``.

A document matches when, for every key, its value is the one given or one of those given. Where the document's value
is a list, one of its elements has to be. Values compare as in Python: ``1``, ``1.0`` and ``True`` are equal, ``"1"``
is another. A document without the key never matches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from verticals.contract import BadInput

Scalar = str | int | float | None


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


def restriction(where: Mapping[str, Any]) -> tuple[str, list[Scalar]]:
    """``where`` as SQL that selects the matching rows of ``attributes``, and its parameters.

    Raises:
        BadInput: a key or value that no filter can have; the message names the key.
    """
    if not isinstance(where, Mapping):
        raise BadInput("A filter must be a mapping of metadata keys to values.", "For example: {'topic': 'returns'}.")
    parts: list[str] = []
    parameters: list[Scalar] = []
    for key, wanted in where.items():
        if not isinstance(key, str):
            raise BadInput(f"Filter key {key!r} is not a string.")
        values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
        for value in values:
            if value is not None and not isinstance(value, str | int | float):
                raise BadInput(
                    f"Filter {key!r}: {value!r} is not a value that can be asked for.",
                    "Give a string, a number, true, false or null, or a list of these.",
                )
        null = " OR value IS NULL" if None in values else ""
        parts.append(f"SELECT row FROM attributes WHERE key = ? AND (value IN (SELECT value FROM json_each(?)){null})")  # noqa: S608
        try:
            encoded = json.dumps([_storable(value) for value in values], ensure_ascii=False, allow_nan=False)
            (key + encoded).encode()
        except ValueError as error:
            raise BadInput(f"Filter {key!r}: {error}.", "Give finite numbers and valid Unicode text.") from error
        parameters += [key, encoded]
    return " INTERSECT ".join(parts) + " ORDER BY 1", parameters


def _storable(value: Scalar) -> Scalar:
    """SQLite's integers have 64 bits; larger ones are kept as floating-point numbers."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return int(value) if isinstance(value, bool) else value
