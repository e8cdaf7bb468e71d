"""One point of the chart in words, with its evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import html, ui

from verticals.web import ui as blocks
from verticals_financial_sentiment.data import SENTIMENTS
from verticals_financial_sentiment.trends import Bucket, Point

from .marks import change_mark, score_bar
from .wording import counted, named, span


def chosen_point(topic: str | None, point: Point, bucket: Bucket, close: Callable[[], Awaitable[None]]) -> None:
    """What happened in this bucket: mean, change, counts, and the headlines that weigh most."""
    with html.div().classes("fs-point"):
        with html.div().classes("fs-point-head"):
            html.strong(f"{named(topic)}, {span(point.start, point.end)}")
            with (
                html.button(type="button", **{"aria-label": "Forget this point"})
                .classes("p-icon-button")
                .on("click", close)
            ):
                ui.icon("close").props("aria-hidden=true")
        if point.mean is None:
            html.p("No headlines here: the line carries on from before.").classes("p-muted")
            return
        with html.div().classes("fs-point-figures"):
            with html.span().classes("p-inline"):
                html.span("Mean").classes("p-muted")
                score_bar(point.mean)
            with html.span().classes("p-inline"):
                html.span(f"Against the {bucket} before").classes("p-muted")
                change_mark(point.change, f"against the {bucket} before")
            with html.span().classes("p-inline"):
                html.span(counted(point.count, "headline")).classes("p-muted")
                _counts(point)
            blocks.evidence(point.evidence, label=f"Why? {counted(len(point.evidence), 'headline')}")


def _counts(point: Point) -> None:
    told = ", ".join(f"{point.counts[sentiment]} {sentiment}" for sentiment in SENTIMENTS)
    with html.span(role="img", title=told, **{"aria-label": told}).classes("fs-counts"):
        for sentiment in SENTIMENTS:
            if point.counts[sentiment]:
                html.i(str(point.counts[sentiment]), style=f"flex-grow:{point.counts[sentiment]}").classes(
                    f"fs-{sentiment}"
                )
