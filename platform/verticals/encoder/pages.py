"""The bank's memory: pages, in which the matrices of several adapters lie side by side.

Side by side, the matrices of neighbours are one matrix, and one product computes them without anything being copied.
An adapter has the same columns of its page in every layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

COLUMNS = 256  # of a page: 16 adapters of rank 16

Matrices = tuple[torch.Tensor, torch.Tensor]


@dataclass(slots=True, frozen=True)
class Place:
    """Where an adapter is: the columns of a page from ``first`` to before ``last``."""

    page: int
    first: int
    last: int


class Shelf:
    """Which columns of which pages are taken.

    Args:
        columns: of a page.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._taken: list[bytearray] = []

    def take(self, rank: int) -> Place:
        """Columns side by side, of a new page where no other has as many."""
        if all(taken.find(bytes(rank)) < 0 for taken in self._taken):
            self._taken.append(bytearray(self.columns))
        page, first = next(
            (page, first) for page, one in enumerate(self._taken) if (first := one.find(bytes(rank))) >= 0
        )
        place = Place(page, first, first + rank)
        self._mark(place, 1)
        return place

    def give_back(self, place: Place) -> None:
        """Let others have the columns."""
        self._mark(place, 0)

    def _mark(self, place: Place, mark: int) -> None:
        self._taken[place.page][place.first : place.last] = bytes([mark]) * (place.last - place.first)


class Tables:
    """A layer's part of each page: ``A`` [columns, inputs] and the transpose of the scaled ``B`` [columns, outputs].

    A page takes memory once an adapter in it adapts the layer.

    Args:
        like: a weight of the layer, [outputs, inputs].
        columns: of a page.
    """

    def __init__(self, like: torch.Tensor, columns: int) -> None:
        self._like, self._columns = like, columns
        self._pages: dict[int, Matrices] = {}

    def write(self, place: Place, matrices: Matrices | None, stored: torch.dtype | None) -> int:
        """Fill an adapter's columns, with zeros where it leaves the layer as it is; the bytes that they take."""
        if matrices is not None and place.page not in self._pages:
            outputs, inputs = self._like.shape
            down, up = (self._like.new_empty(self._columns, width, dtype=stored) for width in (inputs, outputs))
            for table in (down, up):
                # Those of others before it are multiplied too, and only a number times zero is zero; what is behind
                # is left as the system gives it, so that it costs when filled.
                table[: place.first].zero_()
            self._pages[place.page] = down, up
        columns = self.read(place.page, place.first, place.last)
        if columns is None:
            return 0
        if matrices is None:
            for own in columns:
                own.zero_()
            return 0
        for own, given in zip(columns, matrices, strict=True):
            own.copy_(given)
        return sum(own.nbytes for own in columns)

    def read(self, page: int, first: int, last: int) -> Matrices | None:
        """Some columns of both; `None` where nobody in the page adapts the layer."""
        found = self._pages.get(page)
        return None if found is None else (found[0][first:last], found[1][first:last])
