"""Work beside the requests that goes on for as long as the vertical serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_SECONDS_TO_RETRY = 5.0
_log = logging.getLogger("verticals.customer-service")


async def always(what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends, and begin it again where an error, such as a full disk, ended it."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may do better
            _log.exception("%s stopped, and begin again in %.0f s: %s", what, _SECONDS_TO_RETRY, error)
        await asyncio.sleep(_SECONDS_TO_RETRY)
