"""What filters ask for: for every metadata key, the rows that have each of its values.

An `Attributes` never changes; `advanced` gives the next one. What comes in is kept in segments, and small segments are
joined to large ones, as log-structured merge trees do it, so that a document is moved a few times only however many
there are.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .filters import Scalar, matching

Rows = npt.NDArray[np.int64]
#: Which rows there are: true at the place of each.
Mask = npt.NDArray[np.bool_]

#: Goes into every snapshot; raise it when its files change their meaning.
FORMAT = "attributes-1"

_KEYS, _VALUES, _ENDS, _ROWS, _PRESENT = "keys.json", "values.npy", "ends.npy", "rows.npy", "present.npy"


@dataclass(frozen=True, slots=True)
class Postings:
    """The rows of one key in one segment.

    Args:
        values: the different ones: numbers ascending, then texts ascending, then `None` if there is one.
        numbers: how many of them are numbers.
        ends: where the rows of each value end in ``rows`` [values].
        rows: of one value after the other.
    """

    values: Sequence[Scalar]
    numbers: int
    ends: Rows
    rows: Rows

    @classmethod
    def of(cls, found: Mapping[Scalar, Sequence[int]]) -> Postings:
        """What these values have, each its rows."""
        values, numbers = _ordered(found)
        ends = np.cumsum([len(found[value]) for value in values])
        return cls(values, numbers, ends, np.array([row for value in values for row in found[value]], np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Postings], present: Mask) -> Postings:
        """All of them in one, without the rows that are no longer there."""
        values, numbers = _ordered(dict.fromkeys(value for part in parts for value in part.values))
        place = {value: at for at, value in enumerate(values)}
        of_values = [np.array([place[value] for value in part.values], np.int64) for part in parts]
        places = np.concatenate([np.repeat(of, part.sizes) for of, part in zip(of_values, parts, strict=True)])
        rows = np.concatenate([part.rows for part in parts])
        there = present[rows]
        places, rows = places[there], rows[there]
        sizes = np.bincount(places, minlength=len(values))
        if not sizes.all():
            numbers = int(np.count_nonzero(sizes[:numbers]))
            values = [value for value, size in zip(values, sizes.tolist(), strict=True) if size]
        return cls(values, numbers, np.cumsum(sizes[sizes > 0]), rows[np.argsort(places, kind="stable")])

    @property
    def sizes(self) -> Rows:
        """How many rows each value has."""
        return np.diff(self.ends, prepend=0)

    def equal_to(self, value: Scalar) -> Rows:
        """The rows that have this value."""
        if value is None:
            there = bool(self.values) and self.values[-1] is None
            return self._rows(len(self.values) - 1, len(self.values)) if there else self.rows[:0]
        first, last = self._kind(value)
        at = bisect_left(self.values, value, first, last)  # type: ignore[type-var]
        return self._rows(at, at + 1) if at < last and self.values[at] == value else self.rows[:0]

    def between(self, bounds: Mapping[str, Any]) -> Rows:
        """The rows that have a value within ``bounds``, all numbers or all texts."""
        first, last = self._kind(next(iter(bounds.values())))
        low, high = first, last
        for name, bound in bounds.items():
            side = bisect_left if name in ("$gte", "$lt") else bisect_right
            at = side(self.values, bound, first, last)
            low, high = (max(low, at), high) if name in ("$gt", "$gte") else (low, min(high, at))
        return self._rows(low, max(low, high))

    def _kind(self, value: Any) -> tuple[int, int]:
        """Where the numbers, or the texts, begin and end."""
        none = bool(self.values) and self.values[-1] is None
        return (self.numbers, len(self.values) - none) if isinstance(value, str) else (0, self.numbers)

    def _rows(self, first: int, last: int) -> Rows:
        begin = int(self.ends[first - 1]) if first else 0
        return self.rows[begin : int(self.ends[last - 1])] if last > first else self.rows[:0]


@dataclass(frozen=True, slots=True)
class Segment:
    """Some rows' metadata: postings by key, and how many values there are in all of them."""

    postings: Mapping[str, Postings]
    size: int

    @classmethod
    def of(cls, postings: Mapping[str, Postings]) -> Segment:
        """What these keys have."""
        there = {key: one for key, one in postings.items() if one.values}
        return cls(there, sum(one.rows.size for one in there.values()))

    @classmethod
    def joined(cls, segments: Sequence[Segment], present: Mask) -> Segment:
        """All of them in one, without the rows that are no longer there."""
        keys = dict.fromkeys(key for segment in segments for key in segment.postings)
        return cls.of(
            {
                key: Postings.joined([one.postings[key] for one in segments if key in one.postings], present)
                for key in keys
            }
        )


