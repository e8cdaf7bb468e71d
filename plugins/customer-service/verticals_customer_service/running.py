"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from .answering import Answering
from .background import always
from .generating import Phrasing, source
from .phrases import by_language
from .policies import policies_of, templates_of
from .precision import KIND, PROMOTION, newest, of_these, served_versions, unkept
from .settings import DEFAULT
from .stream import News
from .templates import Templates
from .trust import AnswersCalibrated
from .webhooks import Deliveries

_SECONDS_TO_END = 10.0
_log = logging.getLogger("verticals.customer-service")


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the heads, so that the first customer does not wait."""
    settings = vertical.settings
    begun = await vertical.events.last_offset()
    answers = await asyncio.to_thread(templates_of, settings)
    vertical.state["phrases"] = by_language(await vertical.rows("phrases"), answers)
    await _decide_by(vertical, answers, await newest(vertical))
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
    if settings.answer_precision:
        beside.append(asyncio.create_task(always("the calibration", lambda: _follow_calibration(vertical, begun))))
    try:
        yield
    finally:
        news.close()
        for task in beside:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)


async def _follow_calibration(vertical: ServedVertical, after: int) -> None:
    """Take over what is measured, and notice what a promotion leaves unmeasured, by this process or another."""
    async for _ in vertical.events.follow(after, kinds=[KIND, PROMOTION]):
        answers = {language: policy.templates for language, policy in vertical.state["policies"].items()}
        await _decide_by(vertical, answers, await newest(vertical))


async def _decide_by(
    vertical: ServedVertical, answers: Mapping[str, Templates], measured: AnswersCalibrated | None
) -> None:
    """Answer by what was measured, where that is of what answers now; warn where a stated precision is not kept."""
    settings, live = vertical.settings, await served_versions(vertical)
    holds = measured if measured and of_these(measured, live) else None
    vertical.state["policies"] = policies_of(settings, answers, vertical.state["phrases"], holds)
    if settings.answer_precision and (notice := unkept(measured, settings.answer_precision, live)):
        _log.warning("%s", notice)
