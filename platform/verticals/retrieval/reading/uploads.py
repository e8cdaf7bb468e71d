"""Files that were sent, not found: named by who sends them, read from a folder that is soon gone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from verticals.contract import BadInput

from .importing import FileProblem, ImportSummary, Writable, import_found
from .splitting import SIZE
from .walking import Found, Walk

FOLDER = "files"
_LONGEST_NAME = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def inner_path(name: str) -> str:
    """What a file that was sent as ``name`` is called within its folder: ``guides/returns.md``, never outside of it.

    Raises:
        BadInput: nothing is left that could be a name, or it is too long.
    """
    parts = [part.strip() for part in re.split(r"[/\\]", _CONTROL.sub("", name))]
    kept = "/".join(part for part in parts if part not in ("", ".", ".."))
    if not kept:
        raise BadInput(f"{name!r} is not the name of a file.", "Send each file with its own name.")
    if len(kept) > _LONGEST_NAME or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise BadInput(f"The name {kept[:60]!r}… has more than {_LONGEST_NAME} characters.", "Give it a shorter one.")
    return kept


def import_uploads(
    index: Writable,
    sent: Iterable[tuple[str, Path]],
    *,
    name: str = "",
    size: int = SIZE,
    encoding: str | None = None,
) -> ImportSummary:
    """Bring an index up to what these files hold; other files of the folder stay as they are in the index.

    Args:
        index: where to.
        sent: ``(path, file)``: what a file is called within its folder, and where its content is.
        name: what the folder is called in ids and in the metadata: an import of a folder of this name and an upload
            into it are about the same files.
        size, encoding: see `import_files`.

    Raises:
        BadInput: there is no file, or an argument cannot be used.
        Conflict: the index is written by another process.
        StorageError: the disk is full; what was imported is kept.
    """
    called = {file: path for path, file in sent}
    if not called:
        raise BadInput("There is no file to import.", "Send one or more.")
    found = Walk([Found(file, inner_path(name or FOLDER), path) for file, path in called.items()])
    summary = import_found(index, found, size=size, encoding=encoding)

    def told(text: str) -> str:
        for file, path in called.items():
            text = text.replace(str(file), path)
        return text

    problems = [FileProblem(told(one.path), told(one.problem)) for one in summary.problems]
    return replace(summary, notes=[told(note) for note in summary.notes], problems=problems)
