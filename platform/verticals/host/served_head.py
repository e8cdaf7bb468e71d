"""A head while its vertical serves, and who answers in the place of a queue."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from verticals.contract import Batch, Prediction, Predictions, Progress

from .tenants import DEFAULT
from .threads import in_thread

if TYPE_CHECKING:
    from verticals.contract import Recipe
    from verticals.inference import Queue, RemoteQueue
    from verticals.store import VersionRecord

    from .head import Head
    from .host import Host
    from .live import Live

    Answerer: TypeAlias = "Queue | RemoteQueue | Direct"
    """Whoever answers for heads, and for the bare encoder."""


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


class ServedHead:
    """A head of a running vertical.

    Args:
        head: that answers.
        queue: that batches.
        live: tells when to look up what is live.

    Attributes:
        version: the version that answered last, or will answer first, as ``vertical/head@v3``; `None` before.
    """

    def __init__(self, head: Head, queue: Answerer, live: Live) -> None:
        self._head, self._queue, self._live = head, queue, live
        self.name = head.name
        self.version: str | None = None
        self.tenant = DEFAULT
        self._known: tuple[VersionRecord | None, tuple[int, int]] | None = None  # what is live, and as of which changes

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
        """What is live; see `Live`."""
        changes = await self._live.changes()
        if self._known is None or self._known[1] != changes:
            self._known = await in_thread(lambda: self._head.live), changes
        return self._known[0]

    def _answer_by_queue(self, record: VersionRecord, inputs: list[Any], tenant: str) -> list[Prediction]:
        from anyio import from_thread

        def compute(batch: Batch) -> Predictions:
            return Predictions(
                from_thread.run(self._ask, batch.vertical, batch.head, batch.version, batch.inputs, tenant)
            )

        with self._head.vertical.host.computing_by(compute):
            return self._head.answer(record, inputs)
