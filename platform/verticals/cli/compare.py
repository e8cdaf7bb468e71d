"""``platform compare``."""

from __future__ import annotations

import dataclasses

import click

from verticals.contract import SPLITS

from .output import duration, figure, json_option, note, print_json, table
from .session import Session, pass_session
from .targets import find, target_argument

_SHOWN = 5


@click.command()
@target_argument("head")
@click.argument("versions", nargs=-1, required=True, metavar="[OLD] NEW")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which rows.")
@click.option("--data-version", "data_version", metavar="VERSION", help="Such as v2.  [default: the current one]")
@json_option
@pass_session
def compare(
    session: Session, target: str, versions: tuple[str, ...], split: str, data_version: str | None, as_json: bool
) -> None:
    """Compare the version NEW with OLD (the live one when not named) on the same held-out rows.

    It says by how much NEW is better, how sure that is, and which rows changed sides.

    \b
    Examples:
      platform compare customer-service/intent v2 v3
      platform compare customer-service/intent v3 --split validation --json
    """
    chosen = find(session.host(), target, "head")
    if len(versions) > 2:
        raise click.UsageError("Two versions are compared at a time.")
    old, new = versions if len(versions) == 2 else ("live", versions[0])
    found = chosen.vertical.head(chosen.name).compare(old, new, split, data_version)
    if as_json:
        print_json({field.name: getattr(found, field.name) for field in dataclasses.fields(found)})
        return
    click.echo(f"{click.style(found.sentence, bold=True)}\n")
    table(
        [f"{split}", found.first, found.second, "difference", "95 % interval", "p"],
        [
            [name, figure(one.first), figure(one.second), f"{one.difference:+.4f}",
             f"{one.interval[0]:+.4f} to {one.interval[1]:+.4f}" if one.interval else "–",
             "–" if one.p is None else f"{one.p:.3f}"]
            for name, one in found.figures.items()
        ],
    )  # fmt: skip
    if found.changed and found.lost:
        click.echo(f"\nRows that {found.first} has right and {found.second} has wrong:")
        table(
            ["row", "input", "is", f"{found.second} says"],
            [
                [one.number, " | ".join(map(str, one.inputs.values())), one.target, one.second]
                for one in found.changed[: min(_SHOWN, found.lost)]
            ],
        )
    note(f"\n{found.rows:,} rows in {duration(found.seconds)}.")
