"""``platform data``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from verticals.contract import SPLITS

from .numbers import Whole
from .output import count, facts, heading, json_line, json_option, next_steps, note, print_json, table, when
from .pairs import pairs
from .session import Session, pass_session
from .suspects import suspects
from .targets import VerticalType, find, target_argument
from .vertical import nouns


@click.group()
def data() -> None:
    """Import, list, show and export data sets."""


data.add_command(suspects)


@data.command("import")
@target_argument("dataset")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map", "columns", multiple=True, metavar="COLUMN=FIELD", help="A column of the file and the field it fills."
)
@click.option(
    "--split",
    type=click.Choice(["auto", *SPLITS]),
    default="auto",
    show_default=True,
    help="Where the rows go; auto: 80/10/10 by a stable hash, unless the file has a column 'split'.",
)
@click.option("--replace", is_flag=True, help="Start afresh instead of adding to the current version.")
@click.option("--skip-bad", is_flag=True, help="Leave bad rows out, list them, and import the rest.")
@click.option("--encoding", help="Encoding of the file.  [default: UTF-8]")
@json_option
@pass_session
def import_(
    session: Session,
    target: str,
    file: Path,
    columns: tuple[str, ...],
    split: str,
    replace: bool,
    skip_bad: bool,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Add the rows of FILE (.csv, .tsv, .jsonl, .json or .parquet) to a data set, as a new version.

    All bad rows are reported together, and then nothing is imported, unless --skip-bad is given.

    \b
    Examples:
      platform data import customer-service/utterances chats.csv
      platform data import customer-service/utterances train.csv --map category=intent --split train --replace
    """
    chosen = find(session.host(), target, "dataset")
    report = chosen.vertical.dataset(chosen.name).import_file(
        file, columns=pairs(columns, "--map"), split=split, replace=replace, skip_bad=skip_bad, encoding=encoding
    )
    version = report.version
    if as_json:
        print_json(
            {
                "dataset": str(chosen),
                "version": version.version,
                "added": report.added,
                "rows": version.rows,
                "splits": version.splits,
                "skipped": report.skipped,
            }
        )
        return
    for problem in report.skipped:
        note(f"  skipped {problem}")
    if report.skipped:
        note(f"{count(len(report.skipped), 'row')} of {file.name} skipped.")
    click.echo(
        f"Imported {count(report.added, 'row')} into {chosen} {version.version} "
        f"({count(version.rows, 'row')}: {_splits(version.splits)})."
    )
    for warning in report.quality.warnings:
        note(f"Note: {warning}")
    heads = [head.name for head in nouns(chosen.vertical.heads) if head.dataset == chosen.name]
    next_steps(f"platform data show {chosen}", *(f"platform train {chosen.vertical.name}/{head}" for head in heads))


@data.command("list")
@click.argument("vertical", required=False, type=VerticalType())
@json_option
@pass_session
def list_(session: Session, vertical: str | None, as_json: bool) -> None:
    """List data sets, of one VERTICAL or of all, with their current version.

    \b
    Examples:
      platform data list
      platform data list customer-service --json
    """
    host = session.host()
    found = [
        (f"{owner.name}/{noun.name}", owner.dataset(noun.name).current(), noun)
        for owner in ([host[vertical]] if vertical else host.verticals)
        for noun in nouns(owner.datasets)
    ]
    if as_json:
        print_json(
            [
                {
                    "dataset": name,
                    "version": current.version,
                    "rows": current.rows,
                    "splits": current.splits,
                    "source": current.source,
                    "description": noun.description,
                }
                for name, current, noun in found
            ]
        )
        return
    table(
        ["data set", "version", "rows", *SPLITS, "source"],
        [
            [name, now.version, f"{now.rows:,}", *(f"{now.splits.get(part, 0):,}" for part in SPLITS), now.source]
            for name, now, _ in found
        ],
    )


@data.command()
@target_argument("dataset")
@click.option("--data-version", "version", metavar="VERSION", help="Such as v2.  [default: the current one]")
@click.option("--rows", "limit", type=Whole(0), default=5, show_default=True, help="How many rows to show.")
@json_option
@pass_session
def show(session: Session, target: str, version: str | None, limit: int, as_json: bool) -> None:
    """Show a data set: its versions, the quality of its rows, and the first of them.

    \b
    Examples:
      platform data show customer-service/utterances
      platform data show customer-service/utterances --data-version v1 --rows 20 --json
    """
    chosen = find(session.host(), target, "dataset")
    handle = chosen.vertical.dataset(chosen.name)
    current = handle.get(version) if version else handle.current()
    rows = current.read()
    report = handle.quality(current)
    if as_json:
        print_json(
            {
                "dataset": str(chosen),
                "version": current.version,
                "versions": [one.version for one in handle.versions()],
                "splits": current.splits,
                "quality": report,
                "rows": rows[:limit],
            }
        )
        return
    heading(f"{chosen} {current.version}")
    facts(
        [
            ("rows", f"{current.rows:,} ({_splits(current.splits)})"),
            ("source", current.source),
            ("created", when(current.created)),
            ("versions", ", ".join(one.version for one in handle.versions())),
            ("sha256", current.sha256),
        ]
    )
    for warning in report.warnings:
        click.echo(f"Note: {warning}")
    if limit and rows:
        click.echo()
        fields = list(rows[0])
        table(fields, [[row.get(field) for field in fields] for row in rows[:limit]])


@data.command()
@target_argument("dataset")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--data-version", "version", metavar="VERSION", help="Such as v2.  [default: the current one]")
@pass_session
def export(session: Session, target: str, file: Path, version: str | None) -> None:
    """Write a data set to FILE (.csv, .tsv, .jsonl, .json or .parquet), or as JSON lines to - (standard output).

    \b
    Examples:
      platform data export customer-service/utterances utterances.csv
      platform data export customer-service/utterances - | wc -l
    """
    chosen = find(session.host(), target, "dataset")
    handle = chosen.vertical.dataset(chosen.name)
    current = handle.get(version) if version else handle.current()
    if str(file) == "-":
        for row in current.iterate():
            click.echo(json_line(row))
        return
    handle.export(file, current.version)
    click.echo(f"Wrote {count(current.rows, 'row')} of {chosen} {current.version} to {file}.")


def _splits(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{splits[name]:,} {name}" for name in SPLITS if splits.get(name)) or "empty"
