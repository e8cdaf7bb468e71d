"""One index of one vertical: opened when it is first needed, with the plugin's starter documents in it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, Conflict, Document, Hit, Index, NotFound, PlatformError, PluginError, resolve

from .following import Follower
from .index_models import Embed, IndexModels

if TYPE_CHECKING:
    from verticals.contract import Progress
    from verticals.retrieval import Changes, DocumentIndex, IndexFacts, LineLoader, Loaded, Reembedded
    from verticals.retrieval.reading import ImportSummary

    from .vertical import Vertical

_STARTER = "starter.json"
_PAGE = 100


class IndexHandle:
    """An index bound to its vertical. Its methods open it; opening loads the encoder.

    Args:
        vertical: that declares it.
        noun: the declaration.
    """

    def __init__(self, vertical: Vertical, noun: Index) -> None:
        self.vertical, self.noun, self.name = vertical, noun, noun.name
        self._models = IndexModels(vertical, noun)
        self._opened: DocumentIndex | None = None
        self._follower: Follower | None = None
        self._lock = threading.Lock()
        self._anew = threading.Lock()

    @property
    def opened(self) -> DocumentIndex:
        """The index itself, opened on first use; for reading only while another process writes to it."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def search(
        self,
        text: str,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        rerank: bool = False,
        **options: Any,
    ) -> list[Hit]:
        """The best ``k`` hits, best first; see `verticals.retrieval.DocumentIndex.search`.

        Args:
            text, k, where, mode, options: see there.
            rerank: let the live version of the index's ``reranker`` order the best hits anew.

        Raises:
            BadInput: it is to be re-ranked, and the index names no head for it.
            Unavailable: that head has no live version.
        """
        judge = self._judge() if rerank else None
        return self.opened.search(text, k=k, where=where, mode=mode, rerank=judge, **options)

    def _judge(self) -> Callable[[str, Sequence[Document]], list[float]]:
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
                return [answer.value or 0.0 for answer in head.predict(pairs)]
            candidates = {str(number): text for number, text in enumerate(texts)}
            found = dict(head.predict({"query": query, "candidates": candidates})[0].ranking) if texts else {}
            return [found[name] for name in candidates]

        return judge

    def get(self, id: str) -> Document:  # noqa: A002 - the field's own name
        """One document.

        Raises:
            NotFound: there is none of this id.
        """
        return self.opened.get(id)

    def upsert(self, documents: Iterable[Document]) -> Changes:
        """Add or replace documents; durable when this returns, and searchable at once."""
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            changes: Changes = elsewhere.call("upsert", self.vertical.name, self.name, list(documents))
            return changes
        return self.opened.upsert(documents)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove documents; how many there were."""
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            return int(elsewhere.call("delete", self.vertical.name, self.name, list(ids)))
        return self.opened.delete(ids)

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

        try:
            self.delete([])
        except Conflict as error:
            raise Conflict(
                f"The index {self.vertical.name}/{self.name} is written by another process.",
                "Stop what serves it, import, and start it again.",
            ) from error
        return import_files(self, paths, name=name, size=size, encoding=encoding, progress=progress)

    def documents(self, after: str = "", limit: int = 100) -> list[Document]:
        """Up to ``limit`` documents in the order of their ids, from the first one behind the id ``after``."""
        return self.opened.documents(after, limit)

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
        facts = self.opened.facts()
        return facts if self.vertical.host.elsewhere is None else replace(facts, writable=True)

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
        index = self._own()
        with self._anew:
            followed = self._follower is not None
            self._leave()
            try:
                embed, embedding = self._models.wanted()
                questions = self._models.questions
                return index.reembed(embed, embedding, questions, force=force, switch=switch, progress=progress)
            finally:
                if switch and followed:
                    self._follow(index)

    def begin_reembedding(self, *, force: bool = False) -> None:
        """Have the background look now whether another version is live, and embed the documents anew if so.

        Args:
            force: let its vectors take over even if they answer worse.

        Raises:
            Conflict: another process writes to the index, and is not asked by this one.
        """
        if (elsewhere := self.vertical.host.elsewhere) is not None:
            elsewhere.call("reembed", self.vertical.name, self.name, force)
            return
        self._own()
        if (follower := self._follower) is not None:
            follower.wake(force=force)

    def _own(self) -> DocumentIndex:
        """The index, if this process writes it."""
        if not self.opened.facts().writable:
            raise Conflict(
                f"The index {self.vertical.name}/{self.name} is written by another process.",
                "A server embeds documents anew by itself, or is asked to: POST "
                f"/v1/platform/indexes/{self.vertical.name}/{self.name}/reembed.",
            )
        return self.opened

    def snapshot(self) -> None:
        """Write what was derived from the documents to the disk, so that the next start has nothing to catch up on."""
        self.opened.snapshot()

    def count(self) -> int:
        """How many documents there are."""
        return self.opened.count()

    def close(self) -> None:
        """Close the index if it is open."""
        with self._lock:
            if self._opened is not None:
                self._leave()
                self._opened.close()
                self._opened = None

    def _open(self) -> DocumentIndex:
        from verticals.retrieval import DocumentIndex

        host = self.vertical.host
        folder = host.home / "indexes" / self.vertical.name / self.name
        embed, embedding = self._embedding()
        noun = self.noun
        open_index = partial(
            DocumentIndex.open, folder, embed, language=noun.language, embedding=embedding, kind=noun.kind,
            former=self._models.former,
        )  # fmt: skip
        try:
            index = open_index()
        except Conflict:
            return open_index(writable=False)
        try:
            load_starters(index, self._starters(), folder / _STARTER)
        except BaseException:
            index.close()
            raise
        if noun.head or index.facts().embedding != embedding:
            self._follow(index)
        return index

    def _follow(self, index: DocumentIndex) -> None:
        self._follower = Follower(index, self._models, f"{self.vertical.name}/{self.name}")

    def _leave(self) -> None:
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def _embedding(self) -> tuple[Embed, str]:
        """What makes the vectors, and its name."""
        return self._models.wanted()

    def _starters(self) -> list[Document]:
        try:
            documents = list(resolve(self.noun.documents)())
        except PlatformError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"The starter documents of {self.vertical.name}/{self.name} cannot be had: {told}."
            ) from error
        for document in documents:
            if not isinstance(document, Document):
                raise PluginError(
                    f"A starter document of {self.vertical.name}/{self.name} is a {type(document).__name__}.",
                    "Yield objects of type Document.",
                )
        return documents


def load_starters(index: DocumentIndex, starters: Iterable[Document], memory: Path) -> None:
    """Bring the starter documents of an index up to what the plugin now has, and leave the user's alone.

    A document is the user's when no starter put it there, or when it was changed or deleted since. What was loaded
    is remembered by content, in the file ``memory``.
    """
    from verticals.files import write_file

    remembered: dict[str, str] = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    wanted = {document.id: document for document in starters}
    digests = {name: _digest(document) for name, document in wanted.items()}
    if digests == remembered:
        return
    changed = [name for name in wanted if digests[name] != remembered.get(name)]
    fresh = [wanted[name] for name in changed if _present(index, name) == remembered.get(name)]
    gone = [name for name in remembered if name not in wanted and _present(index, name) == remembered[name]]
    index.upsert(fresh)
    index.delete(gone)
    write_file(memory, json.dumps(digests, indent=0, sort_keys=True).encode())


def _present(index: DocumentIndex, id: str) -> str | None:  # noqa: A002
    """The digest of the document that the index holds, if it does."""
    try:
        return _digest(index.get(id))
    except NotFound:
        return None


def _digest(document: Document) -> str:
    content = [document.text, document.title, document.source, dict(document.metadata)]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
