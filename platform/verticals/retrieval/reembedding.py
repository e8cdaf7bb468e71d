"""All vectors of an open index replaced by another model's, while searches and changes go on with the present ones.

The new vectors gather beside the old ones in the truth, so what was done is kept whatever happens. When all are there,
a dense part is built of them and both models are asked the same questions. Then one commit switches; searches take the
new dense part with the first state that has it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verticals.contract import Progress, Unavailable, Weights

from .comparing import Compared, Question, compare
from .dense import Dense
from .embedding import Embedder, Models, embedded_texts
from .replica import Replica
from .truth import Truth

_LOG = logging.getLogger(__name__)
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What came of it.

    Args:
        before: names the embedding that the index held.
        after: names the other one.
        switched: whether the other one has taken over.
        documents: how many were embedded now; those of an earlier attempt are not among them.
        compared: how the two compare; `None` where there was nothing to compare.
        seconds: all of it took.
    """

    before: str
    after: str
    switched: bool
    documents: int
    compared: Compared | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it goes on.

    Args:
        batch: documents embedded at once, at most.
        seconds: that a batch may take, for whoever else asks the model waits for so long; 0: as many as it takes.
        share: of the time that is worked; in the rest others may.
        stop: once it is set, what is under way ends within a batch; what was done is kept.
    """

    batch: int = _BATCH
    seconds: float = 0.0
    share: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)

    def after(self, size: int, took: float) -> int:
        """How many documents to embed at once after ``size`` of them took so many seconds."""
        return self.batch if not self.seconds else max(1, min(self.batch, 2 * size, int(size * self.seconds / took)))

    def rest(self, worked: float) -> None:
        """Let others work after so many seconds, and see whether to go on.

        Raises:
            Unavailable: it is to stop.
        """
        if self.stop.wait(worked * (1 / self.share - 1)) if self.share < 1 else self.stop.is_set():
            raise Unavailable("Embedding the documents anew was stopped.", "It goes on where it stopped.")


class Takeover:
    """One change of the model.

    Args:
        truth, replica, models: of the index.
        writing: held while documents are written.
        embedder: the model to come.
        pace: of the work.
        progress: told now and then.
        weights: of the searches that are compared.
    """

    def __init__(
        self,
        truth: Truth,
        replica: Replica,
        models: Models,
        writing: threading.RLock,
        embedder: Embedder,
        pace: Pace,
        progress: Callable[[Progress], None] | None,
        weights: Weights | None = None,
    ) -> None:
        self._truth, self._replica, self._models, self._writing = truth, replica, models, writing
        self._embedder, self._pace, self._progress, self._weights = embedder, pace, progress, weights
        self._documents = 0
        self._began = self._stage_began = time.monotonic()

    def run(self, questions: Callable[[], Sequence[Question]], *, force: bool, switch: bool) -> Reembedded | None:
        """See `DocumentIndex.reembed`."""
        if (before := self._needed()) is None:
            return None
        with self._truth.writing() as writing:
            writing.coming.begin(self._embedder.name)
        while True:
            embed_all(self._truth, self._embedder, self._pace, self._told)
            if (coming := self._replica.coming(self._pace.stop.is_set)) is not None:
                break
            self._pace.rest(0.0)
        compared = self._compared(questions(), coming)
        worse = compared is not None and compared.worse
        switched = switch and (force or not worse)
        if switched:
            self._switch(coming, compared)
        elif switch and compared is not None:
            with self._truth.writing() as writing:
                writing.coming.hold_back(compared.json())
        seconds = time.monotonic() - self._began
        return Reembedded(before, self._embedder.name, switched, self._documents, compared, seconds)

    def _needed(self) -> str | None:
        """What the index holds, if that is another model's vectors."""
        name = self._embedder.name
        with self._writing:
            with self._truth.reading() as reading:
                before, empty, coming = reading.embedding, not reading.count(), reading.coming.embedding
            if before != name and not empty:
                return before
            if before != name or coming is not None:
                with self._truth.writing() as writing:
                    writing.coming.forget()
                    if before != name:
                        writing.name_embedding(name)
        return None

    def _compared(self, questions: Sequence[Question], coming: Dense) -> Compared | None:
        self._stage_began = began = time.monotonic()

        def each(done: int, total: int) -> None:
            nonlocal began
            self._tell("comparing", done, total, "questions", done)
            self._pace.rest(time.monotonic() - began)
            began = time.monotonic()

        with self._replica.current() as state:
            models = self._models.of(state.reading), self._embedder
            return compare(questions, state, models, coming, each, self._weights)

    def _switch(self, coming: Dense, compared: Compared | None) -> None:
        self._replica.offer(coming)
        embed_all(self._truth, self._embedder, self._pace, self._told)
        with self._writing:
            embed_all(self._truth, self._embedder, self._pace, self._told)  # what was written a moment ago
            with self._truth.writing() as writing:
                writing.switch(compared.json() if compared else "")
            self._replica.refresh()

    def _told(self, now: int, done: int, total: int) -> None:
        self._documents += now
        self._tell("embedding", done, total, "documents", self._documents)

    def _tell(self, stage: str, done: int, total: int, unit: str, worked: int) -> None:
        if self._progress is not None:
            seconds = time.monotonic() - self._stage_began
            rate = worked / seconds if seconds > 0 else 0.0
            self._progress(Progress(stage, done, total, unit, rate, (total - done) / rate if rate else 0.0))


def embed_all(
    truth: Truth, embedder: Embedder, pace: Pace, told: Callable[[int, int, int], None] = lambda now, done, total: None
) -> None:
    """Compute the coming model's vectors that are not there yet.

    Args:
        truth: the documents.
        embedder: the model, whose vectors are begun already.
        pace: of the work.
        told: after each batch how many were in it, are done, and are to be done.

    Raises:
        Unavailable: it was stopped.
    """
    size = pace.after(1, 1.0)
    with truth.reading() as reading:
        done, total = reading.coming.done(), reading.count()  # which takes long enough to be done once only
    while True:
        pace.rest(0.0)
        began = time.monotonic()
        with truth.reading() as reading:
            left, dimension = reading.coming.left(size), reading.coming.dimension()
        if not left:
            return
        asked = time.monotonic()
        texts = [embedded_texts(one.title, one.text, one.wordings) for one in left]
        vectors = embedder.documents(texts, dimension)
        size = pace.after(len(left), max(1e-6, time.monotonic() - asked))
        with truth.writing() as writing:
            writing.coming.put([one.row for one in left], vectors)
        done += len(left)
        told(len(left), done, max(done, total))
        pace.rest(time.monotonic() - began)


def take_over(truth: Truth, embedder: Embedder) -> None:
    """Make an index that nobody searches yet hold this model's vectors, computing all of them again if need be.

    The old ones stay until the last new one is there; then one commit switches. Work that was interrupted is continued.
    """
    with truth.reading() as reading:
        if reading.embedding == embedder.name:
            return
        empty = not reading.count()
    with truth.writing() as writing:
        if empty:
            writing.name_embedding(embedder.name)
            return
        writing.coming.begin(embedder.name)
    embed_all(truth, embedder, Pace())
    with truth.writing() as writing:
        writing.switch("")
