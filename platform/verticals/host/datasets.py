"""One data set of one vertical."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import Dataset

if TYPE_CHECKING:
    from verticals.data import DatasetVersion, ImportReport

    from .vertical import Vertical


class DatasetHandle:
    """A data set bound to its vertical.

    Args:
        vertical: that declares it.
        noun: the declaration.
    """

    def __init__(self, vertical: Vertical, noun: Dataset) -> None:
        self.vertical, self.noun, self.name = vertical, noun, noun.name

    def current(self) -> DatasetVersion:
        """The newest version; the plugin's starter rows while nothing else was imported."""
        return self.vertical.host.datasets.current(self.vertical.name, self.noun)

    def get(self, version: str | None = None) -> DatasetVersion:
        """One version, the current one when not named.

        Raises:
            NotFound: there is no such version.
        """
        return self.vertical.host.datasets.get(self.vertical.name, self.noun, version) if version else self.current()

    def versions(self) -> list[DatasetVersion]:
        """All versions."""
        return self.vertical.host.datasets.list(self.vertical.name, self.noun)

    def import_file(self, path: Path | str, **options: Any) -> ImportReport:
        """Make a new version with the rows of a file; see `verticals.data.import_file` for the options.

        Labels outside the closed lists of the heads that learn from this data set are refused.
        """
        from verticals.data import import_file

        labels: Mapping[str, tuple[str, ...]] = {
            head.target: head.labels
            for head in self.vertical.heads.values()
            if head.dataset == self.name and head.labels and head.prepare is None and head.objective != "tag"
        }
        return import_file(
            self.vertical.host.datasets, self.vertical.name, self.noun, Path(path), labels=labels, **options
        )

    def export(self, path: Path | str, version: str | None = None) -> None:
        """Write a version (the current one when not named) to a file whose extension says the format."""
        from verticals.data import export_file

        export_file(self.get(version), Path(path))
