"""What there is to know about an index as a whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index at one moment.

    Args:
        documents: how many there are.
        change: the number of the last commit that changed it.
        embedding: names what made its vectors.
        dimension: of its vectors; `None` while there are none.
        writable: whether it can be written to, which one process can at a time.
    """

    documents: int
    change: int
    embedding: str
    dimension: int | None
    writable: bool
