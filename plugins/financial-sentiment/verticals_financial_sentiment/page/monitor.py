"""Topics, chart and list, kept in step with what the reader chooses and with what is added."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from nicegui import events, html, ui

from verticals.web import ui as blocks
from verticals_financial_sentiment import service
from verticals_financial_sentiment.data import SENTIMENTS, Sentiment
from verticals_financial_sentiment.trends import Bucket

from .articles import articles
from .chart import DOTS_UP_TO, Chart, chart, colours
from .point import chosen_point
from .selection import FIRST_PAGE, PERIODS, Selection
from .topics import topic_tiles
from .wording import counted, named, span

if TYPE_CHECKING:
    from verticals import ServedVertical

_REFRESH_SECONDS = 3.0


class Monitor:
    """The view of one reader.

    Args:
        vertical: whose documents are shown.
    """

    def __init__(self, vertical: ServedVertical) -> None:
        self._vertical = vertical
        self._documents = service.documents(vertical)
        self._chosen = Selection()
        self._chart = Chart({})
        self._revision = -1

    async def build(self) -> None:
        """Put the view into the page and fill it."""
        with blocks.section("Topics", "Where the mood stands, and its change in four weeks. Choose one or several."):
            self._topics = html.div(role="group", **{"aria-label": "Topics"}).classes("fs-topics")
        with html.section().classes("p-section"):
            with html.div().classes("fs-bar"):
                html.h2("Mood over time")
                self._switches()
            with blocks.panel() as panel:
                panel.classes("fs-chart-panel")
                self._caption = html.div().classes("p-muted fs-caption")
                self._plot = ui.echart({}, on_point_click=self._point_clicked).classes("fs-chart")
                self._plot.props('role=img aria-label="Smoothed mood per topic over time"')
                self._point = html.div(**{"aria-live": "polite"})
        with html.section().classes("p-section"):
            with html.div().classes("fs-bar"):
                html.h2("Headlines")
                self._list_tools()
            self._list = html.div()
        await self.refresh()
        ui.timer(_REFRESH_SECONDS, self._refresh_if_changed)

    async def refresh(self) -> None:
        """Show everything anew."""
        self._revision = self._documents.revision
        known = self._documents.topics()
        self._chosen.topics = tuple(topic for topic in self._chosen.topics if topic in known)
        newest = self._documents.newest()
        colour = colours(known)
        start = self._chosen.start(newest)
        every = await service.trend(self._vertical, [None, *known], self._chosen.bucket, start=start)
        shown = [one for one in every if one.topic in self._chosen.topics] if self._chosen.topics else every
        self._chart = chart(shown, colour, daily_labels=self._chosen.period in ("1M", "3M"))
        # ECharts merges what it is given into what it shows; series that are gone have to be cleared.
        self._plot.options.clear()
        self._plot.options.update(self._chart.options)
        self._plot.update()
        self._topics.clear()
        with self._topics:
            topic_tiles(await self._moods(known), self._chosen.topics, colour, self._choose_topic)
        self._describe(shown)
        self._show_point()
        await self._show_list()

    async def _refresh_if_changed(self) -> None:
        if self._documents.revision != self._revision:
            await self.refresh()

    async def _moods(self, topics: list[str]) -> list[service.Series]:
        """Where every topic stands now; whatever period is shown, by weeks."""
        return await service.trend(self._vertical, [None, *topics], "week", evidence=0)

    def _describe(self, shown: list[service.Series]) -> None:
        points = [point for one in shown for point in one.points]
        self._caption.clear()
        with self._caption:
            if not points:
                html.p("There is nothing to show yet. Add documents, and the mood appears.")
                return
            each = self._chosen.bucket
            few, many = "Dots are the means of each", "Choose up to three topics to see the mean of each"
            period = span(min(point.start for point in points), max(point.end for point in points))
            html.p(
                f"{period}. Lines are smoothed (half-life two weeks). "
                f"{few if len(shown) <= DOTS_UP_TO else many} {each}. Click a point for its headlines."
            )

    def _switches(self) -> None:
        async def change_period(change: events.ValueChangeEventArguments[Any]) -> None:
            self._chosen.period, self._chosen.point, self._chosen.shown = change.value, None, FIRST_PAGE
            await self.refresh()

        async def change_bucket(change: events.ValueChangeEventArguments[Any]) -> None:
            self._chosen.bucket, self._chosen.point = cast(Bucket, change.value), None
            await self.refresh()

        with html.div().classes("fs-switches"):
            _switch(list(PERIODS), self._chosen.period, change_period, "Period")
            _switch({"day": "Days", "week": "Weeks"}, self._chosen.bucket, change_bucket, "Points")

    def _list_tools(self) -> None:
        async def search(change: events.ValueChangeEventArguments[Any]) -> None:
            self._chosen.query, self._chosen.shown = str(change.value or ""), FIRST_PAGE
            await self._show_list()

        async def feel(change: events.ValueChangeEventArguments[Any]) -> None:
            self._chosen.sentiment = cast("Sentiment | None", change.value or None)
            self._chosen.shown = FIRST_PAGE
            await self._show_list()

        with html.div().classes("fs-switches"):
            field = ui.input(placeholder="Search the headlines", on_change=search).classes("fs-search")
            field.props('outlined dense clearable debounce=300 maxlength=500 aria-label="Search the headlines"')
            with field.add_slot("prepend"):
                ui.icon("search").props("size=sm aria-hidden=true")
            moods: dict[str, str] = {
                "": "All",
                **{sentiment: sentiment.capitalize() for sentiment in reversed(SENTIMENTS)},
            }
            _switch(moods, "", feel, "Sentiment")

    async def _choose_topic(self, topic: str | None) -> None:
        self._chosen.toggle_topic(topic)
        await self.refresh()

    async def _point_clicked(self, click: events.EChartPointClickEventArguments) -> None:
        if click.series_index is None or not click.series_index < len(self._chart.meaning):
            return
        topic, points = self._chart.meaning[click.series_index]
        if click.data_index is not None and click.data_index < len(points):
            self._chosen.point, self._chosen.shown = (topic, points[click.data_index]), FIRST_PAGE
            self._show_point()
            await self._show_list()

    async def _forget_point(self) -> None:
        self._chosen.point, self._chosen.shown = None, FIRST_PAGE
        self._show_point()
        await self._show_list()

    def _show_point(self) -> None:
        self._point.clear()
        if self._chosen.point is not None:
            with self._point:
                chosen_point(*self._chosen.point, self._chosen.bucket, self._forget_point)

    async def _show_list(self) -> None:
        chosen = self._chosen
        wanted = chosen.filter(self._documents.newest())
        found = await service.find(self._vertical, wanted, query=chosen.query, limit=chosen.shown)
        self._list.clear()
        with self._list:
            html.p(self._told(found)).classes("p-muted fs-caption")
            articles(found.documents)
            if found.next_offset is not None:
                with html.button(type="button").classes("fs-more").on("click", self._show_more):
                    html.span("Show more")

    async def _show_more(self) -> None:
        self._chosen.shown = min(self._chosen.shown * 2, service.MOST_HITS)
        await self._show_list()

    def _told(self, found: service.Found) -> str:
        """What the list below is, in words."""
        chosen = self._chosen
        topics = (chosen.point[0],) if chosen.point and chosen.point[0] else chosen.topics
        about = " on " + ", ".join(named(topic).lower() for topic in topics) if topics else ""
        feeling = f"{chosen.sentiment} " if chosen.sentiment else ""
        when = f", {span(chosen.point[1].start, chosen.point[1].end)}" if chosen.point else ""
        if found.total is None:
            first = "Best matches" if found.documents else "Nothing"
            return f"{first} for “{chosen.query.strip()}” among the {feeling}headlines{about}{when}"
        return f"{counted(found.total, f'{feeling}headline')}{about}{when}, newest first"


def _switch(options: Any, value: str, changed: Callable[[Any], Awaitable[None]], label: str) -> None:
    toggle = ui.toggle(options, value=value, on_change=changed)
    toggle.props(f'unelevated no-caps dense toggle-color=primary aria-label="{label}"').classes("fs-switch")
