"""Whose documents: every tenant has an index of its own in a folder of its own, of which few are open at once.

Separation is by folder: there is no query that could forget whose documents it asks for, no count, rank or statistic of
words that another tenant's documents have a part in, and what a tenant had is gone when its folder is.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from verticals.contract import NAME, BadInput, check_name

if TYPE_CHECKING:
    from .indexes import IndexHandle

DEFAULT = "default"
_FOLDER = "tenants"


def folder_of(index: Path, tenant: str) -> Path:
    """Where a tenant's documents are, below the folder of the index; those of the default tenant are the index's own.

    Raises:
        BadInput: the name cannot be one of a tenant.
    """
    check_name(tenant, "tenant name")
    return index if tenant == DEFAULT else index / _FOLDER / tenant


def tenants_in(index: Path) -> list[str]:
    """The tenants that have documents of their own in this index besides the default one, in order of name."""
    folder = index / _FOLDER
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in found if NAME.fullmatch(path.name) and (path / "documents.db").exists())


def remove(index: Path, tenant: str) -> None:
    """Remove what a tenant has, in one step as others see it.

    Raises:
        BadInput: it is the default tenant, whose folder holds the others.
    """
    if tenant == DEFAULT:
        raise BadInput("The default tenant cannot be removed.", "Delete its documents.")
    folder = folder_of(index, tenant)
    gone = folder.with_name(f".gone-{os.getpid()}-{tenant}")
    folder.rename(gone)
    for one in folder.parent.glob(".gone-*"):  # also what a process that was killed here left behind
        shutil.rmtree(one, ignore_errors=one != gone)


class OpenTenants:
    """Keeps a bounded number of tenants' indexes open, the ones used last.

    Args:
        most: that are open at once, besides those that are in use at the moment.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: OrderedDict[IndexHandle, None] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, handle: IndexHandle) -> None:
        """A tenant's index was used: close those that were used longest ago, where there are too many."""
        with self._lock:
            self._used[handle] = None
            self._used.move_to_end(handle)
            oldest = list(self._used)[: max(0, len(self._used) - self._most)]
        for one in oldest:
            if one.close(idle=True):
                with self._lock:
                    self._used.pop(one, None)
