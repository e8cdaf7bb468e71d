"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from . import templates
from .answering import Answering
from .policy import Policy
from .stream import News
from .traces import Thresholds

_SECONDS_TO_END = 10.0


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the heads, so that the first customer does not wait."""
    settings = vertical.settings
    constants = {"shop_name": settings.shop_name, "support_email": settings.support_email}
    answers = await asyncio.to_thread(templates.load, settings.templates, constants)
    thresholds = Thresholds(
        confidence=settings.confidence_threshold,
        similarity=settings.similarity_threshold,
        failures=settings.handover_after,
    )
    vertical.state["policy"] = Policy(answers, thresholds, settings.handover)
    under_way: set[asyncio.Task[Any]] = set()
    vertical.state["under way"] = under_way
    first = settings.suggestions[0] if settings.suggestions else "Hello"
    answering = Answering(vertical)
    await asyncio.gather(answering.emotion(first), answering.answer(first))
    news = vertical.state["news"] = News()
    reading = asyncio.create_task(news.read(vertical))
    try:
        yield
    finally:
        reading.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)
