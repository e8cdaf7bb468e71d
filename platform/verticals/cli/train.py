"""``platform train``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from verticals.contract import BadInput, FitReport

from .models import as_mapping
from .output import duration, figure, json_option, next_steps, note, print_json, table, tell_notices
from .pairs import pairs
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import find, targets_argument

if TYPE_CHECKING:
    from verticals.host import Host
    from verticals.host.head import Head
    from verticals.store import VersionRecord

_LATEST = "latest"


@click.command()
@targets_argument("head")
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
    targets: tuple[str, ...],
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

    Several heads are trained together, in one pass on one shared body, by the recipe of the first; each becomes a
    version of its own. The first version of a head becomes live; a later one stays a candidate, beside the live one's
    figures, until it is promoted. Ctrl-C leaves a run that --resume goes on with.

    \b
    Examples:
      platform train customer-service/intent
      platform train customer-service/intent --method lora --epochs 3 --set learning_rate=1e-3
      platform train customer-service/intent --resume
      platform train financial-sentiment/sentiment financial-sentiment/topic --method lora
    """
    if resume not in (None, _LATEST) and (not targets or "/" in resume):  # click gives --resume the word after it
        targets, resume = (resume, *targets), _LATEST
    if not targets:
        raise click.UsageError("Which head? Name it as VERTICAL/HEAD.")
    shortcuts = {"method": method, "epochs": epochs, "seed": seed}
    chosen_changes: dict[str, Any] = {
        **pairs(changes, "--set"),
        **{name: value for name, value in shortcuts.items() if value is not None},
    }
    from verticals.host.together import partners

    host = session.host()
    found = [find(host, target, "head") for target in targets]
    heads = [one.vertical.head(one.name) for one in found]
    run = _interrupted(host, heads) if resume == _LATEST else resume
    if len(heads) == 1:
        heads = partners(heads[0], None, chosen_changes, run)
    elif "together" in chosen_changes:
        raise click.UsageError("The heads are named already: leave out --set together.")
    try:
        with ProgressDisplay() as display:
            if len(heads) == 1:
                reports = [heads[0].train(None, chosen_changes, data_version, run, progress=display)]
            else:
                reports = host.train_together(heads, None, chosen_changes, data_version, run, progress=display)
    except KeyboardInterrupt:
        _say_how_to_resume(host, heads)
        raise
    if reports[0].stopped == "interrupted":
        _say_how_to_resume(host, heads)
        raise KeyboardInterrupt
    if not reports[0].version:  # another process, which this one helped, saved it
        return
    lives = [head.live for head in heads]  # now: another training may have ended meanwhile
    trained = [_promoted(*each, promote) for each in zip(heads, reports, lives, strict=True)]
    switched = {
        head.vertical.name: head.vertical for head, one in zip(heads, trained, strict=True) if one.stage == "live"
    }
    notices = [notice for vertical in switched.values() for notice in vertical.notices()]
    if as_json:
        shown = [
            {**as_mapping(record), "seconds": report.seconds, "stopped": report.stopped, "notes": report.notes}
            for record, report in zip(trained, reports, strict=True)
        ]
        print_json(shown[0] if len(shown) == 1 else shown)
        tell_notices(notices)
        return
    for place, (record, report, live) in enumerate(zip(trained, reports, lives, strict=True)):
        if place:
            click.echo()
        _show(record, report, live)
    tell_notices(notices)


def _promoted(head: Head, report: FitReport, live: VersionRecord | None, promote: bool) -> VersionRecord:
    """The new version, made live where it is to be or is the first."""
    record = head.record(report.version)
    if record.stage == "live" or not (promote or live is None):
        return record
    return head.promote(record.version, why="first version" if live is None else "trained")


def _interrupted(host: Host, heads: Sequence[Head]) -> str:
    """The newest interrupted run of these heads: of one alone, with whatever others it was trained."""
    first, names = heads[0], _names(heads)
    for run in host.store.runs.list(first.vertical.name, first.name, status="interrupted"):
        if len(heads) == 1 or set(run.recipe.get("together", "").split(",")) == set(names):
            return str(run.id)
    shown = " ".join(names)
    raise BadInput(f"No run of {shown} was interrupted.", f"Start one: platform train {shown}")


def _say_how_to_resume(host: Host, heads: Sequence[Head]) -> None:
    runs = host.store.runs.list(heads[0].vertical.name, heads[0].name, limit=1)
    if runs and runs[0].status in ("interrupted", "running"):
        note(f"\nInterrupted. Go on with:\n  platform train {' '.join(_names(heads))} --resume {runs[0].id}")
    else:
        note("\nInterrupted before training began; nothing was kept.")


def _names(heads: Sequence[Head]) -> list[str]:
    return [f"{head.vertical.name}/{head.name}" for head in heads]


def _show(record: VersionRecord, report: FitReport, live: VersionRecord | None) -> None:
    chosen = f"{record.vertical}/{record.head}"
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
        next_steps(f"platform evaluate {chosen}", asked, f"platform run {record.vertical}")
    else:
        click.echo(f"\n{record.reference} is a candidate; {live.version if live else 'nothing'} stays live.")
        next_steps(f"platform evaluate {record.reference}", f"platform models promote {chosen} {record.version}")
