"""Versions of data sets on disk: whole folders that never change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from verticals.contract import (
    SPLITS,
    BadRows,
    Conflict,
    Damaged,
    Dataset,
    NotFound,
    PlatformError,
    PluginError,
    RowProblem,
    check_name,
    resolve,
)
from verticals.files import FileLock, explained, numbered_folders, publish_folder, remove_abandoned, sha256_file

from .parquet import read_parquet, write_parquet
from .rows import RowCheck
from .splits import Row, split_rows

STARTER = "starter"
REMOVAL = "removal"  # the source of a version that rows were taken from
_ROWS, _MANIFEST = "rows.parquet", "manifest.json"
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One version of a data set.

    Args:
        vertical, name, version: what it is; ``version`` is ``v3`` and the like.
        path: its folder.
        rows: how many.
        splits: rows per split.
        source: ``starter``, or where its newest rows came from.
        created: when, in UTC.
        sha256: of the rows and their splits; equal for equal content.
        kinds: the stored fields in order, with their kinds.
    """

    vertical: str
    name: str
    version: str
    path: Path
    rows: int
    splits: Mapping[str, int]
    source: str
    created: datetime
    sha256: str
    kinds: Mapping[str, str] = field(repr=False)
    file_sha256: str = field(repr=False)

    def iterate(self) -> Iterator[Row]:
        """The rows in order, as plain values with their ``split``.

        Raises:
            Damaged: the file is not the one that was written.
        """
        path = self.path / _ROWS
        if not path.is_file() or sha256_file(path) != self.file_sha256:
            raise Damaged(f"{path} does not match its checksum.", "Restore the folder from a copy, or import again.")
        yield from read_parquet(path, {**self.kinds, "split": "text"})

    def read(self) -> list[Row]:
        """All rows at once."""
        return list(self.iterate())


