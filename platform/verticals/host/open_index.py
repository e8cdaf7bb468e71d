"""The index behind a handle, as this process has it open: when, for what, and which version of its head it follows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verticals.contract import Conflict, Index

from .addresses import address_of
from .following import Follower
from .index_models import IndexModels
from .leases import Leases
from .starters import load_starters, starters
from .tenants import DEFAULT

if TYPE_CHECKING:
    from verticals.contract import Progress
    from verticals.files import FileLock
    from verticals.retrieval import DocumentIndex, Reembedded

    from .vertical import Vertical

_STARTER = "starter.json"


class OpenIndex:
    """One tenant's index, opened when it is first needed, with the plugin's starter documents in it.

    Open for writing, it follows its head: see `Follower`.

    Args:
        vertical: that declares it.
        noun: the declaration.
        tenant: whose documents.
        folder: where they are kept.
    """

    def __init__(self, vertical: Vertical, noun: Index, tenant: str, folder: Path) -> None:
        self._vertical, self._noun, self._tenant, self._folder = vertical, noun, tenant, folder
        self.name = f"{vertical.name}/{noun.name}" + ("" if tenant == DEFAULT else f" of {tenant}")
        self._models = IndexModels(vertical, noun)
        self._follower: Follower | None = None
        self._told: Callable[[Progress], None] | None = None
        self._anew = threading.Lock()
        self._leases = Leases(folder, self._open, partial(self._open, writable=True))

    @property
    def index(self) -> DocumentIndex:
        """The index itself, for as long as the host is open."""
        return self._leases.index

    def open(self, progress: Callable[[Progress], None] | None) -> None:
        """Open it now; ``progress`` is told how many of the starter documents are embedded, where some have to be."""
        self._told = progress
        try:
            _ = self.index
        finally:
            self._told = None

    def use(self, *, writing: bool = False) -> AbstractContextManager[DocumentIndex]:
        """The index for the length of a block; see `Leases.use`.

        Raises:
            Conflict: it is to be written, and another process writes to it; the message names it.
        """
        return self._leases.use(writing=writing)

    @property
    def writer(self) -> FileLock:
        """What the process that writes to it holds."""
        from verticals.files import FileLock

        return FileLock(self._folder / "writer.lock", f"The index {self.name}")

    def reembed(
        self, index: DocumentIndex, *, force: bool, switch: bool, progress: Callable[[Progress], None] | None
    ) -> Reembedded | None:
        """Embed the documents anew in this thread, while nothing follows in the background; see `IndexHandle.reembed`.

        Args:
            index: in use for writing.
            force, switch, progress: see there.
        """
        with self._anew:
            followed, self._follower = self._follower, None
            if followed is not None:
                followed.close()
            try:
                embed, embedding = self._models.wanted()
                questions = self._models.questions
                return index.reembed(embed, embedding, questions, force=force, switch=switch, progress=progress)
            finally:
                if switch and followed is not None:
                    self._follow(index)

    def look(self, *, force: bool) -> None:
        """Have the background look now whether another version is live; with ``force`` it takes over in any case."""
        if (follower := self._follower) is not None:
            follower.wake(force=force)

    def close(self, *, idle: bool = False) -> bool:
        """Close it if it is open; with ``idle`` only where nobody uses it. Whether it is closed now."""
        return self._leases.close(idle=idle)

    def _open(self, *, writable: bool = False) -> DocumentIndex:
        """Open the index for writing, or for reading where another process writes to it and that is enough."""
        from verticals.retrieval import DocumentIndex

        host, noun = self._vertical.host, self._noun
        embed, embedding = self._models.wanted()
        open_index = partial(
            DocumentIndex.open, self._folder, embed, language=noun.language, embedding=embedding, kind=noun.kind,
            weights=noun.weights, device=host.settings.device, former=self._models.former,
        )  # fmt: skip
        if host.elsewhere is not None:  # else the first to be asked for a new tenant would become its writer
            host.elsewhere.call("open", self._vertical.name, noun.name, self._tenant)
            return open_index(writable=False)
        try:
            index = open_index()
        except Conflict as error:
            if writable and self.writer.holder() is not None:
                raise self._conflict() from error
            if writable:
                raise
            return open_index(writable=False)
        try:
            brought = starters(noun, f"{self._vertical.name}/{noun.name}")
            load_starters(index, brought, self._folder / _STARTER, self._told)
        except BaseException:
            index.close()
            raise
        if noun.head or index.facts().embedding != embedding:
            self._follow(index)
        return index

    def _follow(self, index: DocumentIndex) -> None:
        self._follower = Follower(index, self._models, self.name)
        index.before_closing(self._follower.close)

    def _conflict(self) -> Conflict:
        holder = self.writer.holder() or "another process"
        url = address_of(self._vertical.host.home, holder)
        if url is None:
            return Conflict(
                f"The index {self.name} is written by process {holder}.", "Try again when it has ended, or stop it."
            )
        path = f"{url}/v1/platform/indexes/{self._vertical.name}/{self._noun.name}"
        key = "" if self._tenant == DEFAULT else f" with a key of {self._tenant}"
        return Conflict(
            f"The index {self.name} is written by the server at {url} (process {holder}).",
            f"Post files to {path}/files or JSON lines to {path}/import{key} while it runs, or stop it and try again.",
        )
