"""Rows of a data set: read from files, checked against the row model, split, kept as versions, judged, written out.

A file is either imported whole or not at all: every bad row is reported with its file, row, field and a remedy.
A version is a folder with ``rows.parquet`` and ``manifest.json`` that never changes once it is there.
"""

from .exporting import export_file
from .importing import ImportReport, import_file
from .quality import Finding, QualityReport, quality
from .splits import assign_split, normalise
from .versions import DatasetStore, DatasetVersion

__all__ = [
    "DatasetStore", "DatasetVersion", "Finding", "ImportReport", "QualityReport", "assign_split", "export_file",
    "import_file", "normalise", "quality",
]  # fmt: skip
