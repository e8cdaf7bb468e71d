"""Which split a row belongs to: its own word, else a stable hash of what must not be torn apart."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from verticals.contract import Dataset

Row = dict[str, Any]
_SHARES = (("train", 0.8), ("validation", 0.1), ("test", 0.1))
_SEED = b"verticals-split-1"


def normalise(value: Any) -> str:
    """What makes two texts the same: compatible characters (NFKC), case and runs of white space do not count."""
    text = str(value)
    if text.isascii():
        return " ".join(text.casefold().split())  # the same, many times quicker
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def assign_split(text: str) -> str:
    """The split of a normalised text: 80 % train, 10 % validation, 10 % test, the same everywhere and forever."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=_SEED).digest()
    place = int.from_bytes(digest, "big") / 2**64
    for split, share in _SHARES:
        if place < share:
            return split
        place -= share
    return _SHARES[-1][0]


def split_rows(
    rows: Iterable[tuple[Mapping[str, Any], str | None]], dataset: Dataset, base: Sequence[Mapping[str, Any]] = ()
) -> list[Row]:
    """Rows with their ``split``.

    A row that names its split keeps it. Every other row goes where the rows of ``base`` or of this call with the
    same normalised ``split_by`` already are, else where its hash sends it. Rows of ``base`` never move.
    """
    listed = [(values, split, _group(values, dataset)) for values, split in rows]
    placed: dict[str, str] = {}
    for row in base:
        placed.setdefault(_group(row, dataset), row["split"])
    for _, split, group in listed:
        if split:
            placed.setdefault(group, split)
    return [{**values, "split": split or placed.get(group) or assign_split(group)} for values, split, group in listed]


def _group(values: Mapping[str, Any], dataset: Dataset) -> str:
    """What must stay together; a row that lacks ``split_by`` stands for itself, by its key or all it holds."""
    for field in (dataset.split_by, dataset.key):
        if field and values.get(field) is not None:
            return normalise(values[field])
    return json.dumps({k: v for k, v in values.items() if k != "split"}, default=str, sort_keys=True)
