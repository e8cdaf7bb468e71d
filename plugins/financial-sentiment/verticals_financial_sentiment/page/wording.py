"""How numbers, dates and moods are written on the page."""

from __future__ import annotations

import datetime as dt

from verticals_financial_sentiment.data import Sentiment

ICONS: dict[Sentiment, str] = {"negative": "trending_down", "neutral": "trending_flat", "positive": "trending_up"}
FEELS_FROM = 0.1


def signed(number: float) -> str:
    """A score with its sign and a true minus: ``+0.42``, ``−0.10``, ``0.00``."""
    text = f"{abs(number):.2f}"
    return text if text == "0.00" else ("+" if number > 0 else "−") + text


def tone(score: float) -> Sentiment:
    """How a score is coloured; a faint one is neutral."""
    score = round(score, 2)
    return "positive" if score >= FEELS_FROM else "negative" if score <= -FEELS_FROM else "neutral"


def named(topic: str | None) -> str:
    """A topic as people read it: ``monetary-policy`` is "Monetary policy"."""
    return "All topics" if topic is None else topic.replace("-", " ").replace("_", " ").capitalize()


def day(date: dt.date) -> str:
    """``5 Jan 2026``."""
    return f"{date.day} {date:%b %Y}"


def span(start: dt.date, end: dt.date) -> str:
    """``9–15 Mar 2026``, ``30 Mar – 5 Apr 2026``, ``5 Jan 2026``."""
    if start == end:
        return day(start)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{day(end)}"
    return f"{start.day} {start:%b}{'' if start.year == end.year else f' {start.year}'} – {day(end)}"


def counted(number: int, noun: str) -> str:
    """``1 headline``, ``662 headlines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
