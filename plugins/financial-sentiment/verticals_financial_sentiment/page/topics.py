"""The tiles of the topics: where the mood stands and how it has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from nicegui import html

from verticals_financial_sentiment.service import Series

from .marks import change_mark
from .wording import named, signed, tone


def topic_tiles(
    series: Sequence[Series],
    chosen: Sequence[str],
    colour: Mapping[str | None, str],
    choose: Callable[[str | None], Awaitable[None]],
) -> None:
    """One button per topic, and one for all; those chosen are pressed."""
    for one in series:
        pressed = one.topic in chosen if one.topic is not None else not chosen
        tile = html.button(type="button", **{"aria-pressed": "true" if pressed else "false"}).classes("fs-tile")
        tile.on("click", lambda topic=one.topic: choose(topic))
        with tile:
            with html.span().classes("fs-tile-name"):
                html.i(style=f"background:{colour[one.topic]}", **{"aria-hidden": "true"})
                html.span(named(one.topic))
            with html.span().classes("fs-tile-mood"):
                score = one.mood.score if one.mood else None
                feeling = "neutral" if score is None else tone(score)
                html.span("–" if score is None else signed(score)).classes(f"fs-mood fs-{feeling} p-number")
                change_mark(one.mood.change if one.mood else None, "against four weeks before")
