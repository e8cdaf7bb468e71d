"""Blocks joined or cut into passages: what one search result shows."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .blocks import Block

SIZE = 1_000
SMALLEST = 100

# A run of signs is entered at its beginning only: looking from each of a million dots would take hours.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s++[^\sa-zà-öø-ÿ])|[。！？｡؟।]++[”’」』）]*+", re.UNICODE
)  # fmt: skip
# Characters of scripts without spaces are tokens of their own, of which an encoder reads only so many.
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_UNSPACED_SHARE = 0.3
_SAMPLE = 2_000
# Where a passage may end before it is full, so that a change early in a long text leaves the later passages alone.
_ENDS_ONE_IN = 4


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a file's plain text: ``text == plain_text[start:end]``.

    Args:
        text: as it stands there.
        start, end: its first character and the one behind its last.
        title, heading, page, key, kind, metadata: see `Block`.
    """

    text: str
    start: int
    end: int
    title: str = ""
    heading: tuple[str, ...] = ()
    page: int | None = None
    key: str = ""
    kind: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def split(blocks: Iterable[Block], size: int = SIZE) -> Iterator[Passage]:
    """Passages of at most ``size`` characters, in their order; of a quarter as many in Chinese and the like.

    Blocks below one heading and on one page are joined as long as they fit. A longer one is cut between sentences; a
    sentence that is longer itself, at the end of a line, else at a space. Headings are in the titles of what stands
    below them, and a passage only where nothing does.
    """
    building: _Building | None = None
    lonely: tuple[Block, int] | None = None
    offset = 0
    for block in blocks:
        start = offset + len(block.before)
        offset = start + len(block.text)
        if building and (block.alone or block.is_heading or not building.takes(block)):
            yield building.passage()
            building = None
        if lonely:
            if block.is_heading and len(block.heading) <= len(lonely[0].heading):
                yield from split_alone(*lonely, size)
            lonely = None
        if block.is_heading:
            lonely = block, start
            continue
        room = _room(block.text, size)
        for first, last in _parts(block.text, room):
            if building and start + last - building.start > room:
                yield building.passage()
                building = None
            part = block.text[first:last]
            if building is None:
                building = _Building(block if first == 0 else block.continued(), start + first, part)
            else:
                building.text += (block.before if first == 0 else block.text[building.read : first]) + part
            building.read = last
            if len(building.text) >= room // 2 and zlib.crc32(part.encode()) % _ENDS_ONE_IN == 0:
                yield building.passage()
                building = None
    if building:
        yield building.passage()
    if lonely:
        yield from split_alone(*lonely, size)


def split_alone(block: Block, start: int, size: int) -> Iterator[Passage]:
    """The passages of a block that is joined with no other."""
    for first, last in _parts(block.text, _room(block.text, size)):
        part = block if first == 0 else block.continued()
        yield _Building(part, start + first, block.text[first:last]).passage()


@dataclass(slots=True)
class _Building:
    """A passage that is still taking blocks; ``read`` is how far the newest of them has been."""

    block: Block
    start: int
    text: str
    read: int = 0

    def takes(self, block: Block) -> bool:
        mine = self.block
        return not mine.alone and (mine.heading, mine.page, mine.title) == (block.heading, block.page, block.title)

    def passage(self) -> Passage:
        block, end = self.block, self.start + len(self.text)
        return Passage(
            self.text, self.start, end, block.title, block.heading, block.page, block.key, block.kind, block.metadata,
        )  # fmt: skip


def _room(text: str, size: int) -> int:
    """How many characters of such a text a passage may have."""
    sample = text[:_SAMPLE]
    return size // 4 if len(_UNSPACED.findall(sample)) > _UNSPACED_SHARE * len(sample) else size


def _parts(text: str, size: int) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of a block that fits, else of its sentences, none longer than ``size``."""
    if len(text) <= size:
        yield 0, len(text)
        return
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield from _cut(text, start, match.end(), size)
        start = match.end()
    yield from _cut(text, start, len(text), size)


def _cut(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """A sentence, in pieces of at most ``size`` characters without space around them."""
    while start < end:
        if text[start].isspace():
            start += 1
            continue
        stop = end
        if end - start > size:
            limit = start + size
            spaces = (text.rfind(space, start + size // 2, limit + 1) for space in "\n ")
            stop = next((space for space in spaces if space > start), limit)
        inner = text[start:stop].rstrip()
        yield start, start + len(inner)
        start = stop
