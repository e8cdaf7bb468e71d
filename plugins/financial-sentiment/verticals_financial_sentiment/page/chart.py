"""What the chart shows, as options for ECharts. Its neutral colours stand on light and dark alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verticals_financial_sentiment.service import Series
from verticals_financial_sentiment.trends import Point

from .wording import named

PALETTE = (
    "#3b82c4", "#e08a1e", "#2a9d74", "#c2509b", "#8a6fd1",
    "#b5892b", "#d35f4a", "#4aa8b8", "#7c9a3c", "#8d7b68",
)  # fmt: skip
OVERALL = "#7d8791"
_TEXT, _RULE = "#85888c", "rgba(128,132,136,0.22)"
DOTS_UP_TO = 3
_DAY_MILLISECONDS = 24 * 60 * 60 * 1000
_SIGNED = "v => v == null ? '–' : (v > 0 ? '+' : v < 0 ? '−' : '') + Math.abs(v).toFixed(2)"


@dataclass(frozen=True, slots=True)
class Chart:
    """The options, and for every series of the chart, by place, what its data points stand for."""

    options: dict[str, Any]
    meaning: list[tuple[str | None, list[Point]]] = field(default_factory=list)


def colours(topics: Sequence[str]) -> Mapping[str | None, str]:
    """A colour per topic, the same wherever it is shown; ``None`` is all topics together."""
    return {None: OVERALL, **{topic: PALETTE[place % len(PALETTE)] for place, topic in enumerate(topics)}}


def chart(series: Sequence[Series], colour: Mapping[str | None, str], *, daily_labels: bool = False) -> Chart:
    """The smoothed line of every series; of a few, also the mean of every bucket as a dot sized by its documents."""
    drawn: list[dict[str, Any]] = []
    meaning: list[tuple[str | None, list[Point]]] = []
    highest = 0.0
    with_dots = len(series) <= DOTS_UP_TO
    for one in series:
        shade = colour[one.topic]
        strong = with_dots or one.topic is None
        drawn.append(_line(one, shade, strong))
        meaning.append((one.topic, one.points))
        highest = max([highest, *(abs(point.smoothed) for point in one.points)])
        if with_dots:
            filled = [point for point in one.points if point.mean is not None]
            drawn.append(_dots(one.topic, filled, shade))
            meaning.append((one.topic, filled))
            highest = max([highest, *(abs(point.mean or 0.0) for point in filled)])
    limit = min(1.0, max(0.5, math.ceil(highest * 4) / 4))
    return Chart(_frame(drawn, limit, daily_labels), meaning)


def _line(one: Series, shade: str, strong: bool) -> dict[str, Any]:
    return {
        "name": named(one.topic),
        "type": "line",
        "data": [[point.start.isoformat(), round(point.smoothed, 4)] for point in one.points],
        "smooth": 0.25,
        "showSymbol": True,
        "symbol": "circle",
        "symbolSize": 7 if strong else 6,
        "itemStyle": {"color": shade, "opacity": 0.9 if strong else 0},
        "lineStyle": {"color": shade, "width": 3 if strong else 1.5, "opacity": 1 if strong else 0.75},
        "emphasis": {"focus": "series", "lineStyle": {"width": 3.5}, "itemStyle": {"opacity": 1}},
        "blur": {"lineStyle": {"opacity": 0.15}},
        "z": 5 if strong else 3,
        "cursor": "pointer",
    }


def _dots(topic: str | None, points: Sequence[Point], shade: str) -> dict[str, Any]:
    return {
        "name": f"{named(topic)}, mean",
        "type": "scatter",
        "data": [
            {
                "value": [point.start.isoformat(), round(point.mean or 0.0, 4)],
                "symbolSize": round(min(22.0, 6 + 2.2 * math.sqrt(point.count)), 1),
            }
            for point in points
        ],
        "itemStyle": {"color": shade, "opacity": 0.32},
        "emphasis": {"itemStyle": {"opacity": 0.8}},
        "z": 4,
        "cursor": "pointer",
    }


def _frame(series: list[dict[str, Any]], limit: float, daily_labels: bool) -> dict[str, Any]:
    labels = {"color": _TEXT, "fontSize": 12}
    if series:
        series[0]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "animation": False,
            "label": {"show": False},
            "lineStyle": {"color": _TEXT, "type": "solid", "width": 1, "opacity": 0.6},
            "data": [{"yAxis": 0}],
        }
    return {
        "backgroundColor": "transparent",
        "animationDuration": 350,
        "textStyle": {"fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 8, "right": 16, "top": 28, "bottom": 4, "containLabel": True},
        "xAxis": {
            "type": "time",
            "minInterval": _DAY_MILLISECONDS,
            "axisLabel": {**labels, "hideOverlap": True, "formatter": "{d} {MMM}" if daily_labels else "{MMM} {d}"},
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "name": "mean score",
            "nameTextStyle": {"color": _TEXT, "align": "left", "padding": [0, 0, 0, -24]},
            "min": -limit,
            "max": limit,
            "interval": limit / 2,
            "axisLabel": {**labels, ":formatter": _SIGNED},
            "splitLine": {"lineStyle": {"color": _RULE}},
        },
        "tooltip": {
            "trigger": "axis",
            "order": "valueDesc",
            "confine": True,
            ":valueFormatter": _SIGNED,
            "axisPointer": {"type": "line", "lineStyle": {"color": _TEXT, "type": "dashed"}},
            "backgroundColor": "var(--surface)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--ink)", "fontSize": 12},
            "extraCssText": "color:var(--ink);box-shadow:var(--shadow);border-radius:8px;",
        },
        "series": series,
    }
