"""``platform predict``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from verticals.contract import BadInput, BadRows, Prediction, RowProblem, StorageError, TaskHead

from .output import count, json_line, json_option, note, print_json, table
from .pairs import pairs
from .session import Session, pass_session
from .targets import find, target_argument

_SHOWN = 5


@click.command()
@target_argument("head")
@click.argument("texts", nargs=-1, metavar="[TEXT]…")
@click.option(
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="JSON lines (texts, or objects with the head's fields); - for standard input.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON lines here.  [default: standard output]")
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
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask a head (its live version unless @version is given) about TEXTs or about a file of them.

    A head that reads two texts takes them in pairs; a head that ranks takes the query first, then the candidates; a
    head that reads images takes their paths. A head that writes shows its answer to a single text as it comes.

    \b
    Examples:
      platform predict customer-service/intent "where is my parcel?"
      platform predict customer-service/intent@v3 --file questions.jsonl --out answers.jsonl
      platform predict my-plugin/reply "Where is my parcel?" --set temperature=0.7
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    head = chosen.vertical.head(chosen.name)
    noun = head.noun
    if bool(texts) == bool(file):
        raise click.UsageError("Give texts, or a file with --file.")
    if out and not file:
        raise click.UsageError("--out goes with --file.")
    inputs = read_inputs(file, noun) if file else from_arguments(texts, noun)
    if settings:
        inputs = _with_settings(inputs, noun, pairs(settings, "--set"))
    if noun.objective == "generate" and len(inputs) == 1 and not (file or as_json):
        for piece in head.stream(inputs[0], version=chosen.version or "live"):
            click.echo(piece, nl=False)
        click.echo()
        return
    predictions = head.predict(inputs, version=chosen.version or "live")
    if file:
        _write(inputs, predictions, out)
        if out:
            note(f"Wrote {count(len(predictions), 'prediction')} by {predictions[0].version} to {out}.")
    elif as_json:
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


def read_inputs(file: Path, noun: TaskHead) -> list[Any]:
    """Inputs from JSON lines; all bad lines are reported together.

    Raises:
        StorageError: the file cannot be read.
        BadInput: it is empty.
        BadRows: a line is no JSON, or lacks a field that the head reads.
    """
    try:
        with click.open_file(str(file), encoding="utf-8") as stream:
            lines = [(number, line) for number, line in enumerate(stream, 1) if line.strip()]
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror}.", "Check the path.") from None
    if not lines:
        raise BadInput(f"{file} is empty.", "Give one JSON value a line.")
    inputs: list[Any] = []
    problems: list[RowProblem] = []
    needed = ("query", "candidates") if noun.objective == "rank" else noun.inputs
    for number, line in lines:
        try:
            value = json.loads(line)
        except ValueError as error:
            problems.append(RowProblem(number, "", f"no JSON: {error}", line.strip()))
            continue
        if isinstance(value, str) and len(needed) == 1:
            inputs.append(value)
        elif isinstance(value, Mapping):
            problems += [RowProblem(number, name, "is missing") for name in needed if name not in value]
            inputs.append(dict(value))
        else:
            wanted = "a text or an object" if len(needed) == 1 else "an object"
            problems.append(RowProblem(number, "", f"must be {wanted}", line.strip()))
    if problems:
        raise BadRows(str(file), problems, f"Each line needs: {', '.join(needed)}.")
    return inputs


def answer(given: Any, prediction: Prediction) -> dict[str, Any]:
    """One input and what the head says of it, as JSON shows it."""
    return {
        "input": given,
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


def _write(inputs: Sequence[Any], predictions: Sequence[Prediction], out: Path | None) -> None:
    lines = (json_line(answer(given, prediction)) for given, prediction in zip(inputs, predictions, strict=True))
    if out is None:
        for line in lines:
            click.echo(line)
        return
    from verticals.files import write_file

    write_file(out, "".join(f"{line}\n" for line in lines).encode())


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