class DatasetStore:
    """The data sets below one folder.

    Args:
        folder: ``datasets`` in the home; each version is ``<vertical>/<data set>/v<number>`` below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._starters: dict[tuple[str, Dataset], str] = {}

    def current(self, vertical: str, dataset: Dataset) -> DatasetVersion:
        """The newest version.

        Where nothing was imported yet it holds the plugin's starter rows, and follows them when they change.

        Raises:
            PluginError: the starter rows do not load or do not fit.
            StorageError: they cannot be written.
        """
        newest = self.newest(vertical, dataset)
        if newest and not self._outdated(newest, vertical, dataset):
            return newest
        with self._locked(vertical, dataset):
            newest = self.newest(vertical, dataset)
            if newest and not self._outdated(newest, vertical, dataset):
                return newest
            return self._write(vertical, dataset, starter_rows(vertical, dataset), STARTER)

    def newest(self, vertical: str, dataset: Dataset) -> DatasetVersion | None:
        """The newest version on disk, if there is any; never writes."""
        folders = numbered_folders(self._parent(vertical, dataset))
        return self._open(vertical, dataset, folders[-1][1]) if folders else None

    def get(self, vertical: str, dataset: Dataset, version: str | None = None) -> DatasetVersion:
        """A version by name; the current one where ``version`` is `None`.

        Raises:
            NotFound: there is no such version; the nearest is suggested.
        """
        if version is None:
            return self.current(vertical, dataset)
        found = {path.name: path for _, path in numbered_folders(self._parent(vertical, dataset))}
        if version not in found:
            raise NotFound.named("version", version, found, of=f"Data set {vertical}/{dataset.name}")
        return self._open(vertical, dataset, found[version])

    def list(self, vertical: str, dataset: Dataset) -> list[DatasetVersion]:
        """All versions on disk, oldest first; empty where neither import nor training has happened."""
        folders = numbered_folders(self._parent(vertical, dataset))
        return [self._open(vertical, dataset, path) for _, path in folders]

    def keys(self, vertical: str, dataset: Dataset) -> dict[Any, str]:
        """Each key of the current version, and where it is, for messages; never writes, not even the starter rows."""
        if not dataset.key:
            return {}
        newest = self.newest(vertical, dataset)
        if newest and not self._outdated(newest, vertical, dataset):
            rows, where = newest.iterate(), f"a row of the data set ({newest.version})"
        else:
            rows, where = iter(starter_rows(vertical, dataset)), "a row of the data set (starter rows)"
        return {row[dataset.key]: where for row in rows}

    def add(
        self,
        vertical: str,
        dataset: Dataset,
        rows: Iterable[tuple[Mapping[str, Any], str | None]],
        *,
        source: str,
        base: DatasetVersion | None,
    ) -> DatasetVersion:
        """Check ``rows`` and publish a version of them, after those of ``base``.

        Args:
            vertical, dataset: whose.
            rows: values and the split they name, or `None` to let ``split_by`` decide.
            source: where they came from.
            base: the newest version; `None` to begin anew.

        Raises:
            BadRows: rows that do not fit or repeat a key, numbered from 1; nothing was written.
            Conflict: ``base`` is no longer the newest version.
            StorageError: they cannot be written.
        """
        check = RowCheck(dataset)
        known = self.keys(vertical, dataset) if base else {}
        good, problems = [], []
        for number, (values, split) in enumerate(rows, 1):
            checked = check.check(number, {**values, "split": split})
            found = checked if isinstance(checked, list) else repeated_key(dataset, number, checked[0], known)
            if found:
                problems += found
            elif isinstance(checked, tuple):
                good.append(checked)
        if problems:
            raise BadRows(source, problems, "Correct these rows.")
        return self.publish(vertical, dataset, good, source=source, base=base)

    def publish(
        self,
        vertical: str,
        dataset: Dataset,
        rows: Sequence[tuple[Mapping[str, Any], str | None]],
        *,
        source: str,
        base: DatasetVersion | None,
    ) -> DatasetVersion:
        """What `add` does once the rows are checked, as `RowCheck` gives them."""
        with self._locked(vertical, dataset):
            newest = self.newest(vertical, dataset)
            if base and newest and newest.version != base.version:
                raise Conflict(
                    f"Data set {vertical}/{dataset.name} moved from {base.version} to {newest.version} meanwhile.",
                    "Do it again.",
                )
            old = _carried(base, dataset) if base else []
            return self._write(vertical, dataset, old + split_rows(rows, dataset, old), source)

    def remove(self, vertical: str, dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> int:
        """Publish a version without the rows that have the values of one of these; how many that were.

        The other rows keep their splits. Nothing is written where there are none.

        Raises:
            StorageError: it cannot be written.
        """
        self.current(vertical, dataset)  # starter rows are a version as soon as something is taken from them
        gone = [dict(row) for row in rows]
        with self._locked(vertical, dataset):
            newest = self.newest(vertical, dataset)
            old = _carried(newest, dataset) if newest else []
            left = [row for row in old if not any(one.items() <= row.items() for one in gone)]
            if len(left) < len(old):
                self._write(vertical, dataset, left, REMOVAL)
            return len(old) - len(left)

    def _write(self, vertical: str, dataset: Dataset, rows: Sequence[Row], source: str) -> DatasetVersion:
        kinds = {name: each.kind for name, each in RowCheck(dataset).fields.items()}
        parent = self._parent(vertical, dataset)
        remove_abandoned(parent)
        with publish_folder(parent) as (folder, published), explained(parent):
            with (folder / _ROWS).open("wb") as file:
                write_parquet(file, rows, {**kinds, "split": "text"})
            manifest = {
                "vertical": vertical,
                "name": dataset.name,
                "rows": len(rows),
                "splits": {split: sum(row["split"] == split for row in rows) for split in SPLITS},
                "source": source,
                "created": datetime.now(UTC).isoformat(),
                "sha256": _digest(rows),
                "kinds": kinds,
                "files": {_ROWS: sha256_file(folder / _ROWS)},
            }
            (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
        return self._open(vertical, dataset, parent / published[0])

    def _open(self, vertical: str, dataset: Dataset, path: Path) -> DatasetVersion:
        try:
            manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            return DatasetVersion(
                vertical=vertical,
                name=dataset.name,
                version=path.name,
                path=path,
                rows=manifest["rows"],
                splits=manifest["splits"],
                source=manifest["source"],
                created=datetime.fromisoformat(manifest["created"]),
                sha256=manifest["sha256"],
                kinds=manifest["kinds"],
                file_sha256=manifest["files"][_ROWS],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(
                f"{path / _MANIFEST} cannot be read: {error}.", "Restore the folder from a copy, or remove it."
            ) from error

    def _outdated(self, newest: DatasetVersion, vertical: str, dataset: Dataset) -> bool:
        if newest.source != STARTER:
            return False
        if (vertical, dataset) not in self._starters:
            self._starters[vertical, dataset] = _digest(starter_rows(vertical, dataset))
        return newest.sha256 != self._starters[vertical, dataset]

    def _parent(self, vertical: str, dataset: Dataset) -> Path:
        return self.folder / check_name(vertical, "vertical name") / dataset.name

    @contextlib.contextmanager
    def _locked(self, vertical: str, dataset: Dataset) -> Iterator[None]:
        """One writer at a time; writers are quick, so the others wait."""
        parent = self._parent(vertical, dataset)
        lock = FileLock(parent / ".lock", f"Data set {vertical}/{dataset.name}")
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with explained(parent):
                    lock.acquire()
                break
            except Conflict:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        try:
            yield
        finally:
            lock.release()


def starter_rows(vertical: str, dataset: Dataset) -> list[Row]:
    """The rows that the plugin ships, checked and split.

    Raises:
        PluginError: they do not load, or some do not fit.
    """
    where = f"The starter rows of {vertical}/{dataset.name}"
    check = RowCheck(dataset)
    good: list[tuple[dict[str, Any], str | None]] = []
    problems: list[RowProblem] = []
    known: dict[Any, str] = {}
    try:
        for number, row in enumerate(resolve(dataset.load)(), 1):
            checked = check.check_model(number, row) if isinstance(row, BaseModel) else check.check(number, row)
            found = checked if isinstance(checked, list) else repeated_key(dataset, number, checked[0], known)
            if found:
                problems += found
            elif isinstance(checked, tuple):
                good.append(checked)
    except PlatformError:
        raise
    except Exception as error:
        raise PluginError(f"{where} do not load: {type(error).__name__}: {error}.") from error
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise PluginError(f"{where} do not fit: {'; '.join(map(str, problems[:5]))}{more}.")
    return split_rows(good, dataset)


def repeated_key(dataset: Dataset, number: int, values: Mapping[str, Any], known: dict[Any, str]) -> list[RowProblem]:
    """The problem of a row whose key is ``known`` already; else its key is known from now on."""
    if not dataset.key:
        return []
    key = values[dataset.key]
    if key in known:
        return [RowProblem(number, dataset.key, f"repeats the key of {known[key]}", str(key))]
    known[key] = f"row {number}"
    return []


def _carried(base: DatasetVersion, dataset: Dataset) -> list[Row]:
    """The rows of ``base``, brought to the row model of today where that has changed since."""
    check = RowCheck(dataset)
    rows = base.read()
    if base.kinds == {name: each.kind for name, each in check.fields.items()}:
        return rows
    carried: list[Row] = []
    problems: list[RowProblem] = []
    for number, row in enumerate(rows, 1):
        checked = check.check(number, row)
        if isinstance(checked, list):
            problems += checked
        else:
            carried.append({**checked[0], "split": row["split"]})
    if problems:
        raise BadRows(
            f"{base.vertical}/{base.name} {base.version}",
            problems,
            "The row model has changed since: import all rows again with --replace.",
        )
    return carried


def _digest(rows: Iterable[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=True, default=str).encode() + b"\n")
    return digest.hexdigest()
