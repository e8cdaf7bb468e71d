"""A vertical while it serves: the same things with async faces, for routers, pages and lifespans.

Whatever blocks runs in worker threads, never on the event loop.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from verticals.contract import Batch, Document, Event, Hit, Prediction, Predictions, Progress, check_name

from .tenants import DEFAULT

if TYPE_CHECKING:
    import numpy as np
    from pydantic import BaseModel

    from verticals.contract import Recipe
    from verticals.data import ImportReport
    from verticals.inference import Queue, RemoteQueue
    from verticals.retrieval import Changes, IndexFacts, Loaded
    from verticals.retrieval.reading import ImportSummary
    from verticals.store import VersionRecord

    from .events import VerticalEvents
    from .head import Head
    from .host import Host
    from .indexes import IndexHandle
    from .vertical import Vertical

T = TypeVar("T")
_POLL_SECONDS = 0.5
_FRESH_SECONDS = 0.1
_PIECE_BYTES = 1 << 20
_PAGE = 100


async def in_thread(call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Run a blocking call in a worker thread."""
    from anyio import to_thread

    return await to_thread.run_sync(partial(call, *arguments, **options))


class Direct:
    """In the place of a queue where nobody else asks: each call goes to the engine by itself.

    Args:
        host: whose engine answers.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def predict(
        self,
        vertical: str,
        head: str,
        version: str,
        inputs: Sequence[Any],
        *,
        tenant: str = DEFAULT,
        apart: bool = False,
    ) -> list[Prediction]:
        """Answer inputs for one version, in their order; see `verticals.inference.Queue.predict`."""
        return await in_thread(lambda: self._host.engine.predict(vertical, head, version, inputs))


class ServedVertical:
    """A running vertical.

    Args:
        vertical: that is served.
        queue: turns concurrent requests into few batches.

    Attributes:
        tenant: whose data it reads and writes.
        state: where the vertical may keep things while it serves; nothing of one tenant's that others must not see.
    """

    def __init__(self, vertical: Vertical, queue: Queue | RemoteQueue | Direct) -> None:
        self._vertical, self._queue = vertical, queue
        self.name, self.title, self.settings = vertical.name, vertical.title, vertical.settings
        self.events = ServedEvents(vertical.events)
        self.state: dict[str, Any] = {}
        self.tenant = DEFAULT
        self._heads = {name: ServedHead(vertical.head(name), queue) for name in vertical.heads}
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
            self._heads[name] = ServedHead(self._vertical.host[plugin].head(own), self._queue).of(self.tenant)
        return self._heads[name]

    def index(self, name: str) -> ServedIndex:
        """An index.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        return ServedIndex(self._vertical.index(name, self.tenant))

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

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts by the bare encoder, of length 1, float32 [n, dimension]."""
        return await in_thread(self._vertical.host.engine.embed, list(texts))

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


class ServedHead:
    """A head of a running vertical.

    Args:
        head: that answers.
        queue: that batches.

    Attributes:
        version: the version that answered last, or will answer first, as ``vertical/head@v3``; `None` before.
    """

    def __init__(self, head: Head, queue: Queue | RemoteQueue | Direct) -> None:
        self._head, self._queue = head, queue
        self.name = head.name
        self.version: str | None = None
        self.tenant = DEFAULT
        self._known: tuple[VersionRecord | None, int, float] | None = None  # what is live, and when that was looked up

    def of(self, tenant: str) -> ServedHead:
        """The same head, asked for another tenant."""
        other = copy.copy(self)
        other.tenant = tenant
        return other

    async def predict(
        self,
        input: Any,  # noqa: A002 - the field's word
        *,
        tenant: str | None = None,
        version: str | None = None,
    ) -> Prediction:
        """Answer one input: a text, a tuple of two texts, or a mapping of fields.

        Args:
            input: as the head's objective takes it.
            tenant: whose input it is; `None`: that of the request.
            version: that answers, as ``v3``; `None`: the live one.

        Raises:
            NotFound: there is no such version.
            Unavailable: no version is live, or too much is waiting already.
        """
        return (await self.predict_many([input], tenant=tenant, version=version))[0]

    async def predict_many(
        self, inputs: list[Any], *, tenant: str | None = None, version: str | None = None
    ) -> list[Prediction]:
        """Answer several inputs by one version, in their order; see `predict`."""
        if not inputs:
            return []
        tenant = tenant or self.tenant
        if version is None:
            record = await self._record()
            self.version = record.reference
        else:
            record = await in_thread(self._head.record, version)
        if not self._head.vertical.host.predict_is_wrapped:
            return await self._ask(record.vertical, record.head, record.version, list(inputs), tenant)
        return await in_thread(self._answer_by_queue, record, inputs, tenant)

    async def _ask(self, vertical: str, head: str, version: str, inputs: list[Any], tenant: str) -> list[Prediction]:
        from verticals.encoder.heads import head_of

        apart = head_of(self._head.noun.objective).reads == "itself"
        return await self._queue.predict(vertical, head, version, inputs, tenant=tenant, apart=apart)

    async def is_live(self) -> bool:
        """Whether a version is live; only of a head that is optional there may be none."""
        return await self._looked_up() is not None

    async def versions(self) -> list[VersionRecord]:
        """All versions, newest first."""
        return await in_thread(self._head.versions)

    async def start(self) -> None:
        """See that a version is live; where none is, a first one is trained on the data there is, and promoted.

        A head that is optional is left without.
        """
        if self._head.noun.optional and not await self.is_live():
            return
        leaving = threading.Event()
        try:
            record = await in_thread(self._first, leaving)
        finally:
            leaving.set()  # a start that is cancelled must not wait for the training in its thread
        self.version = record.reference
        host = self._head.vertical.host
        if not host.predict_is_wrapped:  # else a plugin answers, perhaps without the engine
            await in_thread(host.engine.warm, record.vertical, record.head, record.version)

    def _first(self, leaving: threading.Event) -> VersionRecord:
        record = self._head.live
        if record is None:
            host = self._head.vertical.host
            name = f"{self._head.vertical.name}/{self.name}"

            def told(progress: Progress) -> None:
                if leaving.is_set():
                    raise KeyboardInterrupt
                if host.on_progress is not None:
                    host.on_progress(name, progress)

            changes = {"token_budget": host.settings.first_tokens, "together": ""}  # each head starts by itself
            begun = self._begun(self._head.noun.recipe.changed(changes))
            report = self._head.train(changes=None if begun else changes, resume=begun, progress=told)
            record = self._head.promote(report.version, why="the first version, trained when serving began")
        return record

    def _begun(self, recipe: Recipe) -> str | None:
        """The run that an earlier start began so and was stopped in."""
        vertical, head = self._head.vertical, self._head
        version = vertical.dataset(head.noun.dataset).current().version
        for run in vertical.host.store.runs.list(vertical.name, head.name, status="interrupted"):
            if run.dataset_version == version and run.recipe == recipe.to_dict():
                return run.id
        return None

    async def _record(self) -> VersionRecord:
        record = await self._looked_up()
        if record is None:
            raise self._head.not_live()
        return record

    async def _looked_up(self) -> VersionRecord | None:
        """What is live; what this process promotes counts at once, what another one does a moment later."""
        switches, now = self._head.vertical.host.registry.switches, time.monotonic()
        if self._known is not None:
            record, then, at = self._known
            if then == switches:
                if now - at < _FRESH_SECONDS:
                    return record
                self._known = record, switches, now  # one request looks it up; the others need not wait for that
        record = await in_thread(lambda: self._head.live)
        self._known = record, switches, now
        return record

    def _answer_by_queue(self, record: VersionRecord, inputs: list[Any], tenant: str) -> list[Prediction]:
        from anyio import from_thread

        def compute(batch: Batch) -> Predictions:
            return Predictions(
                from_thread.run(self._ask, batch.vertical, batch.head, batch.version, batch.inputs, tenant)
            )

        with self._head.vertical.host.computing_by(compute):
            return self._head.answer(record, inputs)


class ServedIndex:
    """An index of a running vertical.

    Args:
        index: that is searched.
    """

    def __init__(self, index: IndexHandle) -> None:
        self._index = index

    async def search(
        self, text: str, *, k: int = 10, where: Mapping[str, Any] | None = None, mode: str = "hybrid", **options: Any
    ) -> list[Hit]:
        """The best ``k`` hits, best first; see `verticals.retrieval.DocumentIndex.search`."""
        return await in_thread(self._index.search, text, k=k, where=where, mode=mode, **options)

    async def get(self, id: str) -> Document:  # noqa: A002 - the field's own name
        """One document.

        Raises:
            NotFound: there is none of this id.
        """
        return await in_thread(self._index.get, id)

    async def upsert(self, documents: Iterable[Document]) -> Changes:
        """Add or replace documents; durable when this returns, and searchable at once."""
        return await in_thread(self._index.upsert, documents)

    async def delete(self, ids: Iterable[str]) -> int:
        """Remove documents; how many there were."""
        return await in_thread(self._index.delete, ids)

    async def count(self) -> int:
        """How many documents there are."""
        return await in_thread(self._index.count)

    async def facts(self) -> IndexFacts:
        """How many documents there are, at which change, and what makes their vectors."""
        return await in_thread(self._index.facts)

    async def begin_reembedding(self, *, force: bool = False) -> None:
        """Have the background embed the documents anew, if another version is live; see `IndexHandle`."""
        await in_thread(self._index.begin_reembedding, force=force)

    async def documents(self, after: str = "", limit: int = 100) -> list[Document]:
        """Up to ``limit`` documents in the order of their ids, from the first one behind the id ``after``."""
        return await in_thread(self._index.documents, after, limit)

    async def lines(self, after: str = "") -> AsyncIterator[bytes]:
        """All documents behind the id ``after`` as JSON lines, some at a time.

        One that is there all the while comes exactly once, whatever is written meanwhile.
        """
        from verticals.retrieval import json_line

        def page() -> tuple[bytes, str]:
            documents = self._index.documents(after, _PAGE)
            return "".join(map(json_line, documents)).encode(), documents[-1].id if documents else ""

        while True:
            found, after = await in_thread(page)
            if not found:
                return
            yield found

    async def import_uploads(
        self, sent: Iterable[tuple[str, Path]], *, name: str = "", size: int = 1_000, encoding: str | None = None
    ) -> ImportSummary:
        """Bring the index up to what files that were sent hold; see `verticals.retrieval.reading.import_uploads`."""
        return await in_thread(self._index.import_uploads, sent, name=name, size=size, encoding=encoding)

    async def load_lines(self, pieces: AsyncIterable[bytes]) -> Loaded:
        """Store documents that come as JSON lines, batch by batch; bad lines are counted and told.

        Raises:
            Conflict: another process writes to the index.
            StorageError: the disk is full; the message tells what is stored.
        """
        loader = self._index.line_loader()
        await in_thread(self._index.upsert, [])  # refused before much was sent, where it cannot be written to
        held = bytearray()
        async for piece in pieces:
            held += piece
            if len(held) >= _PIECE_BYTES:
                await in_thread(loader.take, bytes(held))
                held.clear()
        await in_thread(loader.take, bytes(held))
        return await in_thread(loader.end)


class ServedEvents:
    """The events of a running vertical; those of another tenant than the request's where one is named.

    Args:
        events: of the vertical.
    """

    def __init__(self, events: VerticalEvents) -> None:
        self._events = events
        self.tenant = DEFAULT
        self._waiting: set[Any] = set()

    def of(self, tenant: str) -> ServedEvents:
        """The events of another tenant."""
        other = copy.copy(self)
        other.tenant = tenant
        return other

    async def append(
        self, kind: str, payload: Mapping[str, Any] | BaseModel, *, key: str | None = None, tenant: str | None = None
    ) -> Event:
        """Write one event; see `verticals.host.events.VerticalEvents.append`."""
        event = await in_thread(self._events.append, kind, payload, key=key, tenant=tenant or self.tenant)
        for waiting in self._waiting:
            waiting.set()
        return event

    async def read(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        kinds: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> list[Event]:
        """Events after an offset, oldest first."""
        tenant = tenant or self.tenant
        return await in_thread(self._events.read, after=after, limit=limit, kinds=kinds, where=where, tenant=tenant)

    async def last_offset(self, tenant: str | None = None) -> int:
        """Offset of the newest event, 0 where there is none."""
        return await in_thread(self._events.last_offset, tenant or self.tenant)

    async def follow(
        self, after: int = 0, *, kinds: Iterable[str] | None = None, tenant: str | None = None
    ) -> AsyncIterator[Event]:
        """Events after an offset and then each new one as it is written, in this process or another; never ends."""
        import anyio

        kinds = None if kinds is None else tuple(kinds)
        written = anyio.Event()
        try:
            while True:
                self._waiting.discard(written)
                written = anyio.Event()
                self._waiting.add(written)
                events = await self.read(after=after, kinds=kinds, tenant=tenant)
                for event in events:
                    yield event
                    after = event.offset
                if not events:
                    with anyio.move_on_after(_POLL_SECONDS):  # another process may write too
                        await written.wait()
        finally:
            self._waiting.discard(written)
