"""SHA-256 of files and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of one file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_folder(folder: Path, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Relative path to SHA-256, for every file below ``folder``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {names[path]: sha256_file(path) for path in files if names[path] not in leave_out}
