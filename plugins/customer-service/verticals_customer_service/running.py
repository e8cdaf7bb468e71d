"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from . import templates
from .answering import Answering
from .generating import Phrasing, source
from .phrases import by_language
from .policy import BY_WORDS, Nearness, Policy
from .stream import News
from .traces import Thresholds
from .webhooks import Deliveries

_SECONDS_TO_END = 10.0
_SECONDS_TO_RETRY = 5.0
_log = logging.getLogger("verticals.customer-service")


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
    beside = [asyncio.create_task(_always("the sessions' streams", lambda: news.read(vertical)))]
    if webhook := settings.webhook:
        beside.append(asyncio.create_task(_always("webhooks", lambda: Deliveries(vertical, webhook).run())))
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)


async def _always(what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends, and begin it again where an error, such as a full disk, ended it."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may do better
            _log.exception("%s stopped, and begin again in %.0f s: %s", what, _SECONDS_TO_RETRY, error)
        await asyncio.sleep(_SECONDS_TO_RETRY)
