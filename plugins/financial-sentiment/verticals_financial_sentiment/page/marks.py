"""Small marks that several parts of the page share."""

from __future__ import annotations

from nicegui import html, ui

from verticals_financial_sentiment.data import Sentiment

from .wording import ICONS, signed, tone


def sentiment_badge(sentiment: Sentiment) -> None:
    """The sentiment in word, colour and shape."""
    with html.span().classes(f"fs-badge fs-{sentiment}"):
        ui.icon(ICONS[sentiment]).props("aria-hidden=true")
        html.span(sentiment)


def score_bar(score: float, feeling: Sentiment | None = None) -> None:
    """A score as a bar to the left or right of neutral, with its number."""
    feeling = feeling or tone(score)
    left, width = (50.0, score * 50) if score >= 0 else (50 + score * 50, -score * 50)
    with html.span(title="Score from −1 (negative) to +1 (positive)").classes(f"fs-score fs-{feeling}"):
        with html.span(**{"aria-hidden": "true"}).classes("fs-score-track"):
            html.i(style=f"left:{left:.1f}%;width:{width:.1f}%")
        html.span(signed(score)).classes("p-number")


def change_mark(change: float | None, hint: str) -> None:
    """A change with its direction; a dash where it is not known."""
    if change is None:
        html.span("–", title=hint).classes("fs-change fs-neutral")
        return
    feeling = tone(change * 10)
    arrow = {"positive": "▲", "negative": "▼", "neutral": "="}[feeling]
    direction = {"positive": "up", "negative": "down", "neutral": "unchanged"}[feeling]
    with html.span(title=hint, **{"aria-label": f"{direction} {abs(change):.2f}, {hint}"}).classes(
        f"fs-change fs-{feeling} p-number"
    ):
        html.span(f"{arrow} {abs(change):.2f}", **{"aria-hidden": "true"})
