"""The results page: how well customers are served, with what each figure means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nicegui import html, ui

from verticals import ServedVertical
from verticals.web import ui as blocks

from .data import readable
from .page_words import ENGLISH
from .results import DEFINITIONS, Part, Rate, Report, report

_STYLE = (Path(__file__).parent / "static" / "results.css").read_text(encoding="utf-8")
_SPANS = {7: "7 days", 30: "30 days", 90: "90 days"}
_RATES = ("containment", "handover", "reopened", "durable", "satisfaction")
_NAMES = {
    "containment": "Containment",
    "handover": "Handed over",
    "reopened": "Came up again",
    "durable": "Durably resolved",
    "satisfaction": "Satisfaction",
}

_REASONS: dict[str, str] = dict(ENGLISH.reasons().items())


async def results(vertical: ServedVertical) -> None:
    """Figures of the last days, by day and by intent; ``?days=`` in the address chooses how many."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    asked = request.query_params.get("days", "") if request else ""
    days = int(asked) if asked.isdigit() and int(asked) in _SPANS else 30
    today = datetime.now(UTC).date()
    found = await report(vertical, today - timedelta(days=days - 1), today)
    blocks.heading("Results", "How well customers are served, counted from what happened.")
    for one in found.notices:
        blocks.notice(one.remedy, "warning", title=one.told)
    with html.nav(**{"aria-label": "Time"}).classes("cs-spans"):
        for span, name in _SPANS.items():
            link = html.a(name, href=f"/{vertical.name}/results?days={span}")
            if span == days:
                link.props("aria-current=page")
    if not found.all.conversations:
        blocks.empty("No conversation yet", "Figures appear here as soon as customers write.", icon="insights")
    else:
        _figures(found, vertical.name)
    with blocks.section("What the figures mean"), html.dl().classes("cs-definitions"):
        for name, meaning in DEFINITIONS.items():
            html.dt(_NAMES.get(name, "Conversations"))
            html.dd(meaning)


def _figures(found: Report, vertical: str) -> None:
    whole = found.all
    tiles: list[tuple[str, str | int, str]] = [("Conversations", whole.conversations, "")]
    tiles += [(_NAMES[name], shown(rate), f"{rate.count:,} of {rate.of:,}") for name, rate in _rates(whole)]
    blocks.stats(tiles)
    if whole.wrong:
        _wrong(whole.wrong, vertical)
    with blocks.section("By intent", "The first matter that was understood in each conversation"):
        _table(found.by_intent, "Intent", "Results by intent", readable)
    with blocks.section("By day", "By the day on which conversations began (UTC)"):
        _table(found.by_day[::-1], "Day", "Results by day", str)


def _wrong(reasons: Mapping[str, int], vertical: str) -> None:
    with blocks.section("What was wrong", "Why answers got a thumb down, as customers chose"):
        with blocks.data_table(["Reason", "Answers"], caption="What was wrong"):
            for reason, count in reasons.items():
                with html.tr():
                    html.th(_REASONS.get(reason, "Not told"), scope="row")
                    _bar(count, max(reasons.values()))
        link = html.a("What they wrote", href=f"/{vertical}/knowledge?tab=suggestions")
        link.classes("p-quiet-link cs-told")


def _bar(count: int, most: int) -> None:
    with html.td(), html.span().classes("cs-bar"):
        html.i(style=f"--share: {count / most:.3f}", **{"aria-hidden": "true"})
        html.span(f"{count:,}")


def _table(parts: list[Part], what: str, caption: str, named: object) -> None:
    most = max(part.conversations for part in parts)
    with blocks.data_table([what, "Conversations", *(_NAMES[name] for name in _RATES)], caption=caption):
        for part in parts:
            with html.tr():
                html.th(named(part.name) if callable(named) else part.name, scope="row")
                _bar(part.conversations, most)
                for _, rate in _rates(part):
                    html.td(shown(rate), title=f"{rate.count:,} of {rate.of:,}")


def _rates(figures: object) -> list[tuple[str, Rate]]:
    return [(name, getattr(figures, name)) for name in _RATES]


def shown(rate: Rate) -> str:
    """A share in percent; a dash where there is nothing to measure."""
    return "–" if rate.value is None else f"{rate.value:.0%}"
