"""Blocking work off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Run a blocking call in a worker thread."""
    from anyio import to_thread

    return await to_thread.run_sync(partial(call, *arguments, **options))
