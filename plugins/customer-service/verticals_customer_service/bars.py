"""How far long work of a command is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from verticals import Vertical


@contextmanager
def bar(length: int, label: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left, on a terminal only."""
    if quiet or not sys.stderr.isatty() or length == 0:
        yield lambda done, total: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_eta=True) as bar:

        def told(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield told


def opening(vertical: Vertical, quiet: bool = False) -> None:
    """Open the index `knowledge`, which loads the encoder, and the first time embeds the starter documents."""
    with bar(1, "Opening the index", quiet) as told:
        vertical.index("knowledge").open(lambda now: told(now.done, now.total))
