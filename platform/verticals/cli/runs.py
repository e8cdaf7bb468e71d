"""``platform runs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from verticals.contract import BadInput

from .numbers import Whole
from .output import duration, facts, figure, heading, json_option, next_steps, note, print_json, table, when
from .session import Session, pass_session
from .targets import find, target_argument

if TYPE_CHECKING:
    from verticals.store import Curves, RunRecord

_STATUSES = {"finished": "green", "running": "cyan", "interrupted": "yellow", "pruned": None, "failed": "red"}
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


@click.group()
def runs() -> None:
    """List, show and compare training runs."""


@runs.command("list")
@target_argument("head", required=False)
@click.option("--status", type=click.Choice(list(_STATUSES)), help="Only runs in this state.")
@click.option("--search", metavar="SEARCH", help="The trials of this search.")
@click.option("--trials", is_flag=True, help="The trials of searches too.")
@click.option("--limit", type=Whole(1, 10_000), default=20, show_default=True, help="How many, at most.")
@json_option
@pass_session
def list_(
    session: Session,
    target: str | None,
    status: str | None,
    search: str | None,
    trials: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List runs, newest first: of one head, of one vertical, or all.

    \b
    Examples:
      platform runs list
      platform runs list customer-service/intent --status interrupted
    """
    host = session.host()
    vertical, _, head = (target or "").partition("/")
    if head:
        find(host, target or "", "head")
    records = host.store.runs.list(vertical or None, head or None, status, limit, search=search, trials=trials)
    if as_json:
        print_json([as_mapping(record) for record in records])
        return
    if not records:
        note("There is no such run yet. Train something: platform train VERTICAL/HEAD")
        return
    table(
        ["run", "head", "status", "started", "took", "version", "metrics"],
        [
            [
                record.id,
                f"{record.vertical}/{record.head}",
                click.style(record.status, fg=_STATUSES.get(record.status)),
                when(record.started),
                duration((record.updated - record.started).total_seconds()),
                record.version or "–",
                record.error or _main(record),
            ]
            for record in records
        ],
    )


@runs.command()
@click.argument("run")
@json_option
@pass_session
def show(session: Session, run: str, as_json: bool) -> None:
    """Show one run: its recipe, its curves, and how it ended.

    \b
    Example:
      platform runs show 20260521-213700-ab12
    """
    host = session.host()
    record = host.store.runs.get(run)
    curves = host.store.curves.of(run)
    if as_json:
        print_json({**as_mapping(record), "curves": curves})
        return
    heading(f"{record.id} ({record.status})")
    facts(
        [
            ("head", f"{record.vertical}/{record.head}"),
            ("data", record.dataset_version),
            ("started", when(record.started)),
            ("took", duration((record.updated - record.started).total_seconds())),
            ("search", record.search),
            ("version", record.version),
            ("error", record.error),
            ("metrics", ", ".join(f"{name} {_plain(value)}" for name, value in record.metrics.items())),
            ("recipe", " ".join(f"{key}={value}" for key, value in record.recipe.items() if value not in (None, ""))),
        ]
    )  # fmt: skip
    _charts([record], [curves])
    _epochs(curves)
    if record.status == "interrupted" and record.search is None:
        next_steps(f"platform train {record.vertical}/{record.head} --resume {record.id}")


@runs.command()
@click.argument("names", nargs=-1, metavar="RUN RUN…")
@json_option
@pass_session
def compare(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """Compare runs: where their recipes differ, what each reached, and their curves.

    The best figure of each row has a star.

    \b
    Example:
      platform runs compare 20260521-213700-ab12 20260521-220413-cd34
    """
    from verticals.host.comparison import differences, figures

    if len(set(names)) < 2:
        raise BadInput("Two runs at least are needed to compare.", "Find their ids with `platform runs list`.")
    store = session.host().store
    records = [store.runs.get(name) for name in dict.fromkeys(names)]
    curves = [store.curves.of(record.id) for record in records]
    differing, reached = differences(records), figures(records)
    if as_json:
        print_json(
            {
                "runs": [{**as_mapping(one), "curves": of} for one, of in zip(records, curves, strict=True)],
                "differences": differing,
                "figures": reached,
            }
        )
        return
    heads = [record.id for record in records]
    if differing:
        heading("Where they differ")
        table(["", *heads], [[name, *(_plain(value) for value in values)] for name, values in differing.items()])
    else:
        heading("Their recipes, heads and data are the same.")
    if reached:
        heading("\nWhat they reached on their held-out rows")
        table(["", *heads], [[name, *_marked(name, values)] for name, values in reached.items()])
    _charts(records, curves)
    if "data" in differing or "validation" in differing:
        note("\nNote: they were not measured on the same rows; evaluate their versions to compare them.")


def as_mapping(record: RunRecord) -> dict[str, Any]:
    """A run as JSON shows it."""
    names = ("id", "vertical", "head", "status", "started", "updated", "dataset_version", "seed", "search", "version")
    return {name: getattr(record, name) for name in (*names, "error", "recipe", "progress", "metrics")}


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """A line of bars, at most 40, between ``low`` and ``high``; each bar is the mean of its share of the values."""
    size = max(1.0, len(values) / _WIDTH)
    count = round(len(values) / size)
    parts = [values[round(at * size) : max(round((at + 1) * size), round(at * size) + 1)] for at in range(count)]
    span = (high - low) or 1.0
    return "".join(
        _BARS[min(len(_BARS) - 1, int((sum(part) / len(part) - low) / span * len(_BARS)))] for part in parts if part
    )


def _charts(records: Sequence[RunRecord], curves: Sequence[Curves]) -> None:
    """One small chart per curve; the same curve of several runs has one scale."""
    from verticals.host.comparison import series

    all_series = [series(one) for one in curves]
    names = [name for name in dict.fromkeys(name for one in all_series for name in one) if name != "learning rate"]
    rows = []
    for name in names:
        values = [[value for _, value in one.get(name, [])] for one in all_series]
        everything = [value for part in values for value in part]
        if max(map(len, values)) < 2:
            continue
        low, high = min(everything), max(everything)
        for record, part in zip(records, values, strict=True):
            if part:
                labels = [name, record.id] if len(records) > 1 else [name]
                rows.append([*labels, figure(part[0]), sparkline(part, low, high), figure(part[-1])])
    if rows:
        heading("\nCurves")
        table(["", *([""] if len(records) > 1 else []), "first", "", "last"], rows)


def _epochs(curves: Curves) -> None:
    if not curves.epochs:
        return
    names = list(dict.fromkeys(name for point in curves.epochs for name in point.figures))
    heading("\nEpochs")
    table(
        ["epoch", *names],
        [[point.at, *(_plain(point.figures.get(name)) for name in names)] for point in curves.epochs],
    )


def _marked(name: str, values: Sequence[float | None]) -> list[str]:
    """The figures, the best in bold."""
    known = [value for value in values if value is not None]
    less = any(part in name for part in ("loss", "error"))
    best = (min if less else max)(known)
    several = len(set(known)) > 1
    return [
        "–" if value is None else click.style(f"{figure(value)} *", bold=True) if several and value == best
        else figure(value) for value in values
    ]  # fmt: skip


def _plain(value: Any) -> str:
    return "–" if value is None else figure(value) if isinstance(value, float) and abs(value) >= 1e-3 else str(value)


def _main(record: RunRecord) -> str:
    numbers = [(name, value) for name, value in record.metrics.items() if isinstance(value, int | float)]
    return ", ".join(f"{name} {figure(value)}" for name, value in numbers[:2])
