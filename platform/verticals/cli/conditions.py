"""``KEY=VALUE`` and ``KEY>=VALUE`` arguments that restrict a search."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import click

_CONDITION = re.compile(r"\s*(?P<key>[^<>=!]+?)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*", re.DOTALL)
_BOUNDS = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}


def conditions(written: Iterable[str], option: str) -> dict[str, Any] | None:
    """``["topic=returns", "year>=2025"]`` as a filter of an index; `None` where there are none.

    ``=`` given more than once for a key allows each of the values; everything else must hold together. On the command
    line ``2025`` may mean a number or a text, so both are looked for.
    """
    allowed: dict[str, list[Any]] = {}
    parts: list[dict[str, Any]] = []
    for text in written:
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise click.UsageError(f"{option} {text!r} is none of KEY=VALUE, KEY!=VALUE, KEY>=VALUE and the like.")
        key, sign, value = match["key"], match["sign"], match["value"]
        if sign == "=":
            allowed.setdefault(key, []).extend(_meanings(value))
        elif sign == "!=":
            parts.append({key: {"$nin": _meanings(value)}})
        else:
            parts.append({key: {_BOUNDS[sign]: _meanings(value)[-1]}})
    parts += [{key: {"$in": values}} for key, values in allowed.items()]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"$and": parts}


def _meanings(value: str) -> list[Any]:
    """The text itself and, where it can be read so, the number, truth value or null."""
    try:
        read = json.loads(value)
    except ValueError:
        return [value]
    plain = read is None or (isinstance(read, bool | int | float) and math.isfinite(read))
    return [value, read] if plain else [value]
