"""One search: both rankings, fused and refined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verticals.contract import BadInput, Document, Hit, Weights, check_weights, suggest

from .embedding import Embedded, Embedder, Models
from .fusion import convex_combination, maximal_marginal_relevance, reciprocal_rank_fusion, weighted_mean
from .replica import Replica, State
from .spans import best_span
from .truth import Vectors

#: Says how well each of several documents answers a query, higher is better.
Rerank = Callable[[str, Sequence[Document]], Sequence[float]]

_MODES = ("hybrid", "dense", "lexical")
# Where neither the search nor the index says. The first are good on SciFact's train queries and on both languages of
# XQuAD; the second are those of the paper.
_WEIGHTS: dict[str, Weights] = {"scores": (0.6, 0.4), "ranks": (1.0, 1.0)}
# So many of each ranking are fused. A few steps, so that the pages of one search are of one ranking.
_CANDIDATES = (100, 1_000, 10_000)

Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; see `DocumentIndex.search` for the arguments."""

    text: str | Embedded
    k: int = 10
    offset: int = 0
    where: Mapping[str, Any] | None = None
    mode: str = "hybrid"
    minimum_similarity: float | None = None
    fusion: str = "scores"
    weights: Weights | None = None
    diversity: float = 0.0
    fold: bool = False
    rerank: Rerank | None = None
    rerank_weight: float = 1.0
    rerank_depth: int = 50

    def __post_init__(self) -> None:
        if not isinstance(self.text, str | Embedded):
            raise BadInput(f"The query is not a string but {self.text!r}.")
        counts = ("k", self.k, 1), ("offset", self.offset, 0), ("rerank_depth", self.rerank_depth, 1)
        for name, value, least in counts:
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise BadInput(f"{name} is {value!r}.", f"Give a whole number of at least {least}.")
        if self.mode not in _MODES:
            raise BadInput(f"There is no search mode {self.mode!r}.", suggest(str(self.mode), _MODES))
        if self.minimum_similarity is not None and self.mode == "lexical":
            raise BadInput("A lexical search has no similarity to ask a minimum of.", "Use the mode hybrid or dense.")
        if self.fusion not in _WEIGHTS:
            raise BadInput(f"There is no fusion {self.fusion!r}.", suggest(str(self.fusion), _WEIGHTS))
        if self.weights is not None:
            check_weights(self.weights)
        if not 0 <= self.diversity <= 1:
            raise BadInput(f"diversity is {self.diversity!r}.", "Give a number from 0 to 1.")
        if not 0 <= self.rerank_weight <= 1:
            raise BadInput(f"rerank_weight is {self.rerank_weight!r}.", "Give a number from 0 to 1.")

    @property
    def wanted(self) -> int:
        """How many hits are ranked, those before the page among them."""
        return self.offset + self.k

    @property
    def candidates(self) -> int:
        """How many of each ranking are looked at."""
        return next((step for step in _CANDIDATES if step >= 2 * self.wanted), 2 * self.wanted)

    def run(self, replica: Replica, models: Models) -> list[Hit]:
        """The hits, best first."""
        text = self._words()
        if not text.strip():
            return []
        with replica.current() as state:
            reading = state.reading
            embedder = models.of(reading)
            query = embedder.query(self.text, text, reading.dimension) if self.mode != "lexical" else None
            return _Hits(self, text, query, state).page()

    def rows(self, state: State, embedder: Embedder) -> list[int]:
        """The rows of the hits in one state, whose vectors ``embedder`` has made; best first."""
        text = self._words()
        hits = _Hits(self, text, embedder.query(self.text, text, state.reading.dimension), state)
        return [row for row, _ in hits.ranking[: self.wanted]]

    def _words(self) -> str:
        return valid_unicode(self.text.text if isinstance(self.text, Embedded) else self.text)


def valid_unicode(text: str) -> str:
    """JSON can carry half a surrogate pair, which neither database can be asked for."""
    return text.encode("utf-8", "replace").decode()


