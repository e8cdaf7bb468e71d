"""An evaluation as a folder that a person reads: ``report.md``, ``report.html``, pictures, ``errors.csv``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verticals.files import write_file

from .page import Page
from .pictures import calibration_picture, confusion_picture, slice_picture
from .record import ErrorRow, Evaluation, Slice

_SHOWN = 25


def write_report(evaluation: Evaluation, folder: Path, reference: str, commands: Sequence[str] = ()) -> list[Path]:
    """Write the report of a version; files of an earlier one in the folder are replaced.

    Args:
        evaluation: what was measured.
        folder: made where it is missing.
        reference: the version, as ``vertical/head@v3``.
        commands: that make the same report again.

    Returns:
        The files.

    Raises:
        StorageError: the folder cannot be written.
    """
    files: dict[str, str] = {}
    page = Page(f"{reference} on {evaluation.rows:,} {evaluation.split} rows")
    page.paragraph(summary_of(evaluation))
    page.table(("figure", "value", "95 % interval"), figure_rows(evaluation))
    page.paragraph(
        f"The intervals say how far chance in the choice of rows reaches ({evaluation.resamples:,} bootstrap draws, "
        f"seed {evaluation.seed}); another seed of training is not in them."
    )
    for one in evaluation.slices:
        name = f"slice-{re.sub(r'[^A-Za-z0-9_-]+', '-', one.column) or 'column'}.svg"
        files[name] = slice_picture(one)
        page.heading(f"By {one.column}")
        page.paragraph(slice_sentence(one))
        page.table(("group", "rows", one.metric, "95 % interval", "counts"), slice_rows(one))
        page.picture(name, files[name], f"{one.metric} by {one.column}")
    if evaluation.calibration and evaluation.calibration_error is not None:
        files["calibration.svg"] = calibration_picture(evaluation.calibration, evaluation.calibration_error)
        page.heading("Calibration")
        page.paragraph(
            "How often answers of a given confidence are right. Orange is the distance between the two; its mean over "
            f"the rows is the calibration error, {evaluation.calibration_error:.4f}."
        )
        page.picture("calibration.svg", files["calibration.svg"], "confidence against accuracy")
    if evaluation.per_label:
        page.heading("Labels")
        page.table(("label", "precision", "recall", "F1", "rows"), label_rows(evaluation))
    if evaluation.matrix:
        labels = [label for label, *_ in evaluation.per_label]
        files["confusion.svg"] = confusion_picture(labels, evaluation.matrix)
        page.heading("Confusions")
        page.picture("confusion.svg", files["confusion.svg"], "true labels against answered labels")
        if evaluation.confusions:
            rows = [[true, said, f"{count:,}"] for true, said, count in evaluation.confusions[:_SHOWN]]
            page.table(("is", "was taken for", "times"), rows)
    if evaluation.errors:
        page.heading("Errors")
        page.paragraph(
            f"The {min(_SHOWN, len(evaluation.errors))} worst of {len(evaluation.errors):,}, with the training row "
            "most like each; `errors.csv` has them all. A near one that has the wrong label is often the cause."
        )
        page.table(
            ("row", "input", "is", "was taken for", "nearest training row", "its target"), _error_rows(evaluation)
        )
        files["errors.csv"] = errors_csv(evaluation.errors)
    if commands:
        page.heading("Make it again")
        page.commands("\n".join(commands))
    files |= {"report.md": page.markdown(), "report.html": page.html()}
    for name, content in files.items():
        write_file(folder / name, content.encode("utf-8"))
    return [folder / name for name in files]


def summary_of(evaluation: Evaluation) -> str:
    """The figure that counts, in one sentence."""
    value, ends = evaluation.metrics[evaluation.metric], evaluation.intervals.get(evaluation.metric)
    reach = f", with 95 % confidence between {ends[0]:.4f} and {ends[1]:.4f}" if ends else ""
    return f"{evaluation.metric} is {value:.4f}{reach}."


def figure_rows(evaluation: Evaluation) -> list[list[str]]:
    """Name, value and interval of every figure."""
    return [[name, number(value), span(evaluation.intervals.get(name))] for name, value in evaluation.metrics.items()]


def label_rows(evaluation: Evaluation) -> list[list[str]]:
    """Label, precision, recall, F1 and rows."""
    return [[label, *map(number, scores), f"{support:,}"] for label, *scores, support in evaluation.per_label]


def slice_rows(one: Slice) -> list[list[str]]:
    """Group, rows, figure, interval, and whether it counts in the gap."""
    return [
        [each.name, f"{each.rows:,}", number(each.figure), span(each.interval), "yes" if each.counts else "no"]
        for each in one.groups
    ]


def slice_sentence(one: Slice) -> str:
    """The gap between the groups in plain words."""
    rule = f"Groups of fewer than {one.least} rows, and rows without a value, are shown but do not count."
    if one.gap is None:
        return f"Fewer than two groups are large enough to compare. {rule}"
    chance = ""
    if one.chance is not None:
        often = "in less than 1 %" if one.chance < 0.01 else f"in {one.chance:.0%}"
        verdict = "more than chance makes" if one.chance < 0.05 else "no more than chance makes"
        chance = f" Groups drawn at random differ as much {often} of draws: it is {verdict}."
    return f"The gap in {one.metric} between {one.best!r} and {one.worst!r} is {one.gap:.4f}.{chance} {rule}"


def errors_csv(errors: Sequence[ErrorRow]) -> str:
    """All errors as CSV, the worst first, each with its nearest training rows."""
    fields = list(errors[0].inputs)
    near = max(len(each.nearest) for each in errors)
    head = ["row", *fields, "target", "said", "confidence", "loss"]
    for at in range(1, near + 1):
        head += [f"nearest_{at}_{name}" for name in ("row", "input", "target", "similarity")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    for each in errors:
        cells = [
            each.number,
            *(each.inputs[name] for name in fields),
            each.target,
            each.said,
            each.confidence,
            each.loss,
        ]
        for other in each.nearest:
            cells += [other.number, shown(other.inputs), other.target, f"{other.similarity:.4f}"]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def shown(inputs: Mapping[str, Any]) -> str:
    """The inputs of a row as one text."""
    return " | ".join(str(value) for value in inputs.values())


def number(value: float | None) -> str:
    """A figure to four places."""
    return "" if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"


def span(ends: tuple[float, float] | None) -> str:
    """An interval."""
    return f"{number(ends[0])} to {number(ends[1])}" if ends else ""


def _error_rows(evaluation: Evaluation) -> list[list[str]]:
    rows = []
    for each in evaluation.errors[:_SHOWN]:
        near = each.nearest[0] if each.nearest else None
        rows.append(
            [
                "" if each.number is None else str(each.number), _cut(shown(each.inputs)), str(each.target),
                _said(each.said), _cut(shown(near.inputs)) if near else "", str(near.target) if near else "",
            ]
        )  # fmt: skip
    return rows


def _said(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"
