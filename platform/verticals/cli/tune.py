"""``platform tune``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from verticals.contract import BadInput

from .numbers import Whole
from .output import count, duration, figure, heading, json_option, next_steps, note, print_json, table
from .pairs import pairs
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import Target, find, target_argument

if TYPE_CHECKING:
    from verticals.host.search import SearchReport
    from verticals.tuning.search import Trial

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_STATES = {"finished": None, "pruned": "yellow", "failed": "red"}


@click.command()
@target_argument("head")
@click.option("--trials", type=Whole(1), help="How many recipes to try.  [default: 20]")
@click.option("--time", "time_", metavar="TIME", help="Stop after so long, as 90s, 10m or 1h30m.")
@click.option("--resume", is_flag=True, help="Go on with the newest search of this head.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A value that all trials share (repeatable)."
)
@click.option(
    "--search", "space", multiple=True, metavar="KEY=LOW..HIGH|KEY=A,B,C",
    help="A value to search, as a range or a list (repeatable).  [default: what suits the method]",
)  # fmt: skip
@click.option(
    "--data-version", metavar="VERSION", help="Train on this version of the data set.  [default: the current]"
)
@json_option
@pass_session
def tune(
    session: Session,
    target: str,
    trials: int | None,
    time_: str | None,
    resume: bool,
    changes: tuple[str, ...],
    space: tuple[str, ...],
    data_version: str | None,
    as_json: bool,
) -> None:
    """Search for a better recipe; the best trial becomes a candidate version.

    The head's own recipe is the first trial. Trials are compared on the validation rows, never on the test rows, and
    those that promise too little are pruned. Ctrl-C ends the search with what was found so far; --resume goes on.

    \b
    Examples:
      platform tune customer-service/intent --time 10m
      platform tune customer-service/intent --search learning_rate=1e-4..1e-2 --search lora_rank=4,8,16
      platform tune customer-service/intent --resume --trials 40
    """
    seconds = read_time(time_) if time_ is not None else None
    chosen = find(session.host(), target, "head")
    with ProgressDisplay() as display:

        def each(trial: Trial) -> None:
            display.end()
            said = f"{report_figure(trial)}" if trial.score is not None else trial.error
            note(f"trial {trial.number} {trial.state}: {said}  {settings(trial.changes) or 'the recipe as it is'}")

        report = chosen.vertical.head(chosen.name).tune(
            trials, seconds, pairs(space, "--search"), None, pairs(changes, "--set"), data_version, resume,
            progress=display, each=each,
        )  # fmt: skip
    if as_json:
        print_json(as_mapping(report))
    else:
        _show(chosen, report)
    if report.stopped == "interrupted":
        raise KeyboardInterrupt


def read_time(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h30m`` or ``90``.

    Raises:
        BadInput: it is no time.
    """
    parts = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip().lower())
    if not text.strip() or parts is None:
        raise BadInput(f"--time {text!r} is no time.", "Write it as 90s, 10m or 1h30m.")
    return sum(float(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS.values(), strict=True))


def settings(changes: object) -> str:
    """``learning_rate=0.002 epochs=4``."""
    return " ".join(f"{key}={value}" for key, value in dict(changes or {}).items())  # type: ignore[call-overload]


def report_figure(trial: Trial) -> str:
    """The score, or a dash."""
    return "–" if trial.score is None else figure(trial.score)


def as_mapping(report: SearchReport) -> dict[str, object]:
    """A search's report as JSON shows it."""
    names = ("id", "metric", "stopped", "version", "settings", "trials", "best")
    return {
        **{name: getattr(report, name) for name in names},
        "recipe": report.recipe.to_dict() if report.recipe else None,
        "expression": report.expression,
    }


def _show(chosen: Target, report: SearchReport) -> None:
    tried = count(len(report.trials), "trial")
    told = {"done": "Done", "time": "The time is over", "interrupted": "Interrupted"}[report.stopped]
    heading(f"{told}: {tried} of the search {report.id}, compared by {report.metric} on the validation rows.\n")
    again = f"platform tune {chosen} --resume"
    best = report.best
    if best is None:
        note("No trial was finished; nothing was saved.")
        next_steps(again)
        return
    keys = list(dict.fromkeys(key for trial in report.trials for key in trial.changes))
    ordered = sorted(report.trials, key=lambda one: (one.state != "finished", -(one.score or 0.0), one.number))
    table(
        ["trial", "state", report.metric, "epochs", "time", *keys],
        [
            [
                trial.number,
                click.style(trial.state, fg=_STATES[trial.state]),
                report_figure(trial),
                "–" if trial.epochs is None else trial.epochs,
                "–" if trial.seconds is None else duration(trial.seconds),
                *(trial.changes.get(key, "as it is") for key in keys),
            ]
            for trial in ordered
        ],
    )
    heading(f"\nThe best is trial {best.number}, with {report.metric} {report_figure(best)}.")
    flags = "".join(f" --set {key}={value}" for key, value in report.settings.items() if value is not None)
    if flags:
        click.echo(f"  {flags.strip()}\n  {report.expression}")
        note("It was chosen by these rows, so it flatters a little; evaluate measures on rows that chose nothing.")
    else:
        click.echo("  It is the head's recipe as it is.")
    if not report.version:  # a plugin trains this head in its own way
        next_steps(f"platform train {chosen}{flags}")
        return
    reference = f"{chosen}@{report.version}"
    click.echo(f"\n{reference} is a candidate.")
    steps = [f"platform evaluate {reference}", f"platform models promote {chosen} {report.version}"]
    next_steps(*steps, *([again] if report.stopped != "done" else []))
