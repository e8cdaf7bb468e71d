"""Folders and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from verticals.contract import StorageError

_TEMPORARY = re.compile(r"^\.new-(\d+)-")
_NUMBERED = re.compile(r"^v([1-9]\d*)$")


@contextlib.contextmanager
def publish_folder(
    parent: Path, *, above: int = 0, seal: Callable[[Path, str], None] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Write a folder of files, then make it visible as the next ``v<number>`` below ``parent``.

    Yields the temporary folder to fill and a list that holds the name (``v3``) once the block has ended well.
    Everything is flushed before the one rename; an exception removes the temporary folder.

    Args:
        parent: where the folder appears.
        above: a number that was given out before, so that the new one is higher even if that folder is gone.
        seal: called with the temporary folder and the name it is about to get, to write what must hold the
            name; called again with the next name should another process take this one first.

    Raises:
        StorageError: the disk is full or not writable.
    """
    with explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=parent))
    published: list[str] = []
    try:
        yield temporary, published
        with explained(parent):
            temporary.chmod(0o755)
            published.append(_rename_to_next(temporary, parent, above, seal))
            flush(parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _rename_to_next(temporary: Path, parent: Path, above: int, seal: Callable[[Path, str], None] | None) -> str:
    """Rename to the first free number; another process may take one at the same moment, so try again."""
    while True:
        number = max(above, *(n for n, _ in numbered_folders(parent)), 0) + 1
        if seal is not None:
            seal(temporary, f"v{number}")
        for path in (*temporary.rglob("*"), temporary):
            flush(path)
        try:
            temporary.rename(parent / f"v{number}")
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return f"v{number}"


def numbered_folders(parent: Path) -> list[tuple[int, Path]]:
    """The published folders below ``parent``, as ``(number, path)``, lowest first."""
    if not parent.is_dir():
        return []
    found = [(int(match[1]), path) for path in parent.iterdir() if (match := _NUMBERED.match(path.name))]
    return sorted(found)


def write_file(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step.

    Raises:
        StorageError: the disk is full or not writable.
    """
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write, which takes the place of ``path`` in one step once the block has ended well.

    Raises:
        StorageError: the disk is full or not writable.
    """
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".new-{os.getpid()}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        flush(path.parent)


def remove_abandoned(parent: Path) -> int:
    """Remove what writers that are no longer alive left half-written below ``parent``; how many there were."""
    removed = 0
    for path in parent.iterdir() if parent.is_dir() else ():
        match = _TEMPORARY.match(path.name)
        if match and not _alive(int(match[1])):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            removed += 1
    return removed


def flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn the operating system's errors about ``where`` into one sentence with a remedy."""
    try:
        yield
    except PermissionError as error:
        raise StorageError(
            f"{where} cannot be written.", "Check its owner, or choose another place with --home."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"The disk that holds {where} is full.", "Free some space and try again.") from error
        if error.errno == errno.EFBIG:
            raise StorageError(
                f"A file in {where} may not become that large.", "Raise the limit on the size of files (ulimit -f)."
            ) from error
        file = next((path for path in (where, *where.parents) if path.is_file()), None)
        if error.errno in (errno.ENOTDIR, errno.EEXIST) and file is not None:
            raise StorageError(
                f"{file} is a file, and a folder is needed there.", "Choose another place with --home."
            ) from error
        if error.errno in (errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise StorageError(
                f"{where} cannot be written: {error.strerror}.", "Choose another place with --home."
            ) from error
        raise


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
