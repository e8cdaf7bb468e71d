"""What there is to know about an index as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from .comparing import Compared


@dataclass(frozen=True, slots=True)
class Reembedding:
    """Another model's vectors in the making.

    Args:
        embedding: names the model.
        done, total: documents that have their vector, and all.
        held_back: how it compared, where it answers worse than the present one and therefore does not take over.
    """

    embedding: str
    done: int
    total: int
    held_back: Compared | None


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index at one moment.

    Args:
        documents: how many there are.
        change: the number of the last commit that changed it.
        embedding: names what made its vectors.
        dimension: of its vectors; `None` while there are none.
        writable: whether it can be written to, which one process can at a time.
        reembedding: another model's vectors in the making; `None` where none are.
        compared: how the present model compared with the one before when it took over, where that was measured.
    """

    documents: int
    change: int
    embedding: str
    dimension: int | None
    writable: bool
    reembedding: Reembedding | None = None
    compared: Compared | None = None