class _Hits:
    """The hits of one search in one state of the index."""

    def __init__(self, search: Search, text: str, query: Vectors | None, state: State) -> None:
        reading, dense, lexical, attributes = state
        self._search, self._text, self._query = search, text, query
        self._reading, self._dense, self._lexical = reading, dense, lexical
        self._words = lexical.words(text)
        allowed = attributes.matching(search.where) if search.where else None
        by_meaning: dict[int, float] = {}
        if query is not None:
            by_meaning = dict(dense.search(query, search.candidates, allowed, reading.vectors_in))
        by_words: dict[int, float] = {}
        if search.mode != "dense":
            by_words = dict(lexical.search(self._words, search.candidates, allowed))
        self._similarities = by_meaning
        self._dense_ranks = {row: rank for rank, row in enumerate(by_meaning, start=1)}
        self._lexical_ranks = {row: rank for rank, row in enumerate(by_words, start=1)}
        self.ranking = self._fused(by_meaning, by_words)
        self._duplicates: dict[int, tuple[str, ...]] = {}
        self._relevance: dict[int, float] = {}

    def _fused(self, by_meaning: Mapping[int, float], by_words: Mapping[int, float]) -> Ranking:
        search = self._search
        if search.mode != "hybrid":
            return list((by_words if search.mode == "lexical" else by_meaning).items())
        weights = search.weights or _WEIGHTS[search.fusion]
        if search.fusion == "ranks":
            return reciprocal_rank_fusion([list(by_meaning), list(by_words)], weights)
        found = [by_meaning if weights[0] else {}, by_words if weights[1] else {}]
        rows = list({**found[0], **found[1]})
        if weights[0]:
            self._measure(rows)
        words = dict(by_words)
        if weights[1] and (others := [row for row in rows if row not in words]):
            # What was found by meaning alone may have some of the words all the same.
            words |= dict(self._lexical.search(self._words, len(others), np.array(others, np.int64)))
        chosen = {row: self._similarities[row] for row in rows if row in self._similarities}
        return convex_combination(chosen, {row: words[row] for row in rows if row in words}, weights)

    def page(self) -> list[Hit]:
        """The hits that are asked for."""
        search = self._search
        if search.minimum_similarity is not None:
            self._measure(row for row, _ in self.ranking)
            least = search.minimum_similarity
            self.ranking = [(row, score) for row, score in self.ranking if self._similarities[row] >= least]
        if search.fold:
            self._fold()
        if search.rerank is not None:
            self._rerank(search.rerank, search.rerank_weight)
        if search.diversity:
            self._diversify()
        rows = [row for row, _ in self.ranking[search.offset : search.wanted]]
        self._measure(rows)
        documents = self._reading.documents_in(rows)
        weights = self._lexical.weights(self._words)
        scores = dict(self.ranking)
        return [self._hit(row, scores[row], documents[row], weights) for row in rows]

    def _hit(self, row: int, score: float, document: Document, weights: Mapping[str, float]) -> Hit:
        tokens = self._lexical.tokens
        span = best_span(document.text, weights, tokens.by_passage)
        similarity = self._similarities.get(row)
        return Hit(
            document=document,
            score=score,
            similarity=None if similarity is None else max(-1.0, min(1.0, similarity)),
            dense_rank=self._dense_ranks.get(row),
            lexical_rank=self._lexical_ranks.get(row),
            span=span,
            marks=tuple(tokens.marks(document.text, weights.keys(), *span)) if span else (),
            relevance=self._relevance.get(row),
            duplicates=self._duplicates.get(row, ()),
        )

    def _measure(self, rows: Iterable[int]) -> None:
        """Take the cosine, in a search by meaning, also of what only its words have found."""
        if (query := self._query) is None:
            return
        missing = [row for row in rows if row not in self._similarities]
        self._similarities = self._similarities | self._dense.measured(query, missing, self._reading.vectors_in)

    def _fold(self) -> None:
        """Keep the best of documents with the same title and text."""
        contents = self._reading.contents_in([row for row, _ in self.ranking])
        first: dict[bytes, int] = {}
        kept: Ranking = []
        for row, score in self.ranking:
            identity, digest = contents[row]
            if digest in first:
                self._duplicates[first[digest]] = (*self._duplicates.get(first[digest], ()), identity)
            else:
                first[digest] = row
                kept.append((row, score))
        self.ranking = kept

    def _rerank(self, rerank: Rerank, weight: float) -> None:
        """Let another judge order the best, or have a say in it; what it does not see stays behind them."""
        best = self.ranking[: max(self._search.rerank_depth, self._search.wanted)]
        rest = self.ranking[len(best) :]
        documents = self._reading.documents_in([row for row, _ in best])
        said = rerank(self._text, [documents[row] for row, _ in best])
        self._relevance = {row: float(value) for (row, _), value in zip(best, said, strict=True)}
        order = weighted_mean([self._relevance[row] for row, _ in best], [score for _, score in best], weight)
        self.ranking = [best[at] for at in order] + rest

    def _diversify(self) -> None:
        """Put what says the same as a better hit further back."""
        best = self.ranking[: self._search.candidates]
        rows = [row for row, _ in best]
        relevance = [self._relevance.get(row, score) for row, score in best]
        if self._relevance:
            rows = rows[: len(self._relevance)]
            relevance = relevance[: len(rows)]
        ascending, vectors = self._reading.vectors_in(rows)
        stacked = vectors[np.searchsorted(ascending, rows)]
        order = maximal_marginal_relevance(relevance, stacked, self._search.diversity, self._search.wanted)
        self.ranking = [best[at] for at in order]
