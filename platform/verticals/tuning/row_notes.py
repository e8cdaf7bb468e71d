"""What the rows of a training are warned of, so that its figures are read with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from verticals.contract import Dataset, FitJob
from verticals.data import quality

from .objectives import Objective

_LONGEST = 10_000  # characters that are compared as they are


def row_notes(job: FitJob, objective: Objective) -> list[str]:
    """A sentence for everything that the figures must be read with.

    Labels in several spellings or with a single row, rows that repeat others or stand in several splits, numbers that
    are all the same. Where targets are no labels, rows are alike when their targets are, too.
    """
    labelled = bool(objective.labels) and objective.reads != "words"
    inputs = job.inputs if labelled else (*job.inputs, job.target)
    examples = Dataset(name="examples", row=dict, load=list, split_by="")
    report = quality(_rows(job, inputs), examples, [job.target] if labelled else [], inputs)
    notes = [sentence.removesuffix(".") for sentence in report.of_rows]
    values = {
        target for row in job.examples.get("train") or () if isinstance(target := row.get(job.target), int | float)
    }
    if len(values) == 1 and not objective.labels:
        notes.append(f"every training row has the {job.target} {values.pop():g}, so there is nothing to learn")
    return notes


def _rows(job: FitJob, inputs: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for split, examples in job.examples.items():
        for example in examples:
            row = {name: _comparable(example.get(name)) for name in inputs}
            yield {**row, job.target: example.get(job.target), "split": split}


def _comparable(value: Any) -> Any:
    """Stands for a value: pictures and their like by what they hold."""
    if hasattr(value, "tobytes"):
        return hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, str) and len(value) > _LONGEST:
        return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value
