"""One data set of one vertical."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import Dataset, TaskHead

if TYPE_CHECKING:
    from verticals.data import DatasetVersion, ImportReport, QualityReport

    from .vertical import Vertical

_LABELLED = frozenset({"classify", "classify_image", "multilabel", "tag"})


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

        Labels outside the closed lists of the heads that learn from this data set are refused, and numbers that are
        not finite where a head is to give them.
        """
        from verticals.data import import_file

        heads = [head for head in self._heads() if head.prepare is None]
        labels = {head.target: head.labels for head in heads if head.labels and head.objective != "tag"}
        finite = [head.target for head in heads if head.objective == "score"]
        return import_file(
            self.vertical.host.datasets, self.vertical.name, self.noun, Path(path),
            labels=labels, predicted=self._label_fields(), finite=finite, **options,
        )  # fmt: skip

    def remove_rows(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Make a new version without the rows that have the values of one of these; how many that were.

        Nothing is written where there are none.

        Args:
            rows: fields and their values; a ``split`` among them counts only where it is given.
        """
        return self.vertical.host.datasets.remove(self.vertical.name, self.noun, rows)

    def quality(self, version: DatasetVersion) -> QualityReport:
        """What a look at the rows of a version tells before training."""
        from verticals.data import quality

        fields = [field for field in self._label_fields() if field in version.kinds]
        return quality(version.iterate(), self.noun, fields)

    def _label_fields(self) -> list[str]:
        return [head.target for head in self._heads() if head.objective in _LABELLED]

    def _heads(self) -> list[TaskHead]:
        return [head for head in self.vertical.heads.values() if head.dataset == self.name]

    def export(self, path: Path | str, version: str | None = None) -> None:
        """Write a version (the current one when not named) to a file whose extension says the format."""
        from verticals.data import export_file

        export_file(self.get(version), Path(path))
