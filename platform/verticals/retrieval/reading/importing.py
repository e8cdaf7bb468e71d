"""Files become documents of an index, and what is no longer in them goes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from verticals.contract import BadInput, Document, PlatformError, Progress

from .blocks import Told
from .kinds import kind_of, read_blocks
from .splitting import SIZE, SMALLEST, Passage, split
from .walking import Found, Walk, walk

if TYPE_CHECKING:
    from verticals.retrieval import Changes

# So many passages are embedded and committed together, of one file or of many.
_BATCH = 512


class Writable(Protocol):
    """What an import needs of an index; `verticals.retrieval.DocumentIndex` is one."""

    def upsert(self, documents: Iterable[Document]) -> Changes:
        """Add or replace documents."""

    def delete(self, ids: Iterable[str]) -> int:
        """Remove documents."""

    def documents(self, after: str = "", limit: int = 100) -> list[Document]:
        """Documents in the order of their ids."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a part of it, that was not imported.

    Args:
        path: of the file.
        problem: what is wrong, where, and what to do about it.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        return self.problem


@dataclass(slots=True)
class ImportSummary:
    """What an import did.

    Args:
        files: that were read.
        added, updated, unchanged: passages. One that only moved within its file is updated, but not embedded again.
        deleted: passages that are no longer in a file, or whose file is no longer in a folder.
        skipped: ``(path, reason)`` of what was passed over: hidden files, and kinds that cannot be read.
        notes: what else to know, such as the encoding that a file seems to have.
        problems: files and parts of files that could not be read. What the index had of such a file it keeps; of such
            a row or page it does not.
    """

    files: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def passages(self) -> int:
        """How many there are now of the files that were read."""
        return self.added + self.updated + self.unchanged


