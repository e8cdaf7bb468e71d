"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from .answering import Answering
from .background import always
from .calibrating import KIND, MEASURED, newest, unkept
from .generating import Phrasing, source
from .phrases import by_language
from .policies import policies_of, templates_of
from .settings import DEFAULT
from .stream import News
from .trust import AnswersCalibrated
from .webhooks import Deliveries

_SECONDS_TO_END = 10.0
_log = logging.getLogger("verticals.customer-service")


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the heads, so that the first customer does not wait."""
    settings = vertical.settings
    begun = await vertical.events.last_offset()
    measured = await newest(vertical)
    answers = await asyncio.to_thread(templates_of, settings)
    vertical.state["phrases"] = by_language(await vertical.rows("phrases"), answers)
    vertical.state["policies"] = policies_of(settings, answers, vertical.state["phrases"], measured)
    await _tell_precision(vertical, measured)
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
        beside.append(asyncio.create_task(always("the calibration", lambda: _recalibrated(vertical, begun))))
    try:
        yield
    finally:
        news.close()
        for task in beside:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)


async def _recalibrated(vertical: ServedVertical, after: int) -> None:
    """Take over what other processes measure while this one serves."""
    async for event in vertical.events.follow(after, kinds=[KIND]):
        measured = AnswersCalibrated.model_validate(event.payload)
        answers = {language: policy.templates for language, policy in vertical.state["policies"].items()}
        vertical.state["policies"] = policies_of(vertical.settings, answers, vertical.state["phrases"], measured)
        await _tell_precision(vertical, measured)


async def _tell_precision(vertical: ServedVertical, measured: AnswersCalibrated | None) -> None:
    """Warn where the precision that the settings state is not kept."""
    if precision := vertical.settings.answer_precision:
        live = {name: await _live(vertical, name) for name in MEASURED}
        if problem := unkept(measured, precision, live):
            _log.warning("answer_precision = %s is not kept: %s", precision, problem)


async def _live(vertical: ServedVertical, head: str) -> str:
    """The live version of a head; empty where there is none."""
    return next((one.reference for one in await vertical.head(head).versions() if one.stage == "live"), "")
