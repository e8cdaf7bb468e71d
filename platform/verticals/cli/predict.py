"""``platform predict``."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verticals.contract import Prediction, TaskHead

from .output import count, duration, json_line, json_option, note, print_json, table
from .pairs import pairs
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import find, target_argument

if TYPE_CHECKING:
    from verticals.host.head import Head

_SHOWN = 5


@click.command()
@target_argument("head")
@click.argument("texts", nargs=-1, metavar="[TEXT]…")
@click.option(
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="CSV, TSV, JSON, JSON lines or Parquet of any size; - for JSON lines on standard input.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A .jsonl or .csv file for the answers.  [default: JSON lines on standard output]",
)
@click.option(
    "--map", "columns", multiple=True, metavar="COLUMN=FIELD", help="A column of the file and the field it fills."
)
@click.option("--encoding", help="Encoding of the file.  [default: UTF-8]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="For a head that writes: max_new_tokens, temperature, top_p, seed. May be repeated.",
)
@json_option
@pass_session
def predict(
    session: Session,
    target: str,
    texts: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    columns: tuple[str, ...],
    encoding: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask a head (its live version unless @version is given) about TEXTs or about a file of them.

    A head that reads two texts takes them in pairs; a head that ranks takes the query first, then the candidates; a
    head that reads images takes their paths. A head that writes shows its answer to a single text as it comes.

    Of a file every row is answered, in its order; a row that cannot be answered has its error in its place. With --out
    the same command goes on where it was stopped, however that was.

    \b
    Examples:
      platform predict customer-service/intent "where is my parcel?"
      platform predict customer-service/intent@v3 --file questions.jsonl --out answers.jsonl
      platform predict customer-service/intent --file mails.csv --map body=text --out answers.csv
      platform predict my-plugin/reply "Where is my parcel?" --set temperature=0.7
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    head = chosen.vertical.head(chosen.name)
    noun = head.noun
    if bool(texts) == bool(file):
        raise click.UsageError("Give texts, or a file with --file.")
    if (out or columns or encoding) and not file:
        raise click.UsageError("--out, --map and --encoding go with --file.")
    version = chosen.version or "live"
    if file:
        if settings:
            raise click.UsageError("--set goes with texts; of a file, put the settings beside the fields in each row.")
        _of_file(head, file, out, version, pairs(columns, "--map"), encoding)
        return
    inputs = from_arguments(texts, noun)
    if settings:
        inputs = _with_settings(inputs, noun, pairs(settings, "--set"))
    if noun.objective == "generate" and len(inputs) == 1 and not as_json:
        for piece in head.stream(inputs[0], version=version):
            click.echo(piece, nl=False)
        click.echo()
        return
    predictions = head.predict(inputs, version=version)
    if as_json:
        from verticals.host.scoring import answer

        print_json([answer(given, prediction) for given, prediction in zip(inputs, predictions, strict=True)])
    else:
        _show(inputs, predictions)


def from_arguments(texts: Sequence[str], noun: TaskHead) -> list[Any]:
    """The command line's words as inputs of the head."""
    if noun.objective == "rank":
        if len(texts) < 3:
            raise click.UsageError("A head that ranks needs a query and two candidates at least.")
        return [{"query": texts[0], "candidates": {text: text for text in texts[1:]}}]
    if (width := len(noun.inputs)) == 1:
        return list(texts)
    if len(texts) % width:
        raise click.UsageError(f"{noun.name} reads {width} texts at a time ({', '.join(noun.inputs)}).")
    return [dict(zip(noun.inputs, texts[start : start + width], strict=True)) for start in range(0, len(texts), width)]


def _with_settings(inputs: Sequence[Any], noun: TaskHead, settings: Mapping[str, str]) -> list[Any]:
    if noun.objective != "generate":
        raise click.UsageError("--set is for heads that write (objective generate).")
    return [{**(one if isinstance(one, Mapping) else {noun.inputs[0]: one}), **settings} for one in inputs]


def _of_file(
    head: Head, file: Path, out: Path | None, version: str, columns: Mapping[str, str], encoding: str | None
) -> None:
    from verticals.host.scoring import score_rows

    with _readable(file) as source:
        if out is None:
            for line in score_rows(head, source, version=version, columns=columns, encoding=encoding):
                click.echo(json_line(line))
            return
        try:
            with ProgressDisplay() as display:
                scored = head.predict_file(source, out, version, columns=columns, encoding=encoding, progress=display)
        except KeyboardInterrupt:
            if file.name != "-":
                note("Stopped. The same command goes on from here.")
            raise
    if scored.before:
        note(f"Went on after {count(scored.before, 'row')} that were answered before.")
    if scored.refused:
        note(f"Note: {count(scored.refused, 'row')} could not be answered; the errors are in their lines.")
    if scored.cut:
        note(f"Note: {count(scored.cut, 'text')} too long for the head; the end was not read.")
    rate = f"{(scored.rows - scored.before) / max(1e-6, scored.seconds):,.0f} rows/s"
    note(f"Wrote {count(scored.rows, 'answer')} by {scored.version} to {out} ({duration(scored.seconds)}, {rate}).")


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[Path]:
    """The file itself; what standard input gives as a file, for it is read twice."""
    if str(file) != "-":
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard input.jsonl"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path


def _show(inputs: Sequence[Any], predictions: Sequence[Prediction]) -> None:
    if len(predictions) > 1:
        rows = [
            [_text(given), _said(one, given), _percent(one)] for given, one in zip(inputs, predictions, strict=True)
        ]
        table(["input", "answer", "confidence"], rows)
    else:
        (one,) = predictions
        click.echo(f"{click.style(_said(one, inputs[0]), bold=True)}  {_percent(one)}".rstrip())
        if len(one.ranking) > 1:
            table(["", ""], [[label, f"{probability:.1%}"] for label, probability in one.ranking[:_SHOWN]], indent="  ")
    cut = sum(one.tokens_cut > 0 for one in predictions)
    if cut:
        note(f"Note: {count(cut, 'text')} too long for the head; the end was not read.")
    note(f"Answered by {predictions[0].version}.")


def _said(prediction: Prediction, given: Any) -> str:
    if prediction.text is not None:
        return prediction.text
    if prediction.labels is not None:
        return ", ".join(prediction.labels) or "none of these"
    if prediction.spans is not None:
        text = _words(given)
        return ", ".join(f"{text[span.start : span.end]} ({span.label})" for span in prediction.spans) or "nothing"
    if prediction.vector is not None:
        shown = ", ".join(f"{value:.3f}" for value in prediction.vector[:_SHOWN])
        return f"[{shown}, …] ({len(prediction.vector)} numbers)"
    if prediction.label is None:
        return f"{prediction.value:.4g}" if prediction.value is not None else "–"
    return f"none of these (nearest: {prediction.label})" if prediction.abstained else prediction.label


def _percent(prediction: Prediction) -> str:
    return "" if prediction.label is None else f"{prediction.confidence:.1%}"


def _words(given: Any) -> str:
    """The text that a tag head's spans count in."""
    value = next(iter(given.values())) if isinstance(given, Mapping) and len(given) == 1 else given
    return value if isinstance(value, str) else " ".join(value)


def _text(given: Any) -> str:
    return given if isinstance(given, str) else " | ".join(map(str, given.values()))
