"""Where the servers of a home can be reached, for other processes that meet their locks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = "servers"


@contextmanager
def announced(home: Path, url: str) -> Iterator[None]:
    """Tell, for the length of a block, that this process serves at ``url``."""
    from verticals.files import write_file

    path = home / _FOLDER / f"{os.getpid()}.json"
    write_file(path, json.dumps({"url": url}).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def address_of(home: Path, process: str) -> str | None:
    """The URL at which the process of this number serves; `None` where it does not say so."""
    if not process.isdecimal():
        return None
    try:
        told = json.loads((home / _FOLDER / f"{process}.json").read_text(encoding="utf-8"))
        return str(told["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
