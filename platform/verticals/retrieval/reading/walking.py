"""Which files an import reads, what it calls them, and what it passes over."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from verticals.contract import BadInput, NotFound

from .kinds import KINDS, kind_of


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read.

    Args:
        file: where it is.
        folder: what the folder that it was imported with is called.
        path: within that folder, with slashes.
    """

    file: Path
    folder: str
    path: str


@dataclass(slots=True)
class Walk:
    """What was found.

    Args:
        files: to read, in order.
        folders: the names of those that were given and read whole, so that what is no longer there is gone.
        skipped: ``(path, reason)`` of each file or folder that was passed over.
        problems: ``(path, problem)`` of what could not be looked into.
    """

    files: list[Found] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def walk(paths: Iterable[Path | str], name: str = "") -> Walk:
    """Look for files below ``paths``, in the order of their names. A file given by itself counts to its own folder.

    Args:
        paths: files and folders; one that lies in another one is looked at once.
        name: what to call the folder; otherwise its own name.

    Raises:
        NotFound: a path that is not there.
        BadInput: two folders or files would get one name, or there is nothing to look at.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    given = list(dict.fromkeys(Path(os.path.abspath(path)) for path in map(_there, paths)))  # noqa: PTH100
    if not given:
        raise BadInput("There is no file to import.", "Name files or folders.")
    shown = {Path(os.path.abspath(path)): Path(path) for path in paths}  # noqa: PTH100
    whole = {path for path in given if path.is_dir()}
    found = Walk()
    owners: dict[str, Path] = {}
    for path in given:
        if not whole.isdisjoint(path.parents):
            continue
        folder = path if path in whole else path.parent
        called = name or folder.name or "files"
        if owners.setdefault(called, folder) != folder:
            raise BadInput(
                f"{shown[path]} and what is in {owners[called]} would both be called {called!r}.",
                "Import them one after the other, each with a name of its own, or import the folder above both.",
            )
        if path in whole:
            _look_into(path, shown[path], called, found)
        else:
            _take(path, shown[path], called, path.name, found, asked=True)
    return found


def _there(path: Path | str) -> Path:
    path = Path(path)
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        remedy = f"Did you mean {str(path.with_name(near[0]))!r}?" if near else "Check the path."
        raise NotFound(f"There is no file or folder {str(path)!r}.", remedy)
    return path


def _look_into(top: Path, shown: Path, called: str, found: Walk) -> None:
    before, unreadable = len(found.files), len(found.problems)

    def cannot(error: OSError) -> None:
        reason = error.strerror or str(error)
        found.problems.append((str(error.filename), f"{error.filename} cannot be read: {reason}. Check its mode."))

    for folder, folders, names in os.walk(top, onerror=cannot):
        here = Path(folder)
        inner = here.relative_to(top)
        for each in sorted(folders):
            if _is_hidden(each):
                found.skipped.append((str(shown / inner / each), "hidden"))
            elif (here / each).is_symlink():
                found.skipped.append((str(shown / inner / each), "a link to a folder"))
        folders[:] = sorted(each for each in folders if not _is_hidden(each))
        for each in sorted(names):
            _take(here / each, shown / inner / each, called, (inner / each).as_posix(), found)
    if len(found.problems) > unreadable:
        return  # what could not be looked into may hold what would be taken for gone
    if len(found.files) == before:
        found.problems.append(
            (str(shown), f"{shown} has no file that can be read. Files may end in {', '.join(KINDS)}.")
        )
        return
    found.folders.append(called)


def _take(path: Path, shown: Path, called: str, inner: str, found: Walk, *, asked: bool = False) -> None:
    if not asked and _is_hidden(path.name):
        found.skipped.append((str(shown), "hidden"))
    elif not path.is_file():
        found.skipped.append((str(shown), "no regular file"))
    elif not asked and kind_of(path) is None:
        ending = path.suffix.lower()
        found.skipped.append((str(shown), f"files that end in {ending} cannot be read" if ending else "no ending"))
    elif not _is_unicode(called + inner):
        problem = f"{str(shown)!r}: its name is not valid Unicode. Rename it."
        found.problems.append((repr(str(shown)), problem))
    else:
        found.files.append(Found(shown, called, inner))


def _is_hidden(name: str) -> bool:
    """Also what word processors leave beside a document that is open."""
    return name.startswith((".", "~$"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
