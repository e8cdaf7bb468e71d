"""One index of one vertical, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, Conflict, Document, Hit, Index, NotFound

from . import tenants
from .open_index import OpenIndex
from .tenants import DEFAULT

if TYPE_CHECKING:
    from verticals.contract import Progress
    from verticals.retrieval import (
        Changes,
        DocumentIndex,
        Embedded,
        IndexFacts,
        LineLoader,
        Loaded,
        Probe,
        Reembedded,
        Tuning,
    )
    from verticals.retrieval.reading import ImportSummary

    from .vertical import Vertical

_PAGE = 100


class IndexHandle:
    """An index bound to its vertical. Its methods open it; opening loads the encoder.

    What other processes write is found by the next search. Where another process is the writer, this one reads, and
    becomes the writer with the first change after that process has let go.

    Args:
        vertical: that declares it.
        noun: the declaration.
        tenant: whose documents; each tenant has the starter documents and its own.

    Raises:
        BadInput: the name cannot be one of a tenant.
    """

    def __init__(self, vertical: Vertical, noun: Index, tenant: str = DEFAULT) -> None:
        self.vertical, self.noun, self.name, self.tenant = vertical, noun, noun.name, tenant
        self._home = vertical.host.home / "indexes" / vertical.name / noun.name
        self.folder = tenants.folder_of(self._home, tenant)
        self._open = OpenIndex(vertical, noun, tenant, self.folder)

    def of(self, tenant: str) -> IndexHandle:
        """The same index with another tenant's documents.

        Raises:
            BadInput: the name cannot be one of a tenant.
        """
        return self.vertical.index(self.name, tenant)

    def tenants(self) -> list[str]:
        """The tenants that have documents of their own here, besides the default one."""
        return tenants.tenants_in(self._home)

    @property
    def opened(self) -> DocumentIndex:
        """The index itself, opened on first use; for reading only while another process writes to it."""
        return self._open.index

    def open(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Open it now rather than on first use.

        Args:
            progress: told how many of the starter documents are embedded, where some have to be.
        """
        self._open.open(progress)

    @contextmanager
    def _using(self, *, writing: bool = False) -> Iterator[DocumentIndex]:
        with self._open.use(writing=writing) as index:
            yield index
        if self.tenant != DEFAULT:
            self.vertical.host.open_tenants.note(self)

    @property
    def bare_embedding(self) -> str | None:
        """Names the vectors of the bare encoder, where it makes this index's; `None` where a head does."""
        return None if self.noun.head else self.vertical.host.encoder_source.identity

    def search(
        self,
        text: str | Embedded,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        rerank: bool | str = False,
        **options: Any,
    ) -> list[Hit]:
        """The best ``k`` hits, best first; see `verticals.retrieval.DocumentIndex.search`.

        Args:
            text, k, where, mode, options: see there.
            rerank: let the live version of the index's ``reranker`` order the best hits anew; or another version, by
                its name as ``v3``.

        Raises:
            BadInput: it is to be re-ranked, and the index names no head for it.
            Unavailable: that head has no live version.
            NotFound: it has no version of this name.
        """
        judge = self._judge("live" if rerank is True else rerank) if rerank else None
        with self._using() as index:
            return index.search(text, k=k, where=where, mode=mode, rerank=judge, **options)

    def _judge(self, version: str) -> Callable[[str, Sequence[Document]], list[float]]:
        if not self.noun.reranker:
            raise BadInput(
                f"{self.vertical.name}/{self.name} has no head that re-ranks.",
                "Name one in its declaration: Index(…, reranker=…).",
            )
        from verticals.retrieval.embedding import embedded_text

        head = self.vertical.head(self.noun.reranker)

        def judge(query: str, documents: Sequence[Document]) -> list[float]:
            texts = [embedded_text(one.title, one.text) for one in documents]
            if head.noun.objective == "score":
                pairs = [dict(zip(head.noun.inputs, (query, text), strict=True)) for text in texts]
                return [answer.value or 0.0 for answer in head.predict(pairs, version)]
            candidates = {str(number): text for number, text in enumerate(texts)}
            found = dict(head.predict({"query": query, "candidates": candidates}, version)[0].ranking) if texts else {}
            return [found[name] for name in candidates]

        return judge

    def get(self, id: str) -> Document:  # noqa: A002 - the field's own name
        """One document.

        Raises:
            NotFound: there is none of this id.
        """
        with self._using() as index:
            return index.get(id)

    def upsert(self, documents: Iterable[Document]) -> Changes:
        """Add or replace documents; durable when this returns, and searchable at once.

        Raises:
            Conflict: another process writes to the index; the message names it, and the server's address if it is one.
        """
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            given = list(documents)
            changes: Changes = elsewhere.call("upsert", self.vertical.name, self.name, self.tenant, given)
            return changes
        with self._using(writing=True) as index:
            return index.upsert(documents)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove documents; how many there were.

        Raises:
            Conflict: see `upsert`.
        """
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            return int(elsewhere.call("delete", self.vertical.name, self.name, self.tenant, list(ids)))
        with self._using(writing=True) as index:
            return index.delete(ids)

    def import_files(
        self,
        paths: Iterable[Path | str],
        *,
        name: str = "",
        size: int = 1_000,
        encoding: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> ImportSummary:
        """Bring the index up to what files and folders hold; see `verticals.retrieval.reading.import_files`."""
        from verticals.retrieval.reading import import_files

        with self._importing():
            return import_files(self, paths, name=name, size=size, encoding=encoding, progress=progress)

    def import_uploads(
        self, sent: Iterable[tuple[str, Path]], *, name: str = "", size: int = 1_000, encoding: str | None = None
    ) -> ImportSummary:
        """Bring the index up to what files that were sent hold; see `verticals.retrieval.reading.import_uploads`."""
        from verticals.retrieval.reading import import_uploads

        with self._importing():
            return import_uploads(self, sent, name=name, size=size, encoding=encoding)

    def documents(self, after: str = "", limit: int = 100) -> list[Document]:
        """Up to ``limit`` documents in the order of their ids, from the first one behind the id ``after``."""
        with self._using() as index:
            return index.documents(after, limit)

    def every(self, after: str = "") -> Iterator[Document]:
        """All documents behind the id ``after`` in the order of their ids, few in memory at a time.

        One that is there all the while comes exactly once, whatever is written meanwhile.
        """
        while page := self.documents(after, _PAGE):
            yield from page
            after = page[-1].id

    def export(self, path: Path) -> int:
        """Write all documents to a ``.jsonl`` or ``.parquet`` file, whole or not at all; how many there were.

        Raises:
            BadInput: the path cannot be that of such a file.
            StorageError: the file cannot be written.
        """
        from verticals.retrieval import export_file

        return export_file(self.every(), path)

    def load(
        self, path: Path, *, encoding: str | None = None, progress: Callable[[Progress], None] | None = None
    ) -> Loaded:
        """Store the documents of a file that `export` wrote, or one like it; see `verticals.retrieval.load_file`."""
        from verticals.retrieval import load_file

        self.upsert([])  # where it cannot be written to, that is to be known before a long file is read
        return load_file(path, self.upsert, encoding=encoding, progress=progress)

    def line_loader(self) -> LineLoader:
        """What stores JSON lines as they come in."""
        from verticals.retrieval import LineLoader

        return LineLoader(self.upsert)

    def facts(self) -> IndexFacts:
        """How many documents there are, at which change, and what makes their vectors."""
        with self._using() as index:
            facts = index.facts()
        writable = facts.writable or self.vertical.host.elsewhere is not None or self._open.writer.holder() is None
        return replace(facts, writable=writable)

    def reembed(
        self, *, force: bool = False, switch: bool = True, progress: Callable[[Progress], None] | None = None
    ) -> Reembedded | None:
        """Do now, at full speed, what happens in the background after a promotion; see `DocumentIndex.reembed`.

        Args:
            force: let the live version's vectors take over even if they answer worse.
            switch: whether to let them take over at all; else they are only computed and compared.
            progress: told now and then.

        Returns:
            What came of it; `None` where the live version's vectors are in use already.

        Raises:
            Conflict: another process writes to the index.
        """
        with self._using(writing=True) as index:
            return self._open.reembed(index, force=force, switch=switch, progress=progress)

    def begin_reembedding(self, *, force: bool = False) -> None:
        """Have the background look now whether another version is live, and embed the documents anew if so.

        Args:
            force: let its vectors take over even if they answer worse.

        Raises:
            Conflict: another process writes to the index, and is not asked by this one.
        """
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            elsewhere.call("reembed", self.vertical.name, self.name, self.tenant, force)
            return
        with self._using(writing=True):
            pass
        self._open.look(force=force)

    def snapshot(self) -> None:
        """Write what was derived from the documents to the disk, so that the next start has nothing to catch up on."""
        with self._using(writing=True) as index:
            index.snapshot()

    def probe(self, texts: Sequence[str] = (), *, queries: int = 256) -> Probe:
        """Compare searches by meaning with exact search; see `verticals.retrieval.DocumentIndex.probe`."""
        with self._using() as index:
            return index.probe(texts, queries=queries)

    def tune(self, recall: float = 0.95) -> Tuning:
        """Find how much a search must look at for this recall; see `verticals.retrieval.DocumentIndex.tune`."""
        with self._using(writing=True) as index:
            return index.tune(recall)

    def count(self) -> int:
        """How many documents there are."""
        with self._using() as index:
            return index.count()

    def remove(self) -> None:
        """Remove all that this tenant has in the index: its folder.

        Raises:
            BadInput: it is the default tenant.
            Conflict: another process writes to it.
            NotFound: the tenant has nothing here.
        """
        if self.tenant != DEFAULT and self.tenant not in self.tenants():
            raise NotFound.named("tenant", self.tenant, self.tenants(), of=str(self))
        self.close()
        try:
            with self._open.writer:
                tenants.remove(self._home, self.tenant)
        except Conflict as error:
            told = f"The index {self} is open in process {self._open.writer.holder() or 'that has just ended'}."
            remedy = f"Stop it and try again, or remove the folder {self.folder}: a server notices that."
            raise Conflict(told, remedy) from error

    def close(self, *, idle: bool = False) -> bool:
        """Close the index if it is open; with ``idle`` only where nobody uses it. Whether it is closed now."""
        return self._open.close(idle=idle)

    def __str__(self) -> str:
        return self._open.name

    @contextmanager
    def _importing(self) -> Iterator[None]:
        """One import at a time: two that hold different states of a file would take each other's passages for gone."""
        from verticals.files import FileLock

        self.delete([])  # where it cannot be written to, that is to be known before anything is read
        lock = FileLock(self.folder / "import.lock", f"The index {self}")
        try:
            lock.acquire()
        except Conflict as error:
            raise Conflict(
                f"Files are being imported into {self} already.", "Try again when that has ended."
            ) from error
        try:
            yield
        finally:
            lock.release()
