"""``key=value`` arguments."""

from __future__ import annotations

from collections.abc import Iterable

import click


def pairs(written: Iterable[str], option: str) -> dict[str, str]:
    """``["a=1", "b=2"]`` as a dict; an argument without ``=`` is a usage error that names the option."""
    found = {}
    for text in written:
        key, equals, value = text.partition("=")
        if not (equals and key.strip()):
            raise click.UsageError(f"{option} {text!r} is not of the form KEY=VALUE.")
        found[key.strip()] = value.strip()
    return found
