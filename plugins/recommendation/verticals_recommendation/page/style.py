"""The page's own styles, on the custom properties of the platform."""

from __future__ import annotations

from functools import cache
from importlib import resources

from nicegui import ui


def add_style() -> None:
    """Add the styles to the page that is being built."""
    ui.add_css(_css())


@cache
def _css() -> str:
    return (resources.files("verticals_recommendation") / "page" / "recommendation.css").read_text(encoding="utf-8")
