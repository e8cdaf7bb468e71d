"""``platform customer-service calibrate``: which precision can be stated, and what it costs in answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from verticals import Vertical

    from .trust import AnswersCalibrated, Point

SHOWN = (0.8, 0.85, 0.9, 0.95, 0.97, 0.99)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def calibrate(vertical: Vertical, as_json: bool) -> None:
    """Measure how often answers are right, so that a precision can be stated.

    Asked are held-out questions: the validation and test rows of utterances and answers, and all of unanswerable. The
    measurement is kept; the setting answer_precision chooses from it, and what serves takes it over at once.

    \b
    Example:
      platform customer-service calibrate
    """
    from .calibrating import calibrate as measure
    from .precision import unkept

    with click.progressbar(length=1, label="Asking", hidden=as_json) as bar:

        def told(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        measured = measure(vertical, told)
    wanted = vertical.settings.answer_precision
    shown = sorted({*SHOWN, *([wanted] if wanted else [])})
    points = [(precision, measured.point(precision), measured.kept(precision)) for precision in shown]
    if as_json:
        click.echo(
            json.dumps({**measured.model_dump(mode="json"), "points": [_plain(*one) for one in points]}, indent=2)
        )
        return
    _tell(measured, points)
    if wanted and (notice := unkept(measured, wanted, measured.versions)):
        click.secho(str(notice), fg="yellow")
    elif not wanted:
        click.secho("Next:", bold=True)
        click.echo("  state one of these as answer_precision in [plugins.customer-service] of platform.toml")


def _plain(precision: float, point: Point | None, kept: tuple[int, int]) -> dict[str, object]:
    """A precision with its threshold and figures; without them where it has no threshold."""
    if point is None:
        return {"precision": precision, "certainty": None}
    elsewhere = dict(zip(("given", "right"), kept, strict=True))
    return {**dataclasses.asdict(point), "coverage": point.coverage, "elsewhere": elsewhere}


def _tell(measured: AnswersCalibrated, points: Sequence[tuple[float, Point | None, tuple[int, int]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from .trust import fewest

    given, right = len(measured.right), sum(measured.right)
    click.echo(
        f"{measured.asked:,} held-out questions, {measured.answerable:,} of them answerable: {given:,} answers, "
        f"{right:,} of them right ({right / given:.1%})."
    )
    if measured.untold:
        click.echo(f"Left out: {measured.untold:,} that the FAQ answered, and whether that is right no row tells.")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("precision", "certainty from", "answered", "of all questions", "right", "on other parts"):
        table.add_column(heading, justify="right")
    for precision, point, (again, kept) in points:
        if point is None:
            few = given < fewest(precision)
            why = f"too few rows: it takes {fewest(precision)} answers" if few else "not reached by these answers"
            table.add_row(f"{precision:.0%}", "–", why)
            continue
        table.add_row(
            f"{precision:.0%}", f"{point.certainty:.3f}", f"{point.given:,}", f"{point.coverage:.0%}",
            f"{point.right / point.given:.1%}", f"{kept} of {again}" if again else "–",
        )  # fmt: skip
    console = Console(highlight=False, markup=False)
    (console if console.is_terminal else Console(highlight=False, markup=False, width=120)).print(table)
