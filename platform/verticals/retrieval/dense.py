"""The dense part: vectors in FAISS, searched by inner product.

A `Dense` never changes; `advanced` gives the next one. So searches need no lock, and faiss is never searched while it
is added to. What is new sits in a small tail of plain arrays until it is worth folding into a new faiss index. What
kind of faiss index that is, `kinds` decides.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from verticals.contract import StorageError

from . import bases
from .exact import Nearest
from .gpu import Gpu
from .kinds import Kind
from .libraries import load_faiss
from .truth import Rows, Vectors

#: Goes into every dense snapshot; raise it when its files change their meaning.
FORMAT = "dense-2"

#: Gives some rows [n], ascending, and their exact vectors [n, dimension].
VectorsIn = Callable[[Sequence[int]], tuple[Rows, Vectors]]

_FILE, _ABOUT, _REMOVED = "vectors.faiss", "kind.json", "removed.npy"
_SMALLEST_FOLD = 1024
_LARGEST_FOLD = 8192
_FOLD_SHARE = 16
# Up to so many allowed rows it is quickest to fetch all their vectors and compare those.
_FEW = 1024

_NO_ROWS: Rows = np.empty(0, np.int64)
_NO_VECTORS: Vectors = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Dense:
    """All vectors as of one change.

    Args:
        change: the last change it contains.
        base: the faiss index, whose ids are row numbers; `None` while it would be empty.
        base_rows: the rows in ``base``, ascending.
        removed: the rows in ``base`` that are gone, ascending.
        tail_rows: rows not yet in ``base`` [n], ascending.
        tail_vectors: their vectors [n, dimension].
        kind: of ``base``.
        gpu: searches ``base`` in the CPU's place where it can; `None`: there is none.
    """

    change: int = 0
    base: Any = None
    base_rows: Rows = field(default_factory=lambda: _NO_ROWS)
    removed: Rows = field(default_factory=lambda: _NO_ROWS)
    tail_rows: Rows = field(default_factory=lambda: _NO_ROWS)
    tail_vectors: Vectors = field(default_factory=lambda: _NO_VECTORS)
    kind: Kind = field(default_factory=Kind)
    gpu: Gpu | None = field(default=None, compare=False, repr=False)

    @property
    def count(self) -> int:
        """How many vectors can be found."""
        return self.base_rows.size - self.removed.size + self.tail_rows.size

    @property
    def memory(self) -> int:
        """Bytes that it takes."""
        rows = self.base_rows.nbytes + self.removed.nbytes + self.tail_rows.nbytes + self.tail_vectors.nbytes
        return rows + (0 if self.base is None else bases.memory(self.base, self.kind))

    def advanced(self, change: int, removed: Rows, rows: Rows, vectors: Vectors) -> Dense:
        """The state after ``change``, which gave up the rows ``removed`` and wrote ``rows`` [n] of ``vectors``."""
        kept = ~_among(self.tail_rows, removed)
        tail_vectors = self.tail_vectors[kept]
        result = replace(
            self,
            change=change,
            removed=np.union1d(self.removed, removed[_among(removed, self.base_rows)]),
            tail_rows=np.concatenate([self.tail_rows[kept], rows]),
            tail_vectors=np.concatenate([tail_vectors, vectors]) if tail_vectors.size else vectors,
        )
        return result.folded() if result.pending > self._fold_at else result

    @property
    def pending(self) -> int:
        """How many changes `folded` would put into ``base``."""
        return self.tail_rows.size + (self.removed.size if self.kind.removes else 0)

    @property
    def _fold_at(self) -> int:
        share = self.base_rows.size // _FOLD_SHARE
        # A search compares the whole tail, which must not cost more than the lists it is spared.
        return max(_SMALLEST_FOLD, share if self.kind.exact else min(share, _LARGEST_FOLD))

    def folded(self) -> Dense:
        """The same vectors, all of them in a new ``base``; a kind that cannot remove keeps its ``removed``."""
        if not self.pending:
            return self
        if not self.count:
            return Dense(self.change, gpu=self.gpu)
        kind = self.kind
        base = self.base
        if base is None:
            kind = Kind()
            base = bases.trained(kind, self.tail_vectors[:1])
        base = bases.extended(base, kind, self.removed, self.tail_rows, self.tail_vectors)
        removed = _NO_ROWS if kind.removes else self.removed
        kept = np.setdiff1d(self.base_rows, self.removed, assume_unique=True) if kind.removes else self.base_rows
        return Dense(self.change, base, np.concatenate([kept, self.tail_rows]), removed, kind=kind, gpu=self.gpu)

    def search(
        self, query: Vectors, limit: int, allowed: Rows | None, vectors_in: VectorsIn | None = None
    ) -> list[tuple[int, float]]:
        """The ``limit`` nearest rows as ``(row, cosine)``, best first.

        What is given is always allowed, and always ``min(limit, allowed rows)`` of them. Of an ``exact`` kind, and of
        every kind where few rows (1,024) are allowed, they are the nearest ones. Otherwise the kind finds candidates
        among the allowed rows, looking at the more of itself the fewer they are, so that recall does not fall;
        ``vectors_in`` then puts them into their exact order, with their exact cosines.

        Args:
            query: one vector [dimension] of length 1.
            limit: how many at most.
            allowed: the rows to search among, ascending; `None`: all.
            vectors_in: gives exact vectors, for kinds that do not keep them; without it cosines are near ones.

        Raises:
            BadInput: the query is of another width.
        """
        bases.check_width(self.base, len(query))
        found = [*self._search_base(query, limit, allowed, vectors_in), *self._search_tail(query, limit, allowed)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def measured(self, query: Vectors, rows: Sequence[int], vectors_in: VectorsIn) -> dict[int, float]:
        """The exact cosines of rows with a query, of those there are.

        Args:
            query: one vector [dimension] of length 1.
            rows: which.
            vectors_in: gives exact vectors where the kind does not keep them, and of rows that came lately.
        """
        asked = np.array(rows, np.int64)
        there = _among(asked, self.base_rows) if self.kind.exact else np.zeros(asked.size, bool)
        found: dict[int, float] = {}
        if there.any():
            kept = asked[there]
            vectors = bases.exact_vectors(self.base)[np.searchsorted(self.base_rows, kept)]
            found |= zip(kept.tolist(), (vectors @ query).tolist(), strict=True)
        if not there.all():
            found |= _measured(query, asked[~there], vectors_in)
        return found

    def search_many(self, queries: Vectors, limit: int, vectors_in: VectorsIn | None = None) -> tuple[Rows, Vectors]:
        """What `search` gives for each of ``queries``: rows and cosines, both [queries, limit]; row -1 where no more.

        An ``exact`` kind compares them all at once; the others search one by one.
        """
        nearest = Nearest(queries, limit)
        if self.kind.exact:
            bases.check_width(self.base, queries.shape[1])
            if (found := self._on_gpu(queries, limit)) is not None:
                nearest.take(*found)
            elif self.base is not None:
                gone = np.isin(self.base_rows, self.removed) if self.removed.size else None
                nearest.show(self.base_rows, bases.exact_vectors(self.base), gone)
            if self.tail_rows.size:
                nearest.show(self.tail_rows, self.tail_vectors)
            return nearest.rows, nearest.similarities
        for at, query in enumerate(queries):
            hits = self.search(query, limit, None, vectors_in)
            nearest.rows[at, : len(hits)] = [row for row, _ in hits]
            nearest.similarities[at, : len(hits)] = [value for _, value in hits]
        return nearest.rows, nearest.similarities

    def _search_base(
        self, query: Vectors, limit: int, allowed: Rows | None, vectors_in: VectorsIn | None
    ) -> list[tuple[int, float]]:
        there = self.base_rows.size - self.removed.size
        if allowed is not None and self.base_rows.size:
            allowed = allowed[: np.searchsorted(allowed, self.base_rows[-1], "right")]
            there = allowed.size
        if not there:
            return []
        if allowed is not None and there <= _FEW and vectors_in is not None and not self.kind.exact:
            return _measured(query, allowed, vectors_in)
        kind, selector, effort = self.kind, self._not_removed, self.kind.effort
        if allowed is not None:
            selector = _selector(allowed)
            effort = kind.widened(there / self.base_rows.size)
        wanted = min(kind.candidates(limit), there)
        if allowed is None and (found := self._on_gpu(query[np.newaxis], wanted)) is not None:
            rows, similarities = (part[0][found[0][0] >= 0] for part in found)
        else:
            rows, similarities = bases.search(self.base, kind, query, wanted, selector, effort)
        if rows.size < min(limit, there) and not kind.exact:
            rows, similarities = bases.search(self.base, kind, query, wanted, selector, kind.most_effort)
        if kind.exact or vectors_in is None:
            return list(zip(rows.tolist(), similarities.tolist(), strict=True))
        return _measured(query, rows, vectors_in)

    def _on_gpu(self, queries: Vectors, limit: int) -> tuple[Rows, Vectors] | None:
        """Rows and similarities [queries, limit], best first, -1 for none; `None` where the CPU is to search."""
        if self.gpu is None or self.base is None:
            return None
        # A GPU takes no selector, so what is gone is found too, and left out then.
        given = self.gpu.search(self.base, self.kind, queries, limit + self.removed.size)
        if given is None:
            return None
        similarities, rows = given
        if self.kind.exact:
            rows = np.where(rows < 0, -1, self.base_rows[rows])
        gone = (rows < 0) | np.isin(rows, self.removed)
        best = np.argsort(gone, axis=1, kind="stable")[:, :limit]
        rows, similarities, gone = (np.take_along_axis(part, best, axis=1) for part in (rows, similarities, gone))
        return np.where(gone, -1, rows), np.where(gone, -np.inf, similarities).astype(np.float32)

    @functools.cached_property
    def _not_removed(self) -> Any:
        faiss = load_faiss()
        return faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed)) if self.removed.size else None

    def _search_tail(self, query: Vectors, limit: int, allowed: Rows | None) -> list[tuple[int, float]]:
        rows, vectors = self.tail_rows, self.tail_vectors
        if allowed is not None:
            kept = _among(rows, allowed)
            rows, vectors = rows[kept], vectors[kept]
        if not rows.size:
            return []
        similarities = vectors @ query
        best = np.lexsort((rows, -similarities))[:limit]
        return list(zip(rows[best].tolist(), similarities[best].tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write ``base``, and what it is; only for what `folded` gave.

        Raises:
            StorageError: faiss could not write the file.
        """
        (folder / _ABOUT).write_text(json.dumps(asdict(self.kind), indent=2), encoding="utf-8")
        if self.removed.size:
            np.save(folder / _REMOVED, self.removed)
        if self.base is not None:
            try:
                load_faiss().write_index(self.base, str(folder / _FILE))
            except RuntimeError as error:
                raise StorageError(f"{folder / _FILE} cannot be written: {error}.", "Is the disk full?") from error

    @classmethod
    def load(cls, folder: Path, change: int) -> Dense:
        """What `save` wrote, which contains everything up to ``change``.

        Raises:
            RuntimeError, OSError, ValueError, TypeError: a file cannot be read.
        """
        kind = Kind(**json.loads((folder / _ABOUT).read_text(encoding="utf-8")))
        path = folder / _FILE
        if not path.exists():
            return cls(change)
        base = load_faiss().read_index(str(path))
        removed = np.load(folder / _REMOVED) if (folder / _REMOVED).exists() else _NO_ROWS
        return cls(change, base, bases.rows_of(base, kind), removed, kind=kind)


def _among(rows: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Which of ``rows`` are among ``others``, which ascend; `np.isin` would sort them, 100 ms for 100,000."""
    if not others.size:
        return np.zeros(rows.size, bool)
    places = np.minimum(np.searchsorted(others, rows), others.size - 1)
    found: npt.NDArray[np.bool_] = others[places] == rows
    return found


def _selector(allowed: Rows) -> Any:
    faiss = load_faiss()
    members = np.zeros(int(allowed[-1]) + 1, bool)
    members[allowed] = True
    return faiss.IDSelectorBitmap(np.packbits(members, bitorder="little"))


def _measured(query: Vectors, rows: Rows, vectors_in: VectorsIn) -> list[tuple[int, float]]:
    """These rows with their exact cosines."""
    ascending, vectors = vectors_in(rows.tolist())
    return list(zip(ascending.tolist(), (vectors @ query).tolist(), strict=True))
