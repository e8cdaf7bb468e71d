"""Whether another version of a head has gone live: one look at the registry tells it for all heads, for a moment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .threads import in_thread

if TYPE_CHECKING:
    import asyncio

    from verticals.store import Registry

_FRESH_SECONDS = 0.1


class Live:
    """What this process promotes counts at once, what another one does a moment later.

    Args:
        registry: where versions are.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._signature = self._switches = -1
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def changes(self) -> tuple[int, int]:
        """Other numbers than before, where another version of any head may have gone live since."""
        import asyncio

        if self._switches != self._registry.switches or time.monotonic() - self._looked >= _FRESH_SECONDS:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)  # who asks at the same time goes on at the same time
        return self._signature, self._switches

    async def _look(self) -> None:
        try:
            switches, now = self._registry.switches, time.monotonic()
            self._signature = await in_thread(self._registry.live_signature)
            self._switches, self._looked = switches, now
        finally:
            self._looking = None
