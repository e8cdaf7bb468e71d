"""``platform evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verticals.contract import SPLITS

from .numbers import Whole
from .output import count, duration, figure, json_option, note, print_json, shown_path, table
from .session import Session, pass_session
from .targets import find, target_argument

if TYPE_CHECKING:
    from verticals.store import VersionRecord
    from verticals.tuning import Evaluation

_SHOWN = 5
_NEAREST = 3


@click.command()
@target_argument("head")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which rows.")
@click.option("--data-version", "data_version", metavar="VERSION", help="Such as v2.  [default: the current one]")
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="COLUMN",
    help="Measure group by group of a column; 'length' groups by the inputs' length. May be repeated.",
)
@click.option(
    "--least",
    type=Whole(1),
    default=10,
    show_default=True,
    help="Rows a group needs to count in the gap between the best and the worst.",
)
@click.option(
    "--nearest",
    type=Whole(0),
    help="Training rows to find for each error.  [default: 3 with --report or --json, else 0]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a report there: Markdown and HTML, pictures, errors.csv, model card.",
)
@json_option
@pass_session
def evaluate(
    session: Session,
    target: str,
    split: str,
    data_version: str | None,
    slices: tuple[str, ...],
    least: int,
    nearest: int | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure a version (the live one unless @version is given) on held-out rows.

    \b
    Examples:
      platform evaluate customer-service/intent
      platform evaluate customer-service/intent@v3 --slice length --report report
      platform evaluate customer-service/intent@v3 --split validation --json
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    record = host.registry.get(chosen.vertical.name, chosen.name, chosen.version or "live")
    near = nearest if nearest is not None else _NEAREST if report or as_json else 0
    evaluation = chosen.vertical.head(chosen.name).evaluate(
        record.version, split, data_version, slices=slices, least=least, nearest=near
    )
    if report is not None:
        manifest = host.registry.open(record.vertical, record.head, record.version).manifest
        sliced = "".join(f" --slice {column}" for column in slices)
        again = f"platform evaluate {record.reference} --split {split}{sliced} --report {report.name}"
        _write(evaluation, manifest, record, report, again)
    if as_json:
        print_json({"reference": record.reference, **_plain(evaluation)})
        return
    _show(evaluation, record)
    if report is not None:
        note(f"\nThe report is in {shown_path(report)}: open report.html.")


def _write(
    evaluation: Evaluation, manifest: Mapping[str, Any], record: VersionRecord, folder: Path, again: str
) -> None:
    from verticals.files import write_file
    from verticals.tuning import model_card, write_report

    write_report(evaluation, folder, record.reference, [again])
    write_file(folder / "model-card.md", model_card(manifest, (), evaluation).encode())


def _plain(evaluation: Evaluation) -> dict[str, object]:
    import dataclasses

    return {field.name: getattr(evaluation, field.name) for field in dataclasses.fields(evaluation)}


def _show(evaluation: Evaluation, record: VersionRecord) -> None:
    from verticals.tuning.evaluation.report import slice_sentence, span

    rows = count(evaluation.rows, f"{evaluation.split} row")
    click.echo(f"{record.reference} on {rows}, in {duration(evaluation.seconds)}:\n")
    table(
        ["metric", "value", "95 % interval"],
        [[name, figure(value), span(evaluation.intervals.get(name))] for name, value in evaluation.metrics.items()],
    )
    for one in evaluation.slices:
        click.echo(f"\n{one.metric} by {one.column}:")
        table(
            ["group", "rows", one.metric, "95 % interval", ""],
            [
                [each.name, f"{each.rows:,}", "–" if each.figure is None else figure(each.figure), span(each.interval),
                 "" if each.counts else "does not count"]
                for each in one.groups
            ],
        )  # fmt: skip
        click.echo(slice_sentence(one))
    worst = sorted((one for one in evaluation.per_label if one[4]), key=lambda one: one[3])[:_SHOWN]
    if worst:
        click.echo(f"\nThe hardest of {count(len(evaluation.per_label), 'label')}:")
        table(
            ["label", "precision", "recall", "F1", "rows"],
            [[label, *map(figure, scores), f"{support:,}"] for label, *scores, support in worst],
        )
    if evaluation.confusions:
        click.echo("\nThe most frequent errors:")
        table(["is", "was taken for", "times"], evaluation.confusions[:_SHOWN])
