"""Trained heads that are kept aside until one of them is chosen to become a version."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from os import getpid
from pathlib import Path
from typing import Any

from verticals.files import explained, flush, remove_abandoned

from .registry import MANIFEST, Registry
from .values import checked, finite
from .versions import VersionRecord


class Drafts(Registry):
    """A registry that saves into a folder of its own, one draft per run; all else is as in the registry behind it.

    Args:
        registry: where a draft that is adopted becomes a version.
        folder: that holds the drafts.
    """

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._rows, self._models, self._folder_of_drafts = registry._rows, registry._models, folder  # noqa: SLF001
        remove_abandoned(folder)

    def save(
        self,
        vertical: str,
        head: str,
        manifest: Mapping[str, Any],
        write: Callable[[Path], None],
        *,
        run: str | None = None,
    ) -> VersionRecord:
        """Keep a trained head as the draft of its run; the record that comes back names no version.

        Raises:
            BadInput: the manifest has no JSON form.
            StorageError: the disk is full or not writable; the draft is there whole or not at all.
        """
        place = self._folder_of_drafts / (run or "draft")
        content = checked(finite(manifest), f"The manifest of {vertical}/{head}")
        content |= {"vertical": vertical, "head": head, "run": run}
        with explained(self._folder_of_drafts):
            self._folder_of_drafts.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".new-{getpid()}-", dir=self._folder_of_drafts))
        try:
            with explained(self._folder_of_drafts):
                write(temporary)
                (temporary / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
                for path in (*temporary.rglob("*"), temporary):
                    flush(path)
                shutil.rmtree(place, ignore_errors=True)
                temporary.rename(place)
                flush(self._folder_of_drafts)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return VersionRecord(
            vertical=vertical,
            head=head,
            version="",
            stage="candidate",
            created=datetime.now(UTC),
            plugin=str(manifest.get("plugin") or ""),
            plugin_version=str(manifest.get("plugin_version") or ""),
            dataset_version=str(manifest.get("dataset_version") or ""),
            objective=str(manifest.get("objective") or ""),
            metrics=content.get("metrics") or {},
            run=run,
        )

    def adopt(self, vertical: str, head: str, run: str) -> VersionRecord | None:
        """Make the draft of a run a version, and remove the draft; adopted before, the version it became.

        Returns:
            The version; ``None`` where the run has left no draft.
        """
        place = self._folder_of_drafts / run
        version = next((one for one in self.list(vertical, head) if one.run == run), None)
        if version is None and (place / MANIFEST).is_file():
            manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))

            def write(folder: Path) -> None:
                shutil.copytree(place, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))

            version = super().save(vertical, head, manifest, write, run=run)
        shutil.rmtree(place, ignore_errors=True)
        return version

    def drop_all_but(self, runs: Collection[str]) -> None:
        """Remove the drafts of all other runs."""
        for place in self._folder_of_drafts.iterdir() if self._folder_of_drafts.is_dir() else ():
            if place.name not in runs and not place.name.startswith("."):
                shutil.rmtree(place, ignore_errors=True)
