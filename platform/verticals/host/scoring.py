"""A head asked about a whole file of any size: in bounded memory, in the file's order, and on from where it stopped."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, BadRows, Prediction, Progress, RowProblem, TaskHead
from verticals.data.readers import RawRow, open_table
from verticals.files import FileLock, explained, write_file

if TYPE_CHECKING:
    from verticals.store import VersionRecord

    from .head import Head

_ROWS = 1024  # asked and written at once
_SHOWN = 5
_MOST_PROBLEMS = 1000
ENDINGS = (".jsonl", ".csv")
_TOLD = {  # what a head of each objective says, for tables
    "classify": ("label", "confidence", "abstained"), "multilabel": ("labels",), "tag": ("spans",),
    "score": ("value",), "rank": ("ranking",), "embed": ("vector",), "generate": ("text",),
}  # fmt: skip
_Line = tuple[dict[str, Any], dict[str, Any]]  # what was given, and what the head says of it


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a file.

    Args:
        version: that answered.
        rows: of the file.
        before: rows that an earlier call had answered.
        refused: rows that the head could not answer; each has its error in the output.
        cut: rows of which the head did not read the end.
        seconds: that it took.
    """

    version: str
    rows: int
    before: int
    refused: int
    cut: int
    seconds: float


@dataclass(slots=True)
class _State:
    """How far the output is, beside it while it is written."""

    source: str
    size: int
    changed: int
    version: str
    columns: dict[str, str]
    rows: int = 0
    bytes: int = 0
    refused: int = 0
    cut: int = 0

    def same_work(self, other: _State) -> bool:
        named = ("source", "size", "changed", "version", "columns")
        return all(getattr(self, name) == getattr(other, name) for name in named)


