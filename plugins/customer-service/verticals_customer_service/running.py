"""What a running vertical has besides its requests: templates, warm models, and work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from verticals import ServedVertical

from .answering import Answering
from .calibrating import KIND, newest, policy_of, unkept
from .stream import News
from .trust import AnswersCalibrated
from .webhooks import Deliveries

_SECONDS_TO_END = 10.0
_SECONDS_TO_RETRY = 5.0
_log = logging.getLogger("verticals.customer-service")


@asynccontextmanager
async def ready(vertical: ServedVertical) -> AsyncIterator[None]:
    """Read the templates and wake the index and the heads, so that the first customer does not wait."""
    settings = vertical.settings
    begun = await vertical.events.last_offset()
    measured = await newest(vertical)
    vertical.state["policy"] = await asyncio.to_thread(policy_of, settings, measured)
    _tell_precision(vertical, measured)
    under_way: set[asyncio.Task[Any]] = set()
    vertical.state["under way"] = under_way
    first = settings.suggestions[0] if settings.suggestions else "Hello"
    answering = Answering(vertical)
    await asyncio.gather(answering.emotion(first), answering.answer(first))
    news = vertical.state["news"] = News()
    beside = [asyncio.create_task(_always("the sessions' streams", lambda: news.read(vertical)))]
    if settings.answer_precision:
        beside.append(asyncio.create_task(_always("the calibration", lambda: _recalibrated(vertical, begun))))
    if webhook := settings.webhook:
        beside.append(asyncio.create_task(_always("webhooks", lambda: Deliveries(vertical, webhook).run())))
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_SECONDS_TO_END)


async def _recalibrated(vertical: ServedVertical, after: int) -> None:
    """Take over what other processes measure while this one serves."""
    async for event in vertical.events.follow(after, kinds=[KIND]):
        measured = AnswersCalibrated.model_validate(event.payload)
        vertical.state["policy"] = await asyncio.to_thread(policy_of, vertical.settings, measured)
        _tell_precision(vertical, measured)


def _tell_precision(vertical: ServedVertical, measured: AnswersCalibrated | None) -> None:
    """Warn where the precision that the settings state is not kept."""
    if (precision := vertical.settings.answer_precision) and (problem := unkept(measured, precision)):
        _log.warning("answer_precision = %s is not kept: %s", precision, problem)


async def _always(what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends, and begin it again where an error, such as a full disk, ended it."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may do better
            _log.exception("%s stopped, and begin again in %.0f s: %s", what, _SECONDS_TO_RETRY, error)
        await asyncio.sleep(_SECONDS_TO_RETRY)
