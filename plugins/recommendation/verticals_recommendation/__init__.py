"""Recommendation: which item of a catalogue comes next after a history, how surely, and because of what."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from verticals import Command, Dataset, Endpoints, EventKind, Index, Page, TaskHead, hookimpl

if TYPE_CHECKING:
    from verticals import ServedVertical

_EXAMPLE = {
    "query": "The Open Crumb Workshop (baking: course, advanced, sourdough, bread); "
    "Waking Up a Sourdough Starter (baking: guide, beginner, sourdough, fermentation)",
    "candidates": {
        "i-018": "Rye, Spelt and Ancient Grains (baking: book, advanced, sourdough, flour)",
        "i-051": "Landscapes at the Edges of Day (photography: course, intermediate, landscape, exposure)",
    },
}


@hookimpl
def register_settings() -> str:
    """The settings, read from ``[plugins.recommendation]``."""
    return "verticals_recommendation.settings:Settings"


@hookimpl
def register_datasets() -> Iterable[Dataset]:
    """The catalogue, and what people did with it."""
    yield Dataset(
        name="items",
        row="verticals_recommendation.data:Item",
        load="verticals_recommendation.data:items",
        key="item_id",
        split_by="item_id",
        description="The catalogue: what can be recommended",
    )
    yield Dataset(
        name="behaviours",
        row="verticals_recommendation.data:Behaviour",
        load="verticals_recommendation.data:behaviours",
        split_by="user_id",
        description="Who viewed, saved, bought or finished which item, and when",
    )


@hookimpl
def register_heads() -> Iterable[TaskHead]:
    """Which item follows a history."""
    yield TaskHead(
        name="interest",
        dataset="behaviours",
        objective="rank",
        inputs=("history",),
        target="item",
        prepare="verticals_recommendation.examples:prepare",
        description="Which item comes next for someone with this history?",
        example=_EXAMPLE,
    )


@hookimpl
def register_indexes() -> Iterable[Index]:
    """The search over the catalogue."""
    yield Index(
        name="catalogue",
        documents="verticals_recommendation.data:documents",
        description="All items, to be found by meaning and by words",
    )


@hookimpl
def register_events() -> Iterable[EventKind]:
    """What is written to the log."""
    module = "verticals_recommendation.events"
    yield EventKind("impression", f"{module}:Impression", "Items were shown to someone")
    yield EventKind("click", f"{module}:Click", "Someone opened an item; it joins that user's history")
    yield EventKind("feedback", f"{module}:Feedback", "A thumb up or down for a recommendation")


@hookimpl
def register_endpoints() -> Iterable[Endpoints]:
    """The API under ``/v1/recommendation``."""
    yield Endpoints(router="verticals_recommendation.api:router")


@hookimpl
def register_pages() -> Iterable[Page]:
    """Pick a history, see what comes next."""
    yield Page(title="Recommendations", render="verticals_recommendation.pages:recommendations", icon="recommend")


@hookimpl
def register_commands() -> Iterable[Command]:
    """Measuring the head against simpler ways."""
    yield Command(
        name="measure",
        command="verticals_recommendation.commands:measure",
        help="Compare the live head with popularity and the untrained encoder",
    )


@hookimpl
def lifespan(vertical: ServedVertical) -> AbstractAsyncContextManager[None]:
    """Reads the catalogue and the histories, and warms the head, when the vertical starts to serve."""
    from .service import lifespan

    return lifespan(vertical)
