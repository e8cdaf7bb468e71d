"""A vertical while it serves: the same things with async faces, for routers, pages and lifespans.

Whatever blocks runs in worker threads, never on the event loop.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import Notice, check_name

from .live import Live
from .served_events import ServedEvents
from .served_head import ServedHead
from .served_index import ServedIndex
from .tenants import DEFAULT
from .threads import in_thread
from .vectors import vectors_of

if TYPE_CHECKING:
    import numpy as np

    from verticals.data import ImportReport

    from .served_head import Answerer
    from .vertical import Vertical


class ServedVertical:
    """A running vertical.

    Args:
        vertical: that is served.
        queue: turns concurrent requests into few batches.

    Attributes:
        tenant: whose data it reads and writes.
        state: where the vertical may keep things while it serves; nothing of one tenant's that others must not see.
    """

    def __init__(self, vertical: Vertical, queue: Answerer) -> None:
        self._vertical, self._queue = vertical, queue
        self.name, self.title, self.settings = vertical.name, vertical.title, vertical.settings
        self.events = ServedEvents(vertical.events)
        self.state: dict[str, Any] = {}
        self.tenant = DEFAULT
        self._live = Live(vertical.host.registry)
        self._heads = {name: ServedHead(vertical.head(name), queue, self._live) for name in vertical.heads}
        self._tenants = {DEFAULT: self}

    def of(self, tenant: str) -> ServedVertical:
        """The same vertical with the indexes, the events and the share of another tenant; heads and state are shared.

        Raises:
            BadInput: the name cannot be one of a tenant.
        """
        if tenant not in self._tenants:
            other = copy.copy(self)
            other.tenant = check_name(tenant, "tenant name")
            other.events = self.events.of(tenant)
            other._heads = {name: head.of(tenant) for name, head in self._heads.items()}  # noqa: SLF001 - its own class
            self._tenants[tenant] = other
        return self._tenants[tenant]

    def head(self, name: str) -> ServedHead:
        """A head.

        Args:
            name: as it is declared; of another plugin's head with the plugin, such as ``my-words/reply``.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        if "/" not in name:
            self._vertical.head(name)
        elif name not in self._heads:
            plugin, _, own = name.partition("/")
            self._heads[name] = ServedHead(self._vertical.host[plugin].head(own), self._queue, self._live).of(
                self.tenant
            )
        return self._heads[name]

    def index(self, name: str) -> ServedIndex:
        """An index.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        return ServedIndex(self._vertical.index(name, self.tenant), self._queue)

    async def rows(self, dataset: str) -> list[dict[str, Any]]:
        """The rows of a data set's current version, as plain mappings with their ``split``.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        handle = self._vertical.dataset(dataset)
        return await in_thread(lambda: handle.current().read())

    async def remove_rows(self, dataset: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Make a new version of a data set without these rows; how many it had. See `DatasetHandle.remove_rows`.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        return await in_thread(self._vertical.dataset(dataset).remove_rows, rows)

    async def notices(self) -> list[Notice]:
        """What whoever runs it should know and do now; see the hook ``notices``. It is not for other tenants."""
        return [] if self.tenant != DEFAULT else await in_thread(self._vertical.notices)

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts by the bare encoder, of length 1, float32 [n, dimension]."""
        return await vectors_of(texts, self._queue, self.tenant)

    async def import_file(self, dataset: str, path: Path, **options: Any) -> ImportReport:
        """Make a new version of a data set with the rows of a file; see `verticals.host.datasets.DatasetHandle`.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
            BadRows: rows do not fit: all of them, and nothing was written.
        """
        return await in_thread(self._vertical.dataset(dataset).import_file, path, **options)

    async def start(self) -> None:
        """Make everything ready that the first request would wait for: live versions, indexes."""
        for head in self._heads.values():
            await head.start()
        for name in self._vertical.indexes:
            await in_thread(getattr, self._vertical.index(name), "opened")

    def __repr__(self) -> str:
        return f"ServedVertical({self.name!r})"
