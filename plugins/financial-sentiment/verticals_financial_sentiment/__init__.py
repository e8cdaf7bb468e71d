"""Financial sentiment: the mood of the news per topic, how it moves, and the headlines that moved it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from verticals import Dataset, Endpoints, EventKind, Index, Page, TaskHead, hookimpl

if TYPE_CHECKING:
    from verticals import ServedVertical


@hookimpl
def register_settings() -> str:
    """The settings, read from ``[plugins.financial-sentiment]``."""
    return "verticals_financial_sentiment.settings:Settings"


@hookimpl
def register_datasets() -> Iterable[Dataset]:
    """The labelled headlines."""
    yield Dataset(
        name="headlines",
        row="verticals_financial_sentiment.data:Headline",
        load="verticals_financial_sentiment.data:load",
        key="id",
        description="Dated financial headlines with their topic and sentiment",
    )


@hookimpl
def register_heads() -> Iterable[TaskHead]:
    """What is asked of a headline: its sentiment and its topic."""
    yield TaskHead(
        name="sentiment",
        dataset="headlines",
        target="sentiment",
        labels=("negative", "neutral", "positive"),
        description="Is this better or worse than before, for an investor in the thing spoken of?",
        example="Crude slides 4% as exporters agree to pump more",
    )
    yield TaskHead(
        name="topic",
        dataset="headlines",
        target="topic",
        description="What a headline is about",
        example="Central bank leaves its key rate at 3.5% for a fourth meeting",
    )


@hookimpl
def register_indexes() -> Iterable[Index]:
    """The search over all analysed documents."""
    yield Index(
        name="documents",
        documents="verticals_financial_sentiment.data:starter_documents",
        description="Every analysed document, the starter headlines included",
    )


@hookimpl
def register_events() -> Iterable[EventKind]:
    """What is written to the log."""
    yield EventKind(
        name="document",
        payload="verticals_financial_sentiment.data:AnalysedDocument",
        description="A document was analysed and added",
    )
    yield EventKind(
        name="seeded",
        payload="verticals_financial_sentiment.data:Seeded",
        description="All starter headlines were added; happens once",
    )


@hookimpl
def register_endpoints() -> Iterable[Endpoints]:
    """The API under ``/v1/financial-sentiment``."""
    yield Endpoints(router="verticals_financial_sentiment.api:router")


@hookimpl
def register_pages() -> Iterable[Page]:
    """The monitor."""
    yield Page(title="Mood of the news", render="verticals_financial_sentiment.pages:monitor", icon="insights")


@hookimpl
def lifespan(vertical: ServedVertical) -> AbstractAsyncContextManager[None]:
    """Adds the starter headlines once and follows the log while the vertical serves."""
    from .service import lifespan

    return lifespan(vertical)