def import_files(
    index: Writable,
    paths: Iterable[Path | str],
    *,
    name: str = "",
    size: int = SIZE,
    encoding: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportSummary:
    """Bring an index up to what files and folders hold now.

    Every passage is a document whose id is ``folder/path#`` and a digest of its text, so a change in a file changes
    only the passages that it touches. Killed at any moment and run again, it comes to the same end.

    Args:
        index: where to.
        paths: files, and folders with all that is below them.
        name: what to call the folder in ids and in the metadata; otherwise its own name.
        size: characters that a passage has at most; 1,000 are about the 256 tokens that the default encoder reads.
        encoding: of text files that are not UTF-8; otherwise it is found for each.
        progress: called with a `Progress` in files.

    Raises:
        NotFound: a path that is not there.
        BadInput: an argument cannot be used, or two folders have one name.
        Conflict: the index is written by another process.
        StorageError: the disk is full; what was imported is kept.
    """
    _check_size(size)
    index.delete([])  # an index that cannot be written says so before anything is read
    return import_found(index, walk(paths, name), size=size, encoding=encoding, progress=progress)


def import_found(
    index: Writable,
    found: Walk,
    *,
    size: int = SIZE,
    encoding: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportSummary:
    """Bring an index up to what files hold that were found already; see `import_files`."""
    _check_size(size)
    summary = ImportSummary(skipped=found.skipped, problems=[FileProblem(*problem) for problem in found.problems])
    work = _Import(index, size, encoding, summary)
    started = time.monotonic()

    def report(done: int) -> None:
        if progress is not None:
            rate = done / max(time.monotonic() - started, 1e-9)
            left = (len(found.files) - done) / rate if rate else 0.0
            figures = {"passages": float(work.passages)}
            progress(Progress("importing", done, len(found.files), "files", rate, left, figures))

    for done, file in enumerate(found.files):
        for _ in work.file(file):
            report(done)
        report(done + 1)
    work.write()
    for folder in found.folders:
        work.remove_files_gone(folder, {file.path for file in found.files if file.folder == folder})
    return summary


def _check_size(size: int) -> None:
    if size < SMALLEST:
        raise BadInput(f"Passages of {size} characters are too short to be found.", f"Use {SMALLEST} or more.")


class _Import:
    """Passages on their way into an index; those of small files travel together."""

    def __init__(self, index: Writable, size: int, encoding: str | None, summary: ImportSummary) -> None:
        self.passages = 0
        self._index, self._size, self._encoding, self._summary = index, size, encoding, summary
        self._waiting: list[Document] = []
        self._whole: list[tuple[Found, set[str]]] = []  # files of which the last passage is waiting, and all their ids

    def file(self, found: Found) -> Iterator[None]:
        """Read a file; comes back after every batch that was written meanwhile."""
        ids: set[str] = set()
        try:
            for document in self._documents(found):
                ids.add(document.id)
                self._waiting.append(document)
                self.passages += 1
                if len(self._waiting) >= _BATCH:
                    self.write()
                    yield
        except _Unreadable:
            return
        self._summary.files += 1
        self._whole.append((found, ids))

    def _documents(self, found: Found) -> Iterator[Document]:
        taken: dict[str, int] = {}
        told = Told()
        try:
            for passage in split(read_blocks(found.file, self._encoding, told), self._size):
                yield as_document(found, passage, taken)
        except PlatformError as error:
            told.left_out.append(str(error))
            raise _Unreadable from error
        finally:
            self._summary.notes += told.notes
            self._summary.problems += [FileProblem(str(found.file), problem) for problem in told.left_out]

    def write(self) -> None:
        """Write what is waiting, and remove what files that are now whole in the index no longer have."""
        if self._waiting:
            changes = self._index.upsert(self._waiting)
            self._summary.added += changes.added
            self._summary.updated += changes.updated
            self._summary.unchanged += changes.unchanged
            self._waiting = []
        for found, ids in self._whole:
            self._remove(_prefix(found.folder, found.path), partial(_gone_from, found.path, ids))
        self._whole = []

    def remove_files_gone(self, folder: str, paths: set[str]) -> None:
        """Remove the passages of files that are no longer in a folder."""

        def gone(document: Document) -> bool:
            path = document.metadata.get("path")
            mine = isinstance(path, str) and document.id.startswith(_prefix(folder, path))
            return mine and path not in paths

        self._remove(f"{folder}/", gone)

    def _remove(self, prefix: str, gone: Callable[[Document], bool]) -> None:
        after = prefix
        while page := [each for each in self._index.documents(after, _BATCH) if each.id.startswith(prefix)]:
            after = page[-1].id
            if ids := [document.id for document in page if gone(document)]:
                self._summary.deleted += self._index.delete(ids)


class _Unreadable(Exception):
    """A file that cannot be read to its end; it has been told."""


def as_document(found: Found, passage: Passage, taken: dict[str, int]) -> Document:
    """A passage as a document.

    Args:
        found: the file that it is of.
        passage: the passage.
        taken: the ends of the ids that the file has given out, each with how often it was wanted; this one's is added.
    """
    name = passage.key or hashlib.blake2b(passage.text.encode(), digest_size=6).hexdigest()
    end = name
    while end in taken:
        taken[name] += 1
        end = f"{name}#{taken[name]}"
    taken[end] = 1
    metadata = {
        **passage.metadata,
        "path": found.path,
        "folder": found.folder,
        "kind": passage.kind or kind_of(found.file),
        "start": passage.start,
        "end": passage.end,
    }
    if passage.heading:
        metadata["heading"] = list(passage.heading)
    if passage.page is not None:
        metadata["page"] = passage.page
    return Document(_prefix(found.folder, found.path) + end, passage.text, passage.title, found.path, metadata)


def _gone_from(path: str, ids: set[str], document: Document) -> bool:
    """Whether a document is of this file but none of these. A path may contain the sign that ends another one."""
    return document.metadata.get("path") == path and document.id not in ids


def _prefix(folder: str, path: str) -> str:
    return f"{folder}/{path}#"
