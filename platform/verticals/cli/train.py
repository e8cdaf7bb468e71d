"""``platform train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from verticals.contract import BadInput, FitReport

from .models import as_mapping
from .output import duration, figure, json_option, next_steps, note, print_json, table
from .pairs import pairs
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import Target, find, target_argument

if TYPE_CHECKING:
    from verticals.host import Host
    from verticals.store import VersionRecord

_LATEST = "latest"


@click.command()
@target_argument("head", required=False)
@click.option(
    "--method", help="auto, head, lora, full, few_shot, zero_shot, verbaliser or another.  [default: the head's recipe]"
)
@click.option("--epochs", help="Passes over the training rows, at most.")
@click.option("--seed", help="Of everything random.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Any other value of the recipe (repeatable)."
)
@click.option(
    "--data-version", metavar="VERSION", help="Train on this version of the data set.  [default: the current]"
)
@click.option("--resume", is_flag=False, flag_value=_LATEST, metavar="[RUN]", help="Go on with an interrupted run.")
@click.option("--promote", is_flag=True, help="Make the new version live at once.")
@json_option
@pass_session
def train(
    session: Session,
    target: str | None,
    method: str | None,
    epochs: str | None,
    seed: str | None,
    changes: tuple[str, ...],
    data_version: str | None,
    resume: str | None,
    promote: bool,
    as_json: bool,
) -> None:
    """Train a head on its data set and save the result as a new version.

    The first version of a head becomes live; a later one stays a candidate, beside the live one's figures, until it
    is promoted. Ctrl-C leaves a run that --resume goes on with.

    \b
    Examples:
      platform train customer-service/intent
      platform train customer-service/intent --method lora --epochs 3 --set learning_rate=1e-3
      platform train customer-service/intent --resume
    """
    if target is None:  # click gives the word after --resume to the option
        target, resume = resume, _LATEST
    if not target or target == _LATEST:
        raise click.UsageError("Which head? Name it as VERTICAL/HEAD.")
    shortcuts = {"method": method, "epochs": epochs, "seed": seed}
    chosen_changes: dict[str, Any] = {
        **pairs(changes, "--set"),
        **{name: value for name, value in shortcuts.items() if value is not None},
    }
    host = session.host()
    chosen = find(host, target, "head")
    run = _interrupted(host, chosen) if resume == _LATEST else resume
    head = chosen.vertical.head(chosen.name)
    try:
        with ProgressDisplay() as display:
            report = head.train(changes=chosen_changes, dataset_version=data_version, resume=run, progress=display)
    except KeyboardInterrupt:
        _say_how_to_resume(host, chosen)
        raise
    if report.stopped == "interrupted":
        _say_how_to_resume(host, chosen)
        raise KeyboardInterrupt
    if not report.version:  # another process, which this one helped, saved it
        return
    record = host.registry.get(chosen.vertical.name, chosen.name, report.version)
    live = host.registry.live(chosen.vertical.name, chosen.name)  # now: another training may have ended meanwhile
    if record.stage != "live" and (promote or live is None):
        record = host.registry.promote(
            chosen.vertical.name, chosen.name, record.version, why="first version" if live is None else "trained"
        )
    if as_json:
        print_json({**as_mapping(record), "seconds": report.seconds, "stopped": report.stopped, "notes": report.notes})
    else:
        _show(chosen, record, report, live)


def _interrupted(host: Host, chosen: Target) -> str:
    runs = host.store.runs.list(chosen.vertical.name, chosen.name, status="interrupted", limit=1)
    if not runs:
        raise BadInput(f"No run of {chosen} was interrupted.", f"Start one: platform train {chosen}")
    return str(runs[0].id)


def _say_how_to_resume(host: Host, chosen: Target) -> None:
    runs = host.store.runs.list(chosen.vertical.name, chosen.name, limit=1)
    if runs and runs[0].status in ("interrupted", "running"):
        note(f"\nInterrupted. Go on with:\n  platform train {chosen} --resume {runs[0].id}")
    else:
        note("\nInterrupted before training began; nothing was kept.")


def _show(chosen: Target, record: VersionRecord, report: FitReport, live: VersionRecord | None) -> None:
    early = ", stopped early" if report.stopped == "early" else ""
    click.echo(f"Trained {record.reference} on data {record.dataset_version} in {duration(report.seconds)}{early}.\n")
    compared = live is not None and live.version != record.version
    names = [name for name, value in report.metrics.items() if isinstance(value, (int, float))]
    headings = ["validation", record.version]
    rows = [[name, figure(report.metrics[name])] for name in names]
    if live and compared:
        headings.append(f"{live.version} (live before)")
        for row in rows:
            row.append(figure(live.metrics[row[0]]) if row[0] in live.metrics else "–")
    table(headings, rows)
    for text in report.notes:
        note(f"Note: {text}")
    if live and compared and live.dataset_version != record.dataset_version:
        note(f"Note: {live.version} was measured on data {live.dataset_version}; evaluate both to compare them.")
    asked = f"platform predict {chosen} TEXT"
    if record.stage == "live":
        click.echo(f"\n{record.reference} is live{', being the first version' if live is None else ''}.")
        next_steps(f"platform evaluate {chosen}", asked, f"platform run {chosen.vertical.name}")
    else:
        click.echo(f"\n{record.reference} is a candidate; {live.version if live else 'nothing'} stays live.")
        next_steps(f"platform evaluate {record.reference}", f"platform models promote {chosen} {record.version}")
