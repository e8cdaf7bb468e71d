"""An index while its vertical serves."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import Document, Hit

from .threads import in_thread
from .vectors import vectors_of

if TYPE_CHECKING:
    from verticals.retrieval import Changes, Embedded, IndexFacts, Loaded
    from verticals.retrieval.reading import ImportSummary

    from .indexes import IndexHandle
    from .served_head import Answerer

_PIECE_BYTES = 1 << 20
_PAGE = 100


class ServedIndex:
    """An index of a running vertical.

    Args:
        index: that is searched.
        queue: computes the vectors to search by.
    """

    def __init__(self, index: IndexHandle, queue: Answerer) -> None:
        self._index, self._queue = index, queue

    async def search(
        self, text: str, *, k: int = 10, where: Mapping[str, Any] | None = None, mode: str = "hybrid", **options: Any
    ) -> list[Hit]:
        """The best ``k`` hits, best first; see `verticals.retrieval.DocumentIndex.search`."""
        asked = await self._embedded(text) if mode != "lexical" else text
        return await in_thread(self._index.search, asked, k=k, where=where, mode=mode, **options)

    async def search_each(self, text: str, searches: Iterable[Mapping[str, Any]]) -> list[list[Hit]]:
        """What several searches for one text find, in their order: it is embedded once, and they share what they can.

        Args:
            text: the query.
            searches: how to search, each as `search` takes it.
        """
        chosen = list(searches)
        asked = await self._embedded(text) if any(one.get("mode") != "lexical" for one in chosen) else text
        return await in_thread(lambda: [self._index.search(asked, **one) for one in chosen])

    async def _embedded(self, text: str) -> str | Embedded:
        """The text with its vector, computed in one batch with what others ask for; not where a head computes it."""
        from verticals.retrieval import Embedded, valid_unicode

        if self._index.bare_embedding is None or not text.strip():
            return text
        asked = valid_unicode(text)
        (vector,) = await vectors_of([asked], self._queue, self._index.tenant)
        return Embedded(asked, self._index.bare_embedding, vector)

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
