"""The list of analysed headlines."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import html

from verticals.web import ui as blocks
from verticals_financial_sentiment.data import AnalysedDocument

from .marks import score_bar, sentiment_badge
from .wording import day, named


def articles(documents: Sequence[AnalysedDocument]) -> None:
    """One row per document: what it says, how it feels, and who says so."""
    if not documents:
        blocks.empty("No headlines here", "Choose another topic, period or sentiment, or search for other words.")
        return
    with html.ol().classes("fs-list"):
        for one in documents:
            with html.li().classes("fs-article"):
                with html.div().classes("fs-article-text"):
                    html.p(one.text)
                    with html.div().classes("fs-article-meta p-muted"):
                        html.time(day(one.date), datetime=one.date.isoformat())
                        html.span(named(one.topic))
                        if one.source:
                            html.span(one.source)
                        if one.labelled_by == "data":
                            html.span("label from the data", title="A person gave topic and sentiment")
                        if one.abstained:
                            html.span("unfamiliar, not counted", title="Unlike anything the heads learnt from")
                with html.div().classes("fs-article-mood"):
                    sentiment_badge(one.sentiment)
                    score_bar(one.score, one.sentiment)
