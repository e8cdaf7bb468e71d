"""The home page: what runs here, how good it is, what happened last, and what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from nicegui import html

from verticals.web.api.heads import HeadSummary, Version
from verticals.web.api.runs import Run
from verticals.web.api.verticals import VerticalSummary, page_path
from verticals.web.site import Site
from verticals.web.ui import Tone, badge, command, data_table, empty, grid, heading, notice, section, stats

from .overview import Overview, ago, duration, gather, main_metric

_STAGES: dict[str, Tone] = {"live": "success", "candidate": "info", "retired": "neutral"}
STATUSES: dict[str, Tone] = {
    "finished": "success",
    "running": "info",
    "interrupted": "warning",
    "pruned": "neutral",
    "failed": "error",
}
_SHOWN_VERSIONS = 10


async def render(site: Site) -> None:
    """Build the page."""
    overview = await asyncio.to_thread(gather, site)
    heading("Overview", "What runs here, how good it is, and what happened last.")
    _figures(overview)
    for plugin in overview.others:
        if plugin.state == "failed":
            notice(plugin.cause, "error", title=f"The plugin {plugin.name} could not be loaded.")
        elif plugin.state == "incompatible":
            notice(
                plugin.cause, "warning", title=f"The plugin {plugin.name} does not fit this version of the platform."
            )
    for one in overview.served:
        for told in one.notices:
            notice(told.remedy, "warning", title=f"{one.title}: {told.told}")
    _verticals(site, overview)
    _heads(overview)
    _versions(overview)
    _runs(overview)
    _next(overview)


def render_of_tenant(site: Site) -> None:
    """Build the page for who signed in with a key of another tenant: the pages that show that tenant's data."""
    heading("Overview", f"What there is for {site.tenant}.")
    shown = [one for one in site.verticals if site.pages(one.name)]
    if not shown:
        empty("No page keeps tenants apart.", "What is served here answers you over the API.", icon="lock")
        return
    with grid():
        for one in shown:
            with html.article().classes("p-card"):
                with html.header():
                    html.h3(one.title)
                html.p(one.summary or "")
                with html.footer():
                    for place, page in enumerate(site.pages(one.name)):
                        where = page_path(one.name, page.path)
                        html.a(page.title, href=where).classes("p-quiet-link" if place else "p-button")


def _figures(overview: Overview) -> None:
    live = [head for head in overview.heads if head.live]
    rows = sum(dataset.newest.rows for dataset in overview.datasets if dataset.newest)
    candidates = sum(version.stage == "candidate" for version in overview.versions)
    running = sum(run.status == "running" for run in overview.runs)
    stats(
        [
            ("Verticals", len(overview.served), "served here"),
            ("Heads", len(overview.heads), f"{len(live)} live"),
            ("Versions", len(overview.versions), f"{candidates} waiting" if candidates else "none waiting"),
            ("Rows", rows, f"in {_count(len(overview.datasets), 'data set', 'data sets')}"),
            ("Training", running or "idle", "running now" if running else "no run at the moment"),
        ]
    )


def _verticals(site: Site, overview: Overview) -> None:
    with section("Verticals"):
        with grid():
            for one in overview.served:
                _card(one, ready=site.ready)
        others = [one for one in overview.others if one.state in ("loaded", "blocked")]
        if others:
            with html.p("Installed, but not served here: ").classes("p-muted p-inline"):
                for one in others:
                    html.span(one.name)
                    if one.state != "loaded":
                        badge(one.state)


def _card(one: VerticalSummary, *, ready: bool) -> None:
    with html.article().classes("p-card"):
        with html.header():
            html.h3(one.title)
            badge("serving" if ready else "starting", "success" if ready else "info")
        html.p(one.summary)
        with html.p(_counts(one)).classes("p-muted"):
            if one.indexes:
                where = f"/{one.name}/{one.indexes[0]}" if len(one.indexes) == 1 else ""
                html.a(_count(len(one.indexes), "index", "indexes"), href=f"/indexes{where}")
        with html.footer():
            for place, page in enumerate(one.pages):
                html.a(page.title, href=page.path).classes("p-quiet-link" if place else "p-button")
            html.a("API", href=f"/docs#{one.name}").classes("p-quiet-link")


