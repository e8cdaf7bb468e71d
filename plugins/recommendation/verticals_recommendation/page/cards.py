"""One recommendation as a card: what it is, how sure, because of what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from nicegui import html, ui

from verticals.web import ui as blocks
from verticals_recommendation.data import Item
from verticals_recommendation.service import Recommended

Thumb = Literal["up", "down"]
_THUMBS: tuple[tuple[Thumb, str], ...] = (("up", "Good recommendation"), ("down", "Not for this history"))


def card(
    place: int,
    one: Recommended,
    *,
    hint: str,
    add: Callable[[str], Awaitable[None]],
    rate: Callable[[str, Thumb], Awaitable[None]],
) -> None:
    """One recommended item.

    Args:
        place: from 1.
        one: the recommendation.
        hint: what its score means.
        add: puts the item into the history.
        rate: notes a thumb for the item.
    """
    item = one.item
    with html.li().classes("rc-card"):
        with html.div().classes("rc-card-head"):
            html.span(str(place), **{"aria-hidden": "true"}).classes("rc-place p-number")
            with html.div().classes("rc-card-title"):
                html.h3(item.title)
                html.p(about(item)).classes("p-muted")
            score(one.score, hint)
        with html.p().classes("rc-reason"):
            ui.icon("trending_up" if not one.evidence else "subdirectory_arrow_right").props("aria-hidden=true")
            html.span(one.reason)
        if item.description:
            html.p(item.description).classes("rc-description")
        with html.div().classes("rc-card-foot"):
            if one.evidence:
                blocks.evidence(one.evidence, label="Why this?")
            label = f"Add {item.title} to the history"
            button = html.button(type="button", **{"aria-label": label}).classes("rc-add")
            with button.on("click", lambda: add(item.item_id)):
                ui.icon("add").props("aria-hidden=true")
                html.span("Add to history")
            _thumbs(item.item_id, rate)


def score(value: float, hint: str) -> None:
    """A score from 0 to 1 as a bar with its number."""
    with html.span(title=hint, role="img", **{"aria-label": f"Score {value:.2f}. {hint}"}).classes("rc-score"):
        html.span(f"{value:.2f}").classes("p-number")
        with html.span().classes("rc-score-track"):
            html.i(style=f"width:{value:.1%}")


def about(item: Item) -> str:
    """``Baking · course · advanced``; where no tag says format and level, the first tags."""
    rest = [part for part in (item.format, item.level) if part] or item.tags[:3]
    return " · ".join(part for part in (named(item.category), *rest) if part)


def named(category: str) -> str:
    """A category as people read it: ``personal-finance`` is "Personal finance"."""
    return category.replace("-", " ").replace("_", " ").capitalize()


def _thumbs(item_id: str, rate: Callable[[str, Thumb], Awaitable[None]]) -> None:
    buttons: dict[Thumb, ui.element] = {}

    async def press(which: Thumb) -> None:
        await rate(item_id, which)
        for name, button in buttons.items():
            button.props(f"aria-pressed={'true' if name == which else 'false'}")

    with html.div(role="group", **{"aria-label": "What do you think of it?"}).classes("rc-thumbs"):
        for name, label in _THUMBS:
            button = html.button(type="button", title=label, **{"aria-label": label, "aria-pressed": "false"})
            with button:
                ui.icon(f"thumb_{name}").props("aria-hidden=true")
            buttons[name] = button.on("click", lambda _, name=name: press(name))