@dataclass(frozen=True)
class Attributes:
    """All metadata as of one change.

    Args:
        change: the last change it contains.
        present: which rows there are.
        segments: what they have, large ones first.
    """

    change: int = 0
    present: Mask = field(default_factory=lambda: np.zeros(1, bool))
    segments: tuple[Segment, ...] = ()

    def advanced(self, change: int, removed: Rows, documents: Iterable[tuple[int, str]]) -> Attributes:
        """The state after ``change``, which gave up the rows ``removed`` and wrote ``documents``.

        Args:
            change: its number.
            removed: rows.
            documents: rows, ascending, with their metadata as JSON.
        """
        found: dict[str, dict[Scalar, list[int]]] = {}
        rows: list[int] = []
        for row, metadata in documents:
            rows.append(row)
            if metadata != "{}":
                for key, value in attributes(json.loads(metadata)):
                    found.setdefault(key, {}).setdefault(value, []).append(row)
        present = np.zeros(max(self.present.size, rows[-1] + 1 if rows else 0), bool)
        present[: self.present.size] = self.present
        present[removed[removed < present.size]] = False
        present[rows] = True
        segments = list(self.segments)
        if found:
            segments.append(Segment.of({key: Postings.of(values) for key, values in found.items()}))
        while len(segments) > 1 and 2 * segments[-1].size > segments[-2].size:
            segments[-2:] = [Segment.joined(segments[-2:], present)]
        return Attributes(change, present, tuple(segments))

    def matching(self, where: Mapping[str, Any]) -> Rows:
        """The rows that match ``where``, ascending.

        Raises:
            BadInput: a key or value that no filter can have; the message names the key.
        """
        return np.flatnonzero(matching(where, self))

    def every(self) -> Mask:
        """All rows."""
        return self.present

    def one_of(self, key: str, values: Iterable[Scalar]) -> Mask:
        """The rows that have one of these values."""
        return self._mask(postings.equal_to(value) for value in values for postings in self._postings(key))

    def between(self, key: str, bounds: Mapping[str, Any]) -> Mask:
        """The rows that have a value within ``bounds``, such as ``{"$gte": 2, "$lt": 5}``."""
        return self._mask(postings.between(bounds) for postings in self._postings(key))

    def having(self, key: str) -> Mask:
        """The rows that have the key."""
        return self._mask(postings.rows for postings in self._postings(key))

    def _postings(self, key: str) -> Sequence[Postings]:
        return [segment.postings[key] for segment in self.segments if key in segment.postings]

    def _mask(self, parts: Iterable[Rows]) -> Mask:
        mask = np.zeros(self.present.size, bool)
        for rows in parts:
            mask[rows] = True
        mask &= self.present
        return mask

    def folded(self) -> Attributes:
        """The same in one segment."""
        whole = Segment.joined(self.segments, self.present)
        return Attributes(self.change, self.present, (whole,) if whole.size else ())

    def save(self, folder: Path) -> None:
        """Write it; only for what `folded` gave."""
        postings = self.segments[0].postings if self.segments else {}
        keys: dict[str, list[int]] = {}
        values, ends, rows = bytearray(), [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for key, one in postings.items():
            encoded = json.dumps(one.values, ensure_ascii=False).encode()
            keys[key] = [len(values), len(encoded), one.numbers, len(one.values), one.rows.size]
            values += encoded
            ends.append(one.ends)
            rows.append(one.rows)
        (folder / _KEYS).write_text(json.dumps(keys, ensure_ascii=False), encoding="utf-8")
        np.save(folder / _VALUES, np.frombuffer(values, np.uint8))
        np.save(folder / _ENDS, np.concatenate(ends))
        np.save(folder / _ROWS, np.concatenate(rows))
        np.save(folder / _PRESENT, self.present)

    @classmethod
    def load(cls, folder: Path, change: int) -> Attributes:
        """What `save` wrote, which contains everything up to ``change``; values are read when they are asked for.

        Raises:
            OSError, ValueError, TypeError: a file cannot be read.
        """
        saved = _Saved(folder)
        segments = (Segment(saved, saved.size),) if saved else ()
        return cls(change, np.load(folder / _PRESENT), segments)


class _Saved(Mapping[str, Postings]):
    """The postings of a snapshot, each read when it is first asked for: metadata may have a value per document."""

    def __init__(self, folder: Path) -> None:
        # Mapped files stay readable when a newer snapshot takes this one's place.
        self._values, self._ends, self._rows = (
            np.load(folder / name, mmap_mode="r") for name in (_VALUES, _ENDS, _ROWS)
        )
        self.size = int(self._rows.size)
        self._places: dict[str, tuple[list[int], int, int]] = {}
        self._read: dict[str, Postings] = {}
        first_value = first_row = 0
        for key, about in json.loads((folder / _KEYS).read_text(encoding="utf-8")).items():
            self._places[key] = (about, first_value, first_row)
            first_value, first_row = first_value + about[3], first_row + about[4]

    def __getitem__(self, key: str) -> Postings:
        found = self._read.get(key)
        if found is None:
            (begin, length, numbers, count, size), value, row = self._places[key]
            values = json.loads(self._values[begin : begin + length].tobytes())
            ends, rows = np.array(self._ends[value : value + count]), np.array(self._rows[row : row + size])
            found = self._read[key] = Postings(values, numbers, ends, rows)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places


def _ordered(values: Collection[Scalar]) -> tuple[list[Scalar], int]:
    """Different values: numbers ascending, then texts ascending, then `None`; and how many numbers there are."""
    numbers: list[Scalar] = []
    texts: list[Scalar] = []
    for value in values:
        if value is not None:
            (texts if isinstance(value, str) else numbers).append(value)
    # Where they come from sorted parts, sorting only merges these.
    numbers.sort()  # type: ignore[type-var]
    texts.sort()  # type: ignore[type-var]
    return [*numbers, *texts, *([None] if None in values else [])], len(numbers)


def attributes(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """What filters can ask for: ``(key, value)`` for every scalar, and for every scalar in a list."""
    for key, value in metadata.items():
        for element in value if isinstance(value, list | tuple) else (value,):
            if element is None or isinstance(element, str | int | float):
                yield key, element
