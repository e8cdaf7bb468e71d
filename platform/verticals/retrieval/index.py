"""Searchable documents: the face of this room."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from verticals.contract import BadInput, Conflict, Document, Hit, NotFound, Progress, StorageError, Weights
from verticals.files import FileLock
from verticals.files.atomic import explained

from . import kinds, probing
from .calibration import QUERIES
from .changes import Changes, batches
from .comparing import Compared, Question
from .embedding import Embed, Embedded, Embedder, Former, Models, digest, embedded_texts
from .facts import IndexFacts, Reembedding
from .filters import encode_metadata
from .libraries import load_faiss, load_tantivy
from .probing import Probe, Tuning
from .reembedding import Pace, Reembedded, Takeover, take_over
from .replica import Replica
from .schema import no_index
from .search import Rerank, Search, valid_unicode
from .truth import Entry, Truth

_LOG = logging.getLogger(__name__)

# Searches replay what is new, so single changes cost one commit; after so many the writer replays by itself, lest a
# search has to wait for all of a long upsert.
_REPLAY_EVERY = 4_000


class DocumentIndex:
    """Documents that can be found by meaning and by words; made by `DocumentIndex.open`.

    One process may have an index open for writing, any number for reading. All methods may be called from any thread,
    and a search sees every change that was committed before it began, in whatever process.
    """

    def __init__(
        self,
        folder: Path,
        truth: Truth,
        replica: Replica,
        models: Models,
        lock: FileLock | None,
        weights: Weights | None = None,
    ) -> None:
        self.folder = folder
        self._truth = truth
        self._replica = replica
        self._models = models
        self._lock = lock
        self._weights = weights
        self._writing = threading.RLock()
        self._reembedding = threading.Lock()
        self._before_closing: list[Callable[[], None]] = []
        self._not_replayed = 0

    @classmethod
    def open(
        cls,
        folder: Path,
        embed: Embed,
        *,
        language: str = "en",
        embedding: str = "",
        former: Former | None = None,
        kind: str = kinds.AUTO,
        weights: Weights | None = None,
        device: str = "auto",
        writable: bool = True,
    ) -> DocumentIndex:
        """Open the index in ``folder``; for writing, create it where there is none.

        Args:
            folder: where it is kept.
            embed: turns texts into vectors, float32 [n, dimension].
            language: ISO 639-1 code that chooses the stemmer of the lexical part.
            embedding: names what ``embed`` computes.
            former: gives that function for the name that the stored vectors have, where it is another one; then the
                index goes on with those until `reembed` has replaced them. Where it gives `None`, a writer computes
                them all again before this returns; killed meanwhile, the next one goes on where it stopped.
            kind: how the vectors are kept: ``auto`` by their number, ``exact``, ``ivf-sq8``, ``ivf-pq`` or ``hnsw``;
                another one than before is built while searches go on with the present one.
            weights: how much meaning and words count in a search that joins their scores and gives none.
            device: where searches by meaning compare vectors: ``auto``: where there is much to compare on a GPU, if
                the installed faiss sees one; ``cpu``; ``cuda`` or ``cuda:<number>``: on this GPU whenever it can.
            writable: whether to write or only to read.

        Raises:
            BadInput: there is no such kind.
            Conflict: another process writes to it, a newer release wrote it, or, for a reader, its vectors are of
                another embedding.
            NotFound: there is nothing to read yet.
            Damaged: the documents themselves cannot be read.
            StorageError: the folder cannot be written, or the disk is full.
            Unavailable: FAISS or tantivy is not installed.
        """
        kinds.checked(kind)
        load_faiss()
        load_tantivy()
        path = folder / "documents.db"
        embedder = Embedder(embed, embedding)
        models = Models(embedder, former)
        with contextlib.ExitStack() as opened:
            lock = None
            if writable:
                lock = FileLock(folder / "writer.lock", f"The index {folder}")
                with explained(folder):
                    opened.enter_context(lock)
            elif not path.exists():
                raise no_index(folder)
            truth = opened.enter_context(contextlib.closing(Truth(path, create=writable)))
            with truth.reading() as reading:
                known = bool(reading.count()) and models.has(reading.embedding)
            if writable and not known:
                take_over(truth, embedder)
            with truth.reading() as reading:
                models.of(reading)
            replica = Replica(folder, truth, language, kind, device, writable=writable)
            opened.pop_all()
        return cls(folder, truth, replica, models, lock, weights)

    def upsert(self, documents: Iterable[Document]) -> Changes:
        """Add documents, or replace those that have the same ids; of several with one id the last counts.

        Documents are committed in batches of 512, each of them whole and durable; when this returns, all are, and
        searches find them. Only documents whose title, text or wordings changed are embedded.

        Raises:
            BadInput: a document cannot be stored; the batches before it are.
            StorageError: the disk is full; the batches before are stored.
        """
        self._check_writable()
        added = updated = unchanged = 0
        with self._writing:
            for batch in batches(documents):
                changes = self._upsert_batch(batch)
                added, updated = added + changes.added, updated + changes.updated
                unchanged += changes.unchanged
                self._keep_up(changes.added + changes.updated)
        return Changes(added, updated, unchanged)

    def _upsert_batch(self, batch: Mapping[str, Document]) -> Changes:
        digests = {identity: digest(one.title, one.text, one.wordings) for identity, one in batch.items()}
        metadata = {identity: encode_metadata(identity, document.metadata) for identity, document in batch.items()}
        with self._truth.reading() as reading:
            known = reading.known(batch)
            same_text = {
                identity: stored.row for identity, stored in known.items() if stored.digest == digests[identity]
            }
            same = {
                identity
                for identity in same_text
                if known[identity].title == batch[identity].title
                and known[identity].source == batch[identity].source
                and known[identity].metadata == metadata[identity]
            }
            rows, there = reading.vectors_in([row for identity, row in same_text.items() if identity not in same])
            kept = dict(zip(rows.tolist(), there, strict=True))
            embedder, dimension = self._models.of(reading), reading.dimension
        vectors = {identity: kept[row] for identity, row in same_text.items() if row in kept}
        new = [document for identity, document in batch.items() if identity not in same_text]
        if new:
            texts = [embedded_texts(one.title, one.text, one.wordings) for one in new]
            computed = embedder.documents(texts, dimension)
            vectors |= {document.id: vector for document, vector in zip(new, computed, strict=True)}
        if vectors:
            with self._truth.writing() as writing:
                writing.remove(known[identity].row for identity in vectors if identity in known)
                writing.put(
                    [
                        Entry(batch[identity], metadata[identity], digests[identity], vector)
                        for identity, vector in vectors.items()
                    ]
                )
        updated = sum(identity in known for identity in vectors)
        return Changes(added=len(vectors) - updated, updated=updated, unchanged=len(same))

    def delete(self, ids: Iterable[str]) -> int:
        """Delete the documents that have these ids; how many there were.

        Raises:
            BadInput: ``ids`` is one string instead of several.
        """
        self._check_writable()
        if isinstance(ids, str):
            raise BadInput("delete takes several ids, not one string.", "Put it into a list.")
        with self._writing:
            with self._truth.reading() as reading:
                known = reading.known(ids)
            if known:
                with self._truth.writing() as writing:
                    writing.remove(stored.row for stored in known.values())
                self._keep_up(len(known))
        return len(known)

    def get(self, id: str) -> Document:  # noqa: A002
        """The document that has this id.

        Raises:
            NotFound: there is none.
        """
        with self._truth.reading() as reading:
            document = reading.document(valid_unicode(id))
        if document is None:
            raise NotFound(f"There is no document {id!r} in the index {self.folder.name!r}.", "Ids are case-sensitive.")
        return document

    def count(self) -> int:
        """How many documents there are."""
        with self._truth.reading() as reading:
            return reading.count()

    def facts(self) -> IndexFacts:
        """What there is to know about the index as it is now."""
        with self._truth.reading() as reading:
            count, coming, anew = reading.count(), reading.coming, None
            if (name := coming.embedding) is not None:
                anew = Reembedding(name, coming.done(), count, Compared.read(coming.held_back))
            return IndexFacts(
                documents=count,
                change=reading.change,
                embedding=reading.embedding,
                dimension=reading.dimension,
                writable=self._lock is not None,
                reembedding=anew,
                compared=Compared.read(reading.compared()),
            )

    def documents(self, after: str = "", limit: int = 100) -> list[Document]:
        """Up to ``limit`` documents in the order of their ids, from the first one behind the id ``after``."""
        with self._truth.reading() as reading:
            return reading.documents(after, limit)

    def search(
        self,
        text: str | Embedded,
        *,
        k: int = 10,
        offset: int = 0,
        where: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        minimum_similarity: float | None = None,
        fusion: str = "scores",
        weights: Weights | None = None,
        diversity: float = 0.0,
        fold: bool = False,
        rerank: Rerank | None = None,
        rerank_weight: float = 1.0,
        rerank_depth: int = 50,
    ) -> list[Hit]:
        """The ``k`` documents that answer ``text`` best, best first; fewer where there are fewer.

        Args:
            text: the query, any text: it has no syntax. An empty one finds nothing. One whose vector is known already
                is not embedded again, if the index holds vectors of that embedding.
            k: how many hits at most.
            offset: how many of the best to pass over, to turn pages.
            where: metadata that hits must have, ``{"topic": "returns"}`` or ``{"year": {"$gte": 2025}}``; the search is
                among these documents only. See `verticals.retrieval.filters` for what can be said.
            mode: ``hybrid`` fuses both rankings; ``dense`` is by meaning only, ``lexical`` by words only.
            fusion: of a hybrid search: ``scores`` (cosine and BM25, weighted) or ``ranks`` (reciprocal rank fusion).
            minimum_similarity: leave out hits whose cosine with the query is lower.
            weights: how much meaning and words count in it; of scores as `open` was told, else 0.6 and 0.4; of ranks
                1 and 1.
            diversity: from 0 (the best) to 1: how much hits are to differ from those before them.
            fold: give only the best of documents with the same title and text, and name the others in it.
            rerank: says how well each of the best hits answers the query, and so orders them anew.
            rerank_weight: how much that counts beside the score that the hits had, 0 to 1; 1: it alone.
            rerank_depth: how many of the best it sees; never fewer than are asked for.

        Raises:
            BadInput: a parameter cannot be used.
            Conflict: a writer replaced the embedding since this index was opened, by one that cannot be had here.
        """
        if weights is None and fusion == "scores":
            weights = self._weights
        search = Search(
            text=text, k=k, offset=offset, where=where, mode=mode, fusion=fusion,
            minimum_similarity=minimum_similarity, weights=weights, diversity=diversity, fold=fold, rerank=rerank,
            rerank_weight=rerank_weight, rerank_depth=rerank_depth,
        )  # fmt: skip
        return search.run(self._replica, self._models)

    def snapshot(self) -> None:
        """Save the derived parts as they are now, so that the next start has nothing to replay.

        Happens by itself when the index is closed, and when much has changed. Waits where the vectors are being put
        into another kind of index.

        Raises:
            StorageError: the disk is full or not writable; no document is lost.
        """
        self._check_writable()
        self._replica.finish()
        self._replica.snapshot()

    def probe(self, texts: Sequence[str] = (), *, queries: int = QUERIES) -> Probe:
        """Compare searches by meaning with exact search: recall@10, time of single queries, memory.

        Args:
            texts: queries to ask; without any, stored vectors that were changed a little.
            queries: how many of those.

        Raises:
            NotFound: the index is empty.
        """
        with self._replica.current() as state:
            asked = self._models.of(state.reading)(list(texts), state.reading.dimension) if texts else None
            return probing.probe(state.dense, state.reading, asked, queries, self.folder.name)

    def tune(self, recall: float = 0.95) -> Tuning:
        """Find how much of the index a search must look at for this recall@10, and keep to it from now on.

        Builds of another kind that come later are measured for the same recall. Readers in other processes take it
        over when they open the index again.

        Raises:
            BadInput: the recall is not above 0 and at most 1.
            NotFound: the index is empty.
            Conflict: it is open for reading only.
        """
        probing.check_recall(recall)
        self._check_writable()
        self._replica.finish()
        with self._replica.current() as state:
            tuning = probing.tune(state.dense, state.reading, recall, self.folder.name)
        self._replica.tune(tuning.settled)
        return tuning

    def reembed(
        self,
        embed: Embed,
        embedding: str,
        questions: Callable[[], Sequence[Question]] = tuple,
        *,
        force: bool = False,
        switch: bool = True,
        pace: Pace | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Reembedded | None:
        """Replace all vectors by another model's, while searches and changes go on with the present ones.

        Searches change over in one step: none ever compares a query of one model with vectors of the other. Ended in
        whatever way, it goes on where it stopped when it is called again.

        Args:
            embed, embedding: as `open` takes them.
            questions: what to ask both models before; asked for once all vectors are there.
            force: replace them even if what answers the questions then stands further back (MRR@10 is lower).
            switch: whether to replace them; else the new ones are computed and compared, and stay where they are.
            pace: how fast, and when to stop.
            progress: told now and then.

        Returns:
            What came of it; `None` where the index holds this model's vectors already.

        Raises:
            Conflict: the index is open for reading only, or is being embedded anew already.
            Unavailable: it was stopped.
            StorageError: the disk is full.
        """
        self._check_writable()
        if not self._reembedding.acquire(blocking=False):
            raise Conflict(f"The documents of {self.folder} are being embedded anew already.", "Wait until they are.")
        try:
            embedder = Embedder(embed, embedding)
            self._models.add(embedder)
            work = Takeover(
                self._truth,
                self._replica,
                self._models,
                self._writing,
                embedder,
                pace or Pace(),
                progress,
                self._weights,
            )
            return work.run(questions, force=force, switch=switch)
        finally:
            self._reembedding.release()

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._lock is not None

    def before_closing(self, call: Callable[[], None]) -> None:
        """Have this called when the index is closed, while it is still open: what works on it ends there."""
        self._before_closing.append(call)

    def close(self, *, save: bool = True) -> None:
        """Save what a restart would have to replay, and let the next writer in; harmless when it is closed.

        Args:
            save: whether to save; not where the folder has been removed, which would bring some of it back.
        """
        if self._truth.closed:
            return
        while self._before_closing:
            self._before_closing.pop()()
        with self._writing:
            try:
                if save and self._lock is not None and self._replica.unsaved:
                    self._replica.snapshot()
            except StorageError as error:
                # The snapshot only makes the next start faster; the documents are safe.
                _LOG.warning("The index %s was closed without a snapshot: %s", self.folder, error)
            finally:
                self._replica.close()
                self._truth.close()
                if self._lock is not None:
                    self._lock.release()

    def __enter__(self) -> DocumentIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep_up(self, changed: int) -> None:
        self._not_replayed += changed
        if self._not_replayed >= _REPLAY_EVERY:
            self._replica.keep_up()
            self._not_replayed = 0

    def _check_writable(self) -> None:
        if self._lock is None:
            raise Conflict(f"The index {self.folder} is open for reading only.", "Open it with writable=True.")
