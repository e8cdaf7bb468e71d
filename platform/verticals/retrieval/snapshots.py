"""Snapshots of a derived part: numbered folders that say what they contain and carry their checksums.

A snapshot is only ever a shortcut. One that is missing, damaged or of another kind is ignored, and the part is built
from the truth instead.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from verticals.files import numbered_folders, publish_folder, remove_abandoned, sha256_folder

_MANIFEST = "manifest.json"
_LOG = logging.getLogger(__name__)


def publish(parent: Path, facts: Mapping[str, Any], write: Callable[[Path], None]) -> None:
    """Write a snapshot with ``write(folder)``, make it visible in one step, then drop the older ones.

    Raises:
        StorageError: the disk is full or not writable; the older snapshot is still there.
    """
    remove_abandoned(parent)
    with publish_folder(parent) as (folder, published):
        write(folder)
        manifest = {**facts, "files": sha256_folder(folder)}
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    for _, older in numbered_folders(parent):
        if older.name not in published:
            shutil.rmtree(older, ignore_errors=True)


def newest(parent: Path, facts: Mapping[str, Any]) -> tuple[Path, int] | None:
    """The newest whole snapshot below ``parent`` that has these ``facts``, with the last change it contains."""
    for _, folder in reversed(numbered_folders(parent)):
        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            if any(manifest.get(key) != value for key, value in facts.items()):
                _LOG.info("%s is of another kind and is built again.", folder)
            elif sha256_folder(folder, frozenset({_MANIFEST})) == manifest["files"]:
                return folder, int(manifest["change"])
            else:
                _LOG.warning("%s does not match its checksums and is built again.", folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("%s cannot be read and is built again: %s", folder, error)
    return None


def link_files(source: Path, target: Path) -> None:
    """Give ``target`` the files of ``source``: as hard links, which cost nothing, or as copies where links cannot be.

    Only for files that are replaced and never written in place.
    """
    for path in source.iterdir():
        if path.name in (_MANIFEST,) or path.suffix == ".lock":
            continue
        try:
            os.link(path, target / path.name)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                (target / path.name).unlink()
            shutil.copy2(path, target / path.name)