def _counts(one: VerticalSummary) -> str:
    counted = (
        (len(one.heads), "head", "heads"),
        (len(one.datasets), "data set", "data sets"),
    )
    told = "".join(f"{_count(*one)} · " for one in counted if one[0])
    return told if one.indexes else told.removesuffix(" · ")


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _heads(overview: Overview) -> None:
    with section("Heads", "What each head answers with now."):
        if not overview.heads:
            empty("No head is declared.", "The verticals that are served here train nothing.", icon="hub")
            return
        with data_table(("Head", "Live version", "Main metric", "Vertical", "Objective", "Data set"), caption="Heads"):
            for head in overview.heads:
                _head_row(head)


def _head_row(head: HeadSummary) -> None:
    with html.tr():
        html.th(head.head, scope="row", title=head.description)
        with html.td():
            badge(head.live.version, "success") if head.live else badge("not trained", "warning")
        html.td((main_metric(head.live.metrics) if head.live else "") or "–").classes("p-figures")
        html.td(head.vertical)
        html.td(head.objective)
        html.td(f"{head.dataset} {head.live.dataset_version}" if head.live else head.dataset)


def _versions(overview: Overview) -> None:
    with section("Versions", "Every version that was trained, newest first."):
        if not overview.versions:
            commands = [f"platform train {head.vertical}/{head.head}" for head in overview.heads[:1]]
            empty("Nothing has been trained yet.", "A run ends with a version:", commands=commands, icon="inventory_2")
            return
        _version_table(overview.versions[:_SHOWN_VERSIONS])
        if older := overview.versions[_SHOWN_VERSIONS:]:
            with html.details().classes("p-more"):
                html.summary(f"{len(older)} older")
                _version_table(older)


def _version_table(versions: Sequence[Version]) -> None:
    with data_table(("Version", "Stage", "Main metric", "Vertical", "Data set", "Created"), caption="Versions"):
        for version in versions:
            with html.tr(title=f"Trained with {version.plugin} {version.plugin_version}"):
                html.th(f"{version.head}@{version.version}", scope="row")
                with html.td():
                    badge(version.stage, _STAGES.get(version.stage, "neutral"))
                html.td(main_metric(version.metrics) or "–").classes("p-figures")
                html.td(version.vertical)
                html.td(version.dataset_version)
                _time(version.created)


def _runs(overview: Overview) -> None:
    with section("Recent runs"):
        if not overview.runs:
            empty("No run yet.", "Training shows up here while it goes on, and stays when it is done.", icon="timeline")
            return
        with data_table(("Head", "Status", "Result", "Duration", "Started", "Run"), caption="Recent runs"):
            for run in overview.runs:
                with html.tr():
                    html.th(run.head, scope="row", title=run.vertical)
                    with html.td():
                        badge(run.status, STATUSES.get(run.status, "neutral"))
                    html.td(_result(run), title=run.error or "").classes("p-figures")
                    html.td(duration(run.started, run.updated)).classes("p-figures")
                    _time(run.started)
                    with html.td().classes("p-mono"):
                        html.a(run.id, href=f"/runs?run={run.id}").classes("p-quiet-link")


def _result(run: Run) -> str:
    if run.error:
        return run.error.splitlines()[0]
    return " · ".join(part for part in (run.version, main_metric(run.metrics)) if part) or "–"


def _next(overview: Overview) -> None:
    head = next(iter(overview.heads), None)
    if head is None:
        return
    where = f"{head.vertical}/{head.head}"
    versions = [one for one in overview.versions if (one.vertical, one.head) == (head.vertical, head.head)]
    newest = versions[0].version if versions else "v0"
    candidate = newest if versions and versions[0].stage == "candidate" else f"v{int(newest.removeprefix('v')) + 1}"
    steps = (
        ("Put in your own rows", f"platform data import {head.vertical}/{head.dataset} rows.csv"),
        ("Train on them", f"platform train {where}"),
        ("Compare with what is live", f"platform compare {where} {candidate}"),
        ("Make the new version live", f"platform models promote {where} {candidate}"),
        ("Take it back", f"platform models rollback {where}"),
    )
    with (
        section("What to do next", "From your own data to a better answer, in a terminal."),
        html.ol().classes("p-steps"),
    ):
        for title, line in steps:
            with html.li():
                html.h3(title)
                command(line)


def _time(moment: datetime) -> None:
    with html.td():
        html.time(ago(moment), datetime=moment.isoformat(), title=f"{moment:%Y-%m-%d %H:%M:%S} UTC")
