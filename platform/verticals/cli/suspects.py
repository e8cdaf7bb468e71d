"""``platform data suspects``."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import click

from verticals.contract import SPLITS

from .numbers import Whole
from .output import count, duration, json_option, note, print_json, shown_path, table
from .session import Session, pass_session
from .targets import find, target_argument


@click.command()
@target_argument("head")
@click.option("--split", type=click.Choice(SPLITS), help="Only rows of this split.  [default: all]")
@click.option("--data-version", "data_version", metavar="VERSION", help="Such as v2.  [default: the current one]")
@click.option("--folds", type=Whole(2), default=5, show_default=True, help="Parts the rows are dealt into.")
@click.option("--limit", type=Whole(1), default=20, show_default=True, help="How many rows to show.")
@click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write all of them to this file.")
@json_option
@pass_session
def suspects(
    session: Session,
    target: str,
    split: str | None,
    data_version: str | None,
    folds: int,
    limit: int,
    file: Path | None,
    as_json: bool,
) -> None:
    """List rows whose label is probably wrong, the surest first, for the head VERTICAL/HEAD.

    Each row is judged by a head that was trained without it; no version is needed, and none is made. A person decides.

    \b
    Examples:
      platform data suspects customer-service/intent
      platform data suspects customer-service/intent --split train --csv suspects.csv
    """
    chosen = find(session.host(), target, "head")
    head = chosen.vertical.head(chosen.name)
    found = head.suspects(split, data_version, folds)
    if file is not None:
        from verticals.files import write_file

        fields = list(head.noun.inputs)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["row", "id", "split", *fields, "given", "suggested", "confidence", "given_confidence"])
        for one in found.suspects:
            own = [one.inputs[name] for name in fields]
            sure = (f"{one.confidence:.4f}", f"{one.given_confidence:.4f}")
            writer.writerow([one.number, one.id, one.split, *own, one.given, one.suggested, *sure])
        write_file(file, text.getvalue().encode())
    if as_json:
        print_json({field.name: getattr(found, field.name) for field in dataclasses.fields(found)})
        return
    share = f" ({len(found.suspects) / found.rows:.1%})" if found.suspects else ""
    rows = count(found.rows, "row")
    click.echo(f"{count(len(found.suspects), 'suspect')}{share} among {rows}, in {duration(found.seconds)}.\n")
    if found.suspects:
        table(
            ["row", "text", "has", "looks like", "sure"],
            [
                [one.number if one.id is None else one.id, " | ".join(map(str, one.inputs.values())), one.given,
                 one.suggested, f"{one.confidence:.0%}"]
                for one in found.suspects[:limit]
            ],
        )  # fmt: skip
    if found.skipped:
        labels = ", ".join(list(found.skipped)[:5]) + (", …" if len(found.skipped) > 5 else "")
        note(f"Note: not judged, for they have fewer than {folds} rows: {labels}.")
    if file is not None:
        note(f"All are in {shown_path(file)}.")
    elif len(found.suspects) > limit:
        note(f"{len(found.suspects) - limit:,} more: --csv FILE writes them all.")
