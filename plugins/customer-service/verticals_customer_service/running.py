"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from . import templates
from .answering import Answering
from .background import always
from .generating import Phrasing, source
from .phrases import by_language
from .policy import BY_WORDS, Nearness, Policy
from .settings import DEFAULT
from .stream import News
from .traces import Thresholds
from .webhooks import Deliveries

_SECONDS_TO_END = 10.0


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the heads, so that the first customer does not wait."""
    settings = vertical.settings
    constants = {"shop_name": settings.shop_name, "support_email": settings.support_email}
    answers = await asyncio.to_thread(templates.load_all, settings.templates, constants, settings.language)
    thresholds = Thresholds(
        confidence=settings.confidence_threshold,
        similarity=settings.similarity_threshold,
        failures=settings.handover_after,
    )
    phrases = by_language(await vertical.rows("phrases"), answers)
    vertical.state["phrases"] = phrases
    vertical.state["policies"] = {
        language: Policy(
            said,
            thresholds,
            settings.handover,
            settings.handover_intent,
            BY_WORDS if language in phrases else Nearness(),
        )
        for language, said in answers.items()
    }
    if generator := settings.generator:
        vertical.state["phrasing"] = Phrasing(generator, source(generator, vertical), vertical.embed)
    under_way: set[asyncio.Task[Any]] = set()
    vertical.state["under way"] = under_way
    answering = Answering(vertical)
    await asyncio.gather(answering.emotion("Hello"), answering.answer("Where is my parcel?"))
    news = vertical.state["news"] = News()
    told = {DEFAULT: settings.webhook, **{name: tenant.webhook for name, tenant in settings.tenants.items()}}
    beside = [
        asyncio.create_task(always("webhooks", Deliveries(vertical.of(tenant), webhook).run))
        for tenant, webhook in told.items()
        if webhook is not None
    ]
    try:
        yield
    finally:
        news.close()
        for task in beside:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)
