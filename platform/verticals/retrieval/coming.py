"""The vectors of another model in the making, beside those in use, in the same database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .schema import VECTORS_NEW
from .written import WRITTEN, Written, written


class Coming:
    """What one transaction sees of them, and does to them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def embedding(self) -> str | None:
        """Names the model; `None` where none is to come."""
        found = self._connection.execute("SELECT embedding FROM coming").fetchone()
        return str(found[0]) if found else None

    @property
    def held_back(self) -> str:
        """How the model compared, as JSON, where it is not to take over; else empty."""
        found = self._connection.execute("SELECT held_back FROM coming").fetchone()
        return str(found[0]) if found else ""

    def done(self) -> int:
        """How many of the documents have their vector."""
        query = "SELECT count(*) FROM documents INDEXED BY documents_by_change WHERE row <= ?"
        (done,) = self._connection.execute(query, (self._last(),)).fetchone()
        return int(done)

    def left(self, limit: int) -> list[Written]:
        """What is written in the next documents that have none yet."""
        # Rows only ever grow and are done in their order.
        query = f"SELECT {WRITTEN} FROM documents WHERE row > ? ORDER BY row LIMIT ?"  # noqa: S608
        return [written(*found) for found in self._connection.execute(query, (self._last(), limit))]

    def dimension(self) -> int | None:
        """Width of the vectors; `None` while there are none."""
        found = self._connection.execute("SELECT length(vector) / 4 FROM vectors_new LIMIT 1").fetchone()
        return int(found[0]) if found else None

    def begin(self, embedding: str) -> None:
        """Make room for this model's vectors; what there is of them already is kept, what is of others is not."""
        if self.embedding != embedding:
            self.forget()
            self._connection.execute("INSERT INTO coming VALUES (?, '')", (embedding,))

    def put(self, rows: Sequence[int], vectors: npt.NDArray[np.float32]) -> None:
        """Add the vectors [n, dimension] of some rows; of a row that is gone meanwhile none."""
        self._connection.executemany(
            "INSERT INTO vectors_new SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM documents WHERE row = ?1)",
            [(row, vector.tobytes()) for row, vector in zip(rows, vectors, strict=True)],
        )

    def hold_back(self, figures: str) -> None:
        """Note that the model is not to take over; with empty ``figures``, that it may."""
        self._connection.execute("UPDATE coming SET held_back = ?", (figures,))

    def forget(self) -> None:
        """Give up the model and its vectors."""
        self._connection.execute("DELETE FROM coming")
        self._connection.execute("DROP TABLE vectors_new")
        self._connection.execute(VECTORS_NEW)

    def switch(self) -> None:
        """Put the vectors where those in use are."""
        self._connection.execute("DROP TABLE vectors")
        self._connection.execute("ALTER TABLE vectors_new RENAME TO vectors")
        self._connection.execute(VECTORS_NEW)
        self._connection.execute("DELETE FROM coming")

    def _last(self) -> int:
        (last,) = self._connection.execute("SELECT coalesce(max(row), 0) FROM vectors_new").fetchone()
        return int(last)
