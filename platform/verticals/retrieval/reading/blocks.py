"""What a file is read into: pieces of text in their order, each with the headings above it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from verticals.contract.records import ALSO


class Unreadable(Exception):
    """What is wrong with a file as a whole, half a sentence that goes on from "cannot be read:"."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the author of a file should know of how it was read, in sentences that begin with its path.

    Args:
        notes: what was found out or done, as which encoding it has.
        left_out: parts that could not be read, as rows and pages.
    """

    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list item, a row of a table, an answer, a heading.

    The plain text of a file is its blocks one after the other, each with what stands ``before`` it.

    Args:
        text: without space around it, never empty.
        before: what stands between the block before and this one in the plain text.
        title: what to cite it by: the document and the headings above, or a question.
        heading: the headings above, outermost first; the last one of a heading is itself.
        page: where the file has pages, from 1.
        is_heading: whether it is a heading.
        alone: a passage of its own, never joined with its neighbours.
        key: what it is called within its file; where empty, it is called after its text.
        kind: of passage; where empty, that of its file.
        metadata: more about it, JSON values.
    """

    text: str
    before: str = "\n\n"
    title: str = ""
    heading: tuple[str, ...] = ()
    page: int | None = None
    is_heading: bool = False
    alone: bool = False
    key: str = ""
    kind: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def continued(self) -> Block:
        """What the parts behind its first one are of: its other wordings lead to the first."""
        if ALSO not in self.metadata:
            return self
        return replace(self, metadata={name: value for name, value in self.metadata.items() if name != ALSO})


class Headings:
    """The headings that stand above the place that a reader has come to.

    Args:
        document: the title of the whole.
    """

    def __init__(self, document: str) -> None:
        self.document = document
        self._above: list[tuple[int, str]] = []

    def heading(self, level: int, text: str) -> Block:
        """Come to a heading; 1 is the outermost level."""
        while self._above and self._above[-1][0] >= level:
            self._above.pop()
        self._above.append((level, text))
        return self.block(text, is_heading=True)

    def block(self, text: str, before: str = "\n\n", *, is_heading: bool = False) -> Block:
        """A block at this place."""
        path = tuple(text for _, text in self._above)
        # A document's title is mostly its first heading too, and is said once.
        parts = path if path and path[0].casefold() == self.document.casefold() else (self.document, *path)
        title = " › ".join(part for part in parts if part)
        return Block(text, before, title, path, is_heading=is_heading)


class TableRows:
    """The rows of one table as blocks that can each be read by itself: ``Country: Peru | Days: 9``.

    Args:
        headings: above it.
    """

    def __init__(self, headings: Headings) -> None:
        self._headings = headings
        self._header: list[str] = []
        self._before = "\n\n"

    def row(self, cells: list[str], *, is_header: bool = False) -> Iterator[Block]:
        """A row; a header names the cells of the rows below it. Empty cells are left out."""
        if is_header and not self._header:
            self._header = cells
            return
        names = self._header if len(self._header) == len(cells) else [""] * len(cells)
        named = [(name, cell) for name, cell in zip(names, cells, strict=True) if cell]
        yield from self._block(f"{name}: {cell}" if name and name != cell else cell for name, cell in named)

    def end(self) -> Iterator[Block]:
        """Its header, where no row came to use it."""
        if self._before == "\n\n":
            yield from self._block(cell for cell in self._header if cell)

    def _block(self, cells: Iterable[str]) -> Iterator[Block]:
        if text := " | ".join(cells):
            yield self._headings.block(text, self._before)
            self._before = "\n"
