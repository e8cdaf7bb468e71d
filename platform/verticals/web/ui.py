"""Building blocks of pages, for plugins and for the platform's own: one visual language, light and dark.

They are used inside a page's ``render`` function beside NiceGUI's own elements:

```python
from nicegui import ui
from verticals.web import ui as blocks

def render(vertical):
    blocks.heading("Sarcasm", "Judges one text at a time.")
    with blocks.section("Try it"):
        ui.input("Text")
```

The colours, sizes and fonts are custom properties in ``platform.css`` (``--accent``, ``--ink``, ``--surface``, …),
which a page's own styles may use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from nicegui import html, ui

from verticals.contract import Evidence

Tone = Literal["neutral", "info", "success", "warning", "error"]
Cell = str | int | float | None

_ICONS = {"neutral": "info", "info": "info", "success": "check_circle", "warning": "warning", "error": "error"}


@dataclass(frozen=True)
class EvidenceWords:
    """What the evidence drawer says by itself; ``{count}`` is filled in.

    Args:
        title: of the drawer.
        none, one, several: how many pieces of evidence there are, on the button.
        ranked: the same of several, in the drawer.
        close: the button that closes it.
        score: what the figure of a piece of evidence is.
        kinds: names of kinds of evidence; one that has none is called by itself.
    """

    title: str = "Evidence"
    none: str = "No sources"
    one: str = "1 source"
    several: str = "{count} sources"
    ranked: str = "{count} sources, strongest first"
    close: str = "Close"
    score: str = "Score"
    kinds: Mapping[str, str] = field(default_factory=dict)

    def counted(self, count: int) -> str:
        """How many pieces of evidence there are."""
        return self.none if count == 0 else self.one if count == 1 else self.several.format(count=count)


def heading(title: str, summary: str = "") -> None:
    """The title of a page; one per page, at its top."""
    with html.div().classes("p-heading"):
        html.h1(title)
        if summary:
            html.p(summary)


def section(title: str, description: str = "") -> AbstractContextManager[ui.element]:
    """A part of a page under its own heading: ``with section("Heads"): …``."""
    part: ui.element = html.section().classes("p-section")
    with part, html.div().classes("p-section-head"):
        html.h2(title)
        if description:
            html.p(description)
    return part


def panel() -> AbstractContextManager[ui.element]:
    """A raised surface that holds things together: ``with panel(): …``."""
    surface: ui.element = html.div().classes("p-panel")
    return surface


def grid() -> AbstractContextManager[ui.element]:
    """Equal columns, as many as fit, one below the other on a phone."""
    columns: ui.element = html.div().classes("p-grid")
    return columns


def stats(tiles: Iterable[tuple[str, Cell, str]]) -> None:
    """A row of figures: ``(label, value, hint)`` each."""
    with html.dl().classes("p-stats"):
        for label, value, hint in tiles:
            with html.div().classes("p-stat"):
                html.dt(label)
                html.dd(_shown(value)).classes("p-stat-value")
                if hint:
                    html.dd(hint).classes("p-stat-hint")


def badge(text: str, tone: Tone = "neutral") -> None:
    """A short state, such as ``live``."""
    html.span(text).classes(f"p-badge p-{tone}")


def notice(text: str, tone: Tone = "info", *, title: str = "") -> None:
    """Something the reader should know, said aloud by screen readers when it is an error."""
    with html.div(role="alert" if tone == "error" else "status").classes(f"p-notice p-{tone}"):
        ui.icon(_ICONS[tone]).props("aria-hidden=true")
        with html.div():
            if title:
                html.strong(title)
            html.p(text)


def empty(title: str, text: str = "", *, commands: Sequence[str] = (), icon: str = "inbox") -> None:
    """What stands where there is nothing yet: why, and the command lines that change it."""
    with html.div().classes("p-empty"):
        ui.icon(icon).props("aria-hidden=true")
        html.strong(title)
        if text:
            html.p(text)
        for line in commands:
            command(line)


def command(line: str) -> None:
    """A command line with a button that copies it."""
    with html.div().classes("p-command"):
        html.code(line, tabindex="0")
        with html.button(type="button", **{"data-copy": line, "aria-label": f"Copy: {line}", "title": "Copy"}):
            ui.icon("content_copy").props("aria-hidden=true")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, caption: str) -> None:
    """A plain table; figures are set to the right. ``caption`` names it for screen readers."""
    rows = list(rows)
    figures = {place for row in rows for place, cell in enumerate(row) if isinstance(cell, int | float)}
    with data_table(columns, caption=caption, figures=figures):
        for row in rows:
            with html.tr():
                for place, cell in enumerate(row):
                    html.td(_shown(cell)).classes("p-number" if place in figures else "")


def data_table(
    columns: Sequence[str], *, caption: str, figures: Collection[int] = ()
) -> AbstractContextManager[ui.element]:
    """The body of a table whose cells are built by hand: ``with data_table(…): with html.tr(): …``.

    Args:
        columns: their headings.
        caption: names the table for screen readers.
        figures: places of the columns, from 0, whose headings stand to the right, above figures.
    """
    with html.div(tabindex="0", role="region", **{"aria-label": caption}).classes("p-table"), html.table():
        html.caption(caption)
        with html.thead(), html.tr():
            for place, column in enumerate(columns):
                html.th(column, scope="col").classes("p-number" if place in figures else "")
        body: ui.element = html.tbody()
    return body


def ranking(ranked: Iterable[tuple[str, float]], *, limit: int = 5) -> None:
    """Labels with their probabilities (0 to 1) as bars, best first."""
    with html.ol().classes("p-ranking"):
        for label, probability in list(ranked)[:limit]:
            with html.li():
                html.span(label)
                html.span(f"{probability:.0%}").classes("p-number")
                html.meter(value=probability, min=0, max=1, **{"aria-label": label})


def evidence(items: Sequence[Evidence], *, label: str = "", words: EvidenceWords | None = None) -> ui.element:
    """A button that opens the evidence drawer: why an answer was given.

    Args:
        items: what the answer rests on, strongest first; the span of each is highlighted in its text.
        label: of the button; the number of items by default.
        words: the drawer's own, where it is not to speak English.

    Returns:
        The button; it is disabled where there is no evidence.
    """
    items, words = tuple(items), words or EvidenceWords()
    drawer = ui.dialog().props("position=right full-height").classes("p-drawer")
    drawer.props["aria-label"] = words.title

    def fill() -> None:
        if not drawer.default_slot.children:
            with drawer, html.aside().classes("p-drawer-body"):
                _drawer_head(drawer, len(items), words)
                for item in items:
                    evidence_card(item, words=words)
        drawer.open()

    button: ui.element = html.button(type="button", **{"aria-haspopup": "dialog"}).classes("p-evidence-button")
    with button:
        ui.icon("format_quote").props("aria-hidden=true")
        html.span(label or words.counted(len(items)))
    if items:
        button.on("click", fill)
    else:
        button.props("disabled")
    return button


def evidence_card(item: Evidence, *, words: EvidenceWords | None = None) -> None:
    """One piece of evidence: its source, its text with the span highlighted, its score."""
    words = words or EvidenceWords()
    with html.article().classes("p-evidence"):
        with html.header():
            html.h3(item.title or item.source or item.id)
            if item.score is not None:
                html.span(f"{item.score:.2f}", title=words.score).classes("p-number")
        html.p(f"{words.kinds.get(item.kind, item.kind)} · {(item.source if item.title else '') or item.id}").classes(
            "p-muted"
        )
        with html.blockquote():
            start, end = _within(item)
            html.span(item.text[:start])
            if start < end:
                html.mark(item.text[start:end])
            html.span(item.text[end:])


def _drawer_head(drawer: ui.dialog, count: int, words: EvidenceWords) -> None:
    with html.header().classes("p-drawer-head"):
        with html.div():
            html.h2(words.title)
            html.p(words.one if count == 1 else words.ranked.format(count=count)).classes("p-muted")
        close = html.button(type="button", **{"aria-label": words.close}).classes("p-icon-button")
        with close.on("click", drawer.close):
            ui.icon("close").props("aria-hidden=true")


def _within(item: Evidence) -> tuple[int, int]:
    """The span cut to the text; nothing is highlighted where there is none."""
    if item.span is None:
        return len(item.text), len(item.text)
    start = min(max(item.span[0], 0), len(item.text))
    return start, min(max(item.span[1], start), len(item.text))


def _shown(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else value
