"""JSON, strictly: what is written is what any reader gets back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from verticals.contract import BadInput


def encode(value: Any) -> str:
    """The value as JSON text.

    Raises:
        ValueError, TypeError: the value has no JSON form.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def checked(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The mapping as a reader will get it back: lists for tuples, text for keys.

    Raises:
        BadInput: it holds something JSON cannot: NaN, an object, half a surrogate pair.
    """
    try:
        text = encode(dict(value))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"{what} cannot be written as JSON: {error}.", "Use text, numbers, true/false, null, lists and mappings."
        ) from None
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def finite(value: Any) -> Any:
    """The value with ``None`` for every number that JSON has not (NaN, infinity), as a metric may come out."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def fingerprint(field: str, value: Any) -> bytes:
    """16 bytes that are equal exactly where the field's JSON value is (1 and 1.0 are one number)."""
    text = json.dumps([field, _canonical(value)], sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _canonical(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
