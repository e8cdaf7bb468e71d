"""The page of the runs: choose some, see where they differ, what they reached, and their curves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import html, ui

from verticals.contract import BadInput
from verticals.host.comparison import differences, figures, series
from verticals.store import Curves, RunRecord
from verticals.web.site import Site
from verticals.web.ui import badge, command, data_table, empty, heading, section

from .chart import SERIES, chart
from .home import STATUSES
from .overview import duration, main_metric

_LISTED = 100
_BY_ROWS = ("training loss", "learning rate")
_LESS_IS_BETTER = ("loss", "error")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows."""

    listed: list[RunRecord]
    chosen: list[RunRecord]
    curves: list[Curves]


async def render(site: Site, chosen: Sequence[str], *, trials: bool) -> None:
    """Build the page.

    Args:
        site: what is served.
        chosen: ids of the runs to look at.
        trials: list the trials of searches too.

    Raises:
        NotFound: there is no such run.
        BadInput: more runs than a chart can tell apart.
    """
    shown = await asyncio.to_thread(_gather, site, list(dict.fromkeys(chosen)), trials)
    heading("Runs", "What was trained, how it went, and what made the difference.")
    if shown.chosen:
        _compared(shown)
    _list(shown, trials)


def _gather(site: Site, chosen: list[str], trials: bool) -> _Shown:
    if len(chosen) > SERIES:
        raise BadInput(f"{len(chosen)} runs are too many to compare at once.", f"Choose {SERIES} at most.")
    store = site.host.store
    records = [store.runs.get(run) for run in chosen]
    curves = [store.curves.of(run) for run in chosen]
    return _Shown(store.runs.list(limit=_LISTED, trials=trials), records, curves)


def _compared(shown: _Shown) -> None:
    alone = len(shown.chosen) == 1
    with section("Curves", "" if alone else "The same colour is the same run everywhere on this page."):
        if not alone:
            _legend(shown.chosen)
        _charts(shown)
    reached = figures(shown.chosen)
    if reached:
        with section("Figures", "On the held-out rows of each run, when it had ended."):
            _table("Figures", shown.chosen, reached, best=True)
    differing = differences(shown.chosen)
    if alone:
        _recipe(shown.chosen[0])
    elif differing:
        with section("Where they differ", "What all of them share is left out."):
            _table("Where they differ", shown.chosen, differing)
    else:
        with section("Where they differ"):
            empty("Nowhere.", "Their heads, data and recipes are the same.", icon="done_all")


def _legend(chosen: Sequence[RunRecord]) -> None:
    with html.ul().classes("p-legend"):
        for place, run in enumerate(chosen):
            with html.li().classes(f"p-series-{place + 1}"):
                html.i()
                html.a(run.id, href=f"/runs?run={run.id}").classes("p-mono")
                html.span(_summary(run)).classes("p-muted")


def _charts(shown: _Shown) -> None:
    drawn = [series(one) for one in shown.curves]
    names = [
        name
        for name in dict.fromkeys([*_BY_ROWS, *(name for one in drawn for name in one)])
        if any(len(one.get(name, ())) > 1 for one in drawn)
    ]
    if not names:
        empty(
            "No curves.", "A head trained alone, on cached features, has none: it is fitted at once.", icon="timeline"
        )
        return
    with html.div().classes("p-grid p-charts"):
        for name in names:
            kept = [(place, one[name]) for place, one in enumerate(drawn) if one.get(name)]
            unit = "rows seen" if name in _BY_ROWS else "epoch"
            with html.figure().classes("p-chart"):
                html.figcaption(name.replace("_", " "))
                lines = [(shown.chosen[place].id, line) for place, line in kept]
                ui.html(chart(name, unit, lines, [place for place, _ in kept]), sanitize=False)


def _table(caption: str, chosen: Sequence[RunRecord], rows: Mapping[str, Sequence[Any]], *, best: bool = False) -> None:
    ends = set(range(1, len(chosen) + 1))
    with data_table(("", *(run.id for run in chosen)), caption=caption, figures=ends):
        for name, values in rows.items():
            winner = _best(name, values) if best and len(chosen) > 1 else None
            with html.tr():
                html.th(name.replace("_", " "), scope="row")
                for value in values:
                    cell = html.td(_shown(value)).classes("p-number")
                    if winner is not None and value == winner:
                        cell.classes("p-best").props('title="The best"')


def _recipe(run: RunRecord) -> None:
    with section("Recipe"), html.dl().classes("p-facts"):
        for name, value in run.recipe.items():
            if value not in (None, ""):
                with html.div():
                    html.dt(name.replace("_", " "))
                    html.dd(_shown(value)).classes("p-number")


def _list(shown: _Shown, trials: bool) -> None:
    chosen = {run.id for run in shown.chosen}
    with section("All runs", "Newest first. Choose some to see them together."):
        if not shown.listed and not trials:
            empty("No run yet.", "Training shows up here while it goes on, and stays when it is done.", icon="timeline")
            return
        with html.form(action="/runs", method="get").classes("p-form"):
            with html.div().classes("p-bar"):
                with html.button(type="submit").classes("p-button"):
                    html.span("Compare")
                if chosen:
                    html.a("Choose none", href="/runs").classes("p-quiet-link")
                with html.label().classes("p-check"):
                    _checkbox("trials", "1", trials)
                    html.span("trials of searches too")
            _rows(shown.listed, chosen)
        if not shown.listed:
            empty("No run yet.", "", icon="timeline")
    with section("In a terminal"):
        first = [run.id for run in shown.listed[:2]]
        command(f"platform runs compare {' '.join(first)}" if len(first) == 2 else "platform runs list")


def _rows(listed: Sequence[RunRecord], chosen: set[str]) -> None:
    with data_table(("", "Run", "Head", "Status", "Result", "Duration", "Method"), caption="Runs"):
        for run in listed:
            with html.tr():
                with html.td().classes("p-choose"):
                    _checkbox("run", run.id, run.id in chosen, f"Choose {run.id}")
                with html.th(scope="row").classes("p-mono"):
                    html.a(run.id, href=f"/runs?run={run.id}")
                html.td(f"{run.vertical}/{run.head}")
                with html.td():
                    badge(run.status, STATUSES.get(run.status, "neutral"))
                html.td(run.error or _summary(run), title=run.error or "").classes("p-figures")
                html.td(duration(run.started, run.updated)).classes("p-figures")
                html.td(str(run.recipe.get("method", "–")))


def _checkbox(name: str, value: str, checked: bool, label: str = "") -> None:
    box = ui.element("input").props(f'type=checkbox name={name} value="{value}"')
    if label:
        box.props(f'aria-label="{label}"')
    if checked:
        box.props("checked")


def _summary(run: RunRecord) -> str:
    return " · ".join(part for part in (run.version, main_metric(run.metrics)) if part) or run.status


def _best(name: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return None
    return (min if any(part in name for part in _LESS_IS_BETTER) else max)(known)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