def score_file(
    head: Head,
    source: Path,
    out: Path,
    *,
    version: str = "live",
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Scored:
    """Answer every row of a file; see `Head.predict_file`."""
    if out.suffix.lower() not in ENDINGS:
        raise BadInput(f"{out}: answers are written as {' or '.join(ENDINGS)}.", "Give the file such an ending.")
    rows = _checked(source, head.noun, columns or {}, encoding)
    record, began = head.record(version), time.monotonic()
    write = _Csv(source, head.noun) if out.suffix.lower() == ".csv" else _json_lines
    partial, beside = (out.with_name(f"{out.name}.{end}") for end in ("partial", "partial.json"))
    with FileLock(out.with_name(f"{out.name}.lock"), f"The output {out}") as lock, explained(out):
        status = source.stat()
        state = _State(str(source.resolve()), status.st_size, status.st_mtime_ns, record.reference, dict(columns or {}))
        state = _begun(state, partial, beside) or state
        before = state.rows
        with partial.open("r+b" if before else "wb") as file:
            file.truncate(state.bytes)
            file.seek(state.bytes)
            inputs = _inputs(source, head.noun, columns or {}, encoding)
            for part in _answers(head, record, itertools.islice(inputs, before, None)):
                file.write(write([_line(*pair, record.reference) for pair in part], header=not state.rows).encode())
                file.flush()
                os.fsync(file.fileno())
                state.rows, state.bytes = state.rows + len(part), file.tell()
                state.refused += sum(isinstance(said, BadInput) for _, said in part)
                state.cut += sum(isinstance(said, Prediction) and said.tokens_cut > 0 for _, said in part)
                write_file(beside, json.dumps(dataclasses.asdict(state)).encode())
                if progress is not None:
                    rate = (state.rows - before) / max(1e-6, time.monotonic() - began)
                    progress(Progress("answering", state.rows, rows, "rows", rate, (rows - state.rows) / rate))
        partial.replace(out)
        beside.unlink(missing_ok=True)
        lock.path.unlink(missing_ok=True)
    return Scored(record.reference, rows, before, state.refused, state.cut, time.monotonic() - began)


def score_rows(
    head: Head,
    source: Path,
    *,
    version: str = "live",
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Iterator[dict[str, Any]]:
    """The lines that `score_file` would write, one by one."""
    _checked(source, head.noun, columns or {}, encoding)
    record = head.record(version)
    for part in _answers(head, record, _inputs(source, head.noun, columns or {}, encoding)):
        for given, said in part:
            yield _joined(_line(given, said, record.reference))


def needed_fields(noun: TaskHead) -> tuple[str, ...]:
    """What an input of the head consists of."""
    return ("query", "candidates") if noun.objective == "rank" else tuple(noun.inputs)


def answer(given: Any, prediction: Prediction) -> dict[str, Any]:
    """One input and what the head says of it, as JSON shows it."""
    return {"input": given, **_said(prediction)}


def _said(prediction: Prediction) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "abstained": prediction.abstained,
        "value": prediction.value,
        **({} if prediction.text is None else {"text": prediction.text}),
        "ranking": [list(pair) for pair in prediction.ranking[:_SHOWN]],
        **({} if prediction.labels is None else {"labels": list(prediction.labels)}),
        **({} if prediction.spans is None else {"spans": [dataclasses.asdict(span) for span in prediction.spans]}),
        **({} if prediction.vector is None else {"vector": list(prediction.vector)}),
        "version": prediction.version,
    }


def _checked(source: Path, noun: TaskHead, columns: Mapping[str, str], encoding: str | None) -> int:
    """Rows of the file, all of which can be read as inputs; the problems of all are told together."""
    problems: list[RowProblem] = []
    rows = sum(1 for _ in _inputs(source, noun, columns, encoding, problems))
    if problems:
        raise BadRows(str(source), problems, f"Each row needs: {', '.join(needed_fields(noun))}.")
    if not rows:
        raise BadInput(f"{source} is empty.", "Give one row at least.")
    return rows


def _inputs(
    source: Path,
    noun: TaskHead,
    columns: Mapping[str, str],
    encoding: str | None,
    problems: list[RowProblem] | None = None,
) -> Iterator[dict[str, Any]]:
    """The input of each row; ``problems`` gets to know of rows that cannot be one."""
    needed = needed_fields(noun)
    with open_table(source, encoding, text=needed[0] if len(needed) == 1 else None) as table:
        names = [columns.get(name, name) for name in table.columns or ()]
        missing = [name for name in needed if name not in names] if table.columns is not None else []
        if missing:
            raise BadInput(
                f"{source} has no column {missing[0]!r}; it has {', '.join(table.columns or ())}.",
                f"Name the column that holds it: --map COLUMN={missing[0]}.",
            )
        for row in table.rows:
            if isinstance(row, RawRow):
                values = {columns.get(name, name): value for name, value in row.values.items()}
                lacking = [RowProblem(row.number, name, "is missing") for name in needed if name not in values]
                if not lacking:
                    yield values
            else:
                lacking = [row]
            if problems is not None and len(problems) < _MOST_PROBLEMS:
                problems += lacking


def _begun(state: _State, partial: Path, beside: Path) -> _State | None:
    """The state of an earlier call that was stopped in the same work."""
    try:
        earlier = _State(**json.loads(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    whole = partial.is_file() and partial.stat().st_size >= earlier.bytes
    return earlier if whole and earlier.same_work(state) else None


def _answers(
    head: Head, record: VersionRecord, inputs: Iterator[dict[str, Any]]
) -> Iterator[list[tuple[dict[str, Any], Prediction | BadInput]]]:
    """Inputs with what the head says of them, some at a time."""
    while part := list(itertools.islice(inputs, _ROWS)):
        yield list(zip(part, _answered(head, record, part), strict=True))


def _answered(head: Head, record: VersionRecord, inputs: Sequence[Any]) -> list[Prediction | BadInput]:
    """Predictions in order; of the inputs that the head refuses, why. Halves are tried apart to find these."""
    try:
        return list(head.answer(record, list(inputs)))
    except BadInput as error:
        if len(inputs) == 1:
            return [error]
    half = len(inputs) // 2
    return [*_answered(head, record, inputs[:half]), *_answered(head, record, inputs[half:])]


def _line(given: dict[str, Any], said: Prediction | BadInput, version: str) -> _Line:
    return given, ({"error": str(said), "version": version} if isinstance(said, BadInput) else _said(said))


def _joined(line: _Line) -> dict[str, Any]:
    given, said = line
    return {"input": given, **said}


def _json_lines(lines: Sequence[_Line], header: bool) -> str:
    return "".join(json.dumps(_joined(line), ensure_ascii=False, default=str) + "\n" for line in lines)


class _Csv:
    """Writes the columns of the file and what the head says; lists and the like as JSON.

    Args:
        source: a table's own columns are all kept, of JSON those that the head reads.
        noun: the head.
    """

    def __init__(self, source: Path, noun: TaskHead) -> None:
        self._own = needed_fields(noun) if source.suffix.lower() in (".json", ".jsonl") else None
        self._said = (*_TOLD.get(noun.objective, _TOLD["classify"]), "version", "error")

    def __call__(self, lines: Sequence[_Line], header: bool) -> str:
        own = self._own or tuple(lines[0][0])
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if header:
            writer.writerow([*own, *(f"predicted_{name}" if name in own else name for name in self._said)])
        for given, said in lines:
            values = (*(given.get(name) for name in own), *(said.get(name) for name in self._said))
            writer.writerow([json.dumps(one) if isinstance(one, list | dict) else one for one in values])
        return text.getvalue()
