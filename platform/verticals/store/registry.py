"""Trained versions: the folders on disk and their rows, behind one face."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verticals.contract import NAME, Damaged, check_name
from verticals.files import explained, numbered_folders, publish_folder, remove_abandoned, sha256_file, sha256_folder

from .store import Store
from .values import checked, finite
from .versions import Promotion, VersionRecord

MANIFEST = "manifest.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version on disk whose every file matched its checksum.

    Args:
        path: the folder.
        manifest: what ``manifest.json`` says.
    """

    path: Path
    manifest: dict[str, Any]


class Registry:
    """The trained versions of all heads.

    The folder is the truth: it appears whole, by one rename, and its row follows. Where a process was killed
    between the two, the next registry adopts the folder; what was half-written is removed.

    Args:
        store: where the rows are.
        models: the folder that holds ``<vertical>/<head>/v<number>/``.

    Attributes:
        switches: how often this registry has changed a live version; other processes' changes are not in it.
    """

    def __init__(self, store: Store, models: Path) -> None:
        self._rows = store.versions
        self._models = models
        self.switches = 0
        self._adopt()

    def save(
        self,
        vertical: str,
        head: str,
        manifest: Mapping[str, Any],
        write: Callable[[Path], None],
        *,
        run: str | None = None,
    ) -> VersionRecord:
        """Save a trained head as the next version, a candidate.

        Args:
            vertical, head: names.
            manifest: what is to be remembered; version, moment of creation and checksums are added.
            write: fills the folder it is given (weights, model card).
            run: the run that trained it.

        Raises:
            BadInput: a name is malformed, or the manifest has no JSON form.
            StorageError: the disk is full or not writable; the version is there whole or not at all.
        """
        parent = self._folder(vertical, head)
        content = checked(finite(manifest), f"The manifest of {vertical}/{head}")
        content |= {"vertical": vertical, "head": head, "run": run, "created": datetime.now(UTC).isoformat()}

        def seal(folder: Path, version: str) -> None:
            text = json.dumps(content | {"version": version}, ensure_ascii=False, indent=2)
            (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

        above = self._rows.highest(vertical, head)
        with publish_folder(parent, above=above, seal=seal) as (folder, published), explained(parent):
            write(folder)
            content["files"] = sha256_folder(folder, frozenset({MANIFEST}))
        return self._insert(vertical, head, parent / published[0])

    def open(self, vertical: str, head: str, version: str) -> VersionFolder:
        """The folder of a version (or of ``live`` or ``latest``), every file checked against its checksum.

        Raises:
            NotFound: there is no such version.
            Damaged: a file is missing, changed, or lies outside the folder; the message names it.
        """
        record = self.get(vertical, head, version)
        try:
            return self._opened(record)
        except Damaged as error:
            raise Damaged(
                f"{record.reference} is damaged: {error.message}", error.remedy or self._instead_of(record)
            ) from error

    def damage(self, record: VersionRecord) -> Damaged | None:
        """What is wrong with the files of a version, if anything is."""
        try:
            self.open(record.vertical, record.head, record.version)
        except Damaged as error:
            return error
        return None

    def _opened(self, record: VersionRecord) -> VersionFolder:
        vertical, head = record.vertical, record.head
        path = self._folder(vertical, head) / record.version
        if not path.resolve().is_relative_to(self._models.resolve()):
            raise Damaged(f"{path} leads out of {self._models}.", "Replace the link by the folder itself.")
        if not path.is_dir():
            raise Damaged(f"The folder {path} of {record.reference} is gone.")
        with explained(path):
            manifest = _verified(path, record)
        return VersionFolder(path, manifest)

    def _instead_of(self, record: VersionRecord) -> str:
        """What to do without a version."""
        name = f"{record.vertical}/{record.head}"
        for other in self._rows.list(record.vertical, record.head):
            if other.version != record.version:
                with contextlib.suppress(Damaged):
                    self._opened(other)
                    return f"Restore it from a backup, or use another: platform models promote {name} {other.version}"
        return f"Restore it from a backup, or train another: platform train {name} --promote"

    def get(self, vertical: str, head: str, version: str) -> VersionRecord:
        """One version by its name, or by ``live`` or ``latest``.

        Raises:
            NotFound: there is none; the message names those there are.
        """
        return self._rows.get(vertical, head, version)

    def list(self, vertical: str | None = None, head: str | None = None) -> builtins.list[VersionRecord]:
        """Versions by vertical and head, newest first; each name given narrows the list."""
        self._adopt()
        return self._rows.list(vertical, head)

    def live(self, vertical: str, head: str) -> VersionRecord | None:
        """The live version, if there is one."""
        return self._rows.live(vertical, head)

    def promote(self, vertical: str, head: str, version: str, *, why: str = "") -> VersionRecord:
        """Make a version live, once its files are checked; the one that was live is retired.

        Raises:
            NotFound: there is no such version.
            Damaged: its files do not match their checksums; nothing was changed.
        """
        target = self.get(vertical, head, version)
        self.open(vertical, head, target.version)
        try:
            return self._rows.promote(vertical, head, target.version, why=why)
        finally:
            self.switches += 1

    def rollback(self, vertical: str, head: str, *, why: str = "") -> VersionRecord:
        """Go back to the version that was live before the live one was promoted; again: further back.

        Raises:
            Conflict: nothing is live, or nothing was before.
            Damaged: the files of that version do not match their checksums; nothing was changed.
        """
        self.open(vertical, head, self._rows.before_live(vertical, head).version)
        try:
            return self._rows.rollback(vertical, head, why=why)
        finally:
            self.switches += 1

    def history(self, vertical: str, head: str) -> builtins.list[Promotion]:
        """All changes of the live version, oldest first."""
        return self._rows.history(vertical, head)

    def live_signature(self) -> int:
        """A number that grows whenever any live version changes; cheap enough to poll."""
        return self._rows.live_signature()

    def _folder(self, vertical: str, head: str) -> Path:
        return self._models / check_name(vertical, "vertical name") / check_name(head, "head name")

    def _insert(self, vertical: str, head: str, path: Path) -> VersionRecord:
        """The row of a published folder, from its manifest."""
        content = (path / MANIFEST).read_bytes()
        manifest = json.loads(content)
        return self._rows.add(
            VersionRecord(
                vertical=vertical,
                head=head,
                version=path.name,
                stage="candidate",
                created=datetime.fromisoformat(manifest["created"]),
                plugin=manifest.get("plugin") or "",
                plugin_version=manifest.get("plugin_version") or "",
                dataset_version=manifest.get("dataset_version") or "",
                objective=manifest.get("objective") or "",
                metrics=manifest.get("metrics") or {},
                run=manifest.get("run"),
                tenant=manifest.get("tenant") or "default",
                manifest_sha256=hashlib.sha256(content).hexdigest(),
            )
        )

    def _adopt(self) -> None:
        """Give a row to each folder that has none, and clear away what killed processes left half-written."""
        known = {(record.vertical, record.head, record.version) for record in self._rows.list()}
        for vertical, head, parent in self._heads():
            remove_abandoned(parent)
            for _, path in numbered_folders(parent):
                if (vertical, head, path.name) in known:
                    continue
                try:
                    self._insert(vertical, head, path)
                except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                    _log.warning("%s is passed over: its %s cannot be used (%s).", path, MANIFEST, error)

    def _heads(self) -> Iterator[tuple[str, str, Path]]:
        with explained(self._models):
            for vertical in sorted(self._models.iterdir()) if self._models.is_dir() else ():
                for head in sorted(vertical.iterdir()) if vertical.is_dir() else ():
                    if NAME.fullmatch(vertical.name) and NAME.fullmatch(head.name) and head.is_dir():
                        yield vertical.name, head.name, head


def _verified(path: Path, record: VersionRecord) -> dict[str, Any]:
    """The manifest, once it and every file it lists match their checksums."""
    inside = path.resolve()
    manifest_path = path / MANIFEST
    if not manifest_path.is_file():
        raise Damaged(f"{manifest_path} is missing.")
    content = manifest_path.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.manifest_sha256:
        raise Damaged(f"{manifest_path} was changed after {record.reference} was saved.")
    manifest: dict[str, Any] = json.loads(content)
    for name, expected in manifest.get("files", {}).items():
        file = path / name
        if not file.resolve().is_relative_to(inside):
            raise Damaged(f"{manifest_path} lists {name!r}, which lies outside the folder.")
        if not file.is_file():
            raise Damaged(f"{file} is missing.")
        if sha256_file(file) != expected:
            raise Damaged(f"{file} does not match its checksum.")
    return manifest
