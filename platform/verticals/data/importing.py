"""A file of rows becomes the next version of a data set, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from verticals.contract import SPLITS, BadInput, BadRows, Dataset, RowProblem, suggest

from .columns import Columns
from .quality import QualityReport, quality
from .readers import Table, open_table
from .rows import MEBIBYTE, RowCheck
from .versions import DatasetStore, DatasetVersion, repeated_key

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Args:
        version: the new version.
        base: the version whose rows it begins with; `None` where it replaced them.
        added: rows of the file in it.
        skipped: the problems of the rows that were left out.
        quality: of the whole new version.
    """

    version: DatasetVersion
    base: DatasetVersion | None
    added: int
    skipped: tuple[RowProblem, ...]
    quality: QualityReport


def import_file(
    store: DatasetStore,
    vertical: str,
    dataset: Dataset,
    path: Path,
    *,
    columns: Mapping[str, str] = _NOTHING,
    split: str = "auto",
    replace: bool = False,
    skip_bad: bool = False,
    encoding: str | None = None,
    labels: Mapping[str, Sequence[str]] = _NOTHING,
    predicted: Collection[str] = (),
    finite: Collection[str] = (),
    cell_limit: int = MEBIBYTE,
) -> ImportReport:
    """Import a CSV, TSV, JSON lines, JSON or Parquet file.

    Args:
        store, vertical, dataset: where to.
        path: the file; its extension says what it is.
        columns: file column to field, for columns that are not named like their field.
        split: ``auto`` (the row's own ``split``, else a stable hash of ``split_by``), or one split for all rows.
        replace: leave the rows of the current version out.
        skip_bad: import the good rows and report the others.
        encoding: of a text file that is not UTF-8.
        labels: per label field the labels that are allowed; an empty sequence allows all.
        predicted: label fields that the quality report counts besides those of ``labels``.
        finite: fields whose numbers must be finite.
        cell_limit: bytes that one value may have in UTF-8.

    Raises:
        BadInput: the file or an option cannot be used.
        BadRows: rows do not fit: all of them, and nothing was written.
        StorageError: the version cannot be written.
    """
    if split not in ("auto", *SPLITS):
        raise BadInput(f"There is no split {split!r}.", suggest(split, ("auto", *SPLITS)))
    path = Path(path)
    check = RowCheck(dataset, labels, cell_limit, finite)
    matched = Columns(path, check.fields, columns)
    known = {} if replace else store.keys(vertical, dataset)
    with open_table(path, encoding) as table:
        good, problems = _checked(table, matched, check, dataset, known, with_split=split == "auto")
    if problems and (not skip_bad or not good):
        remedy = "Correct these rows, or leave them out with --skip-bad." if good else "Not one row of it is good."
        if any(" of the data set" in problem.problem for problem in problems):
            remedy += " To begin anew instead of adding to the data set, use --replace."
        raise BadRows(str(path), problems, remedy)
    if not good:
        raise BadInput(f"{path}, row 1: the file has no rows.", "Give it at least one row.")
    base = None if replace else store.current(vertical, dataset)
    rows = [(values, own if split == "auto" else split) for values, own in good]
    version = store.publish(vertical, dataset, rows, source=path.name, base=base)
    judged = quality(version.iterate(), dataset, {*check.labels, *(check.fields.keys() & set(predicted))})
    return ImportReport(version, base, len(rows), tuple(problems), judged)


def _checked(
    table: Table, columns: Columns, check: RowCheck, dataset: Dataset, known: dict[Any, str], *, with_split: bool
) -> tuple[list[tuple[dict[str, Any], str | None]], list[RowProblem]]:
    """The good rows and the problems of the others.

    Columns are judged first where the file declares them, else at the end by all that occurred, so that a column
    that is missing everywhere is one error and not one per row.
    """
    if table.columns is not None:
        columns.check(table.columns)
    fields: dict[str, str | None] = {}
    good: list[tuple[dict[str, Any], str | None]] = []
    problems: list[RowProblem] = []
    for raw in table.rows:
        if isinstance(raw, RowProblem):
            problems.append(raw)
            continue
        values = {}
        for column, value in raw.values.items():
            if column not in fields:
                fields[column] = columns.field(column)
            field = fields[column]
            if field and (with_split or field != "split"):
                values[field] = value
        checked = check.check(raw.number, values, parse=table.parse)
        found = checked if isinstance(checked, list) else repeated_key(dataset, raw.number, checked[0], known)
        problems += [RowProblem(each.row, columns.shown(each.field), each.problem, each.value) for each in found]
        if isinstance(checked, tuple) and not found:
            good.append(checked)
    if table.columns is None and fields:
        columns.check(tuple(fields), row=None)
    return good, problems
