"""The lexical part: BM25 over titles and texts in tantivy.

Every process has a working copy of its own, which begins as hard links to the files of the newest snapshot and then
takes part in all changes. A `LexicalView` is one state of it and never changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verticals.contract import StorageError

from .libraries import load_tantivy
from .snapshots import link_files
from .tokens import Tokens, prepare
from .truth import Rows, Vectors
from .written import Written

# The words of a title count as words of the text, and again so much as words of the title. On SciFact's train queries
# BM25 reaches an nDCG@10 of 0.70 so, 0.69 with 0.5, and 0.62 with titles beside the texts, boosted by 2.
_TITLE_BOOST = 0.25
# A query may be a whole document; its first words say enough.
_MOST_WORDS = 256
_MOST_CHARACTERS = 10_000
# Up to so many allowed rows tantivy intersects them with the matches; beyond, most matches are allowed anyway.
_MOST_LISTED_ROWS = 10_000
# Of up to so many documents all that match are ranked at once, and the allowed ones chosen from these.
_FEW = 2_000
_MOST_RANKINGS = 32
_MEMORY = 64_000_000


@dataclass(frozen=True, slots=True)
class LexicalView:
    """One state of the lexical part, as of ``change``."""

    change: int
    tokens: Tokens
    schema: Any
    searcher: Any
    _rankings: dict[tuple[str, ...], tuple[Rows, Vectors]] = field(default_factory=dict, repr=False, compare=False)

    def words(self, query: str) -> list[str]:
        """The different words of a query, the first 256 in its first 10,000 characters."""
        return list(dict.fromkeys(self.tokens(query[:_MOST_CHARACTERS])))[:_MOST_WORDS]

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """How rare each word is in the texts (the inverse document frequency of BM25)."""
        count = self.searcher.num_docs
        frequencies = {word: self.searcher.doc_freq("text", word) for word in words}
        return {
            word: math.log1p((max(count, frequency) - frequency + 0.5) / (frequency + 0.5))
            for word, frequency in frequencies.items()
        }

    def search(self, words: Iterable[str], limit: int, allowed: Rows | None) -> list[tuple[int, float]]:
        """The ``limit`` best rows as ``(row, BM25)`` that have at least one of ``words``, best first.

        Args:
            words: as `words` gives them; they are looked up as they are, there is no query language.
            limit: how many at most.
            allowed: the rows to search among; `None`: all.
        """
        asked = tuple(words)
        if not asked:
            return []
        if self.searcher.num_docs <= _FEW:
            rows, scores = self._ranking(asked)
            if allowed is not None:
                there = np.isin(rows, allowed)
                rows, scores = rows[there], scores[there]
            return list(zip(rows[:limit].tolist(), scores[:limit].tolist(), strict=True))
        query = self._query(asked)
        if allowed is None:
            return self._collect(query, limit)
        if allowed.size <= _MOST_LISTED_ROWS:
            tantivy = load_tantivy()
            query_of, must = tantivy.Query, tantivy.Occur.Must
            listed = query_of.const_score_query(query_of.term_set_query(self.schema, "row", allowed.tolist()), 0.0)
            return self._collect(query_of.boolean_query([(must, query), (must, listed)]), limit)
        return self._collect_allowed(query, limit, allowed)

    def _ranking(self, words: tuple[str, ...]) -> tuple[Rows, Vectors]:
        """All rows that have one of ``words``, best first, and their scores.

        It is kept for a while: a text is often searched for among documents of several kinds, one after the other.
        """
        found = self._rankings.get(words)
        if found is None:
            hits = self._collect(self._query(words), max(1, self.searcher.num_docs))
            found = np.array([row for row, _ in hits], np.int64), np.array([score for _, score in hits])
            if len(self._rankings) >= _MOST_RANKINGS:
                self._rankings.clear()
            self._rankings[words] = found
        return found

    def _query(self, words: Iterable[str]) -> Any:
        tantivy = load_tantivy()
        query_of, occur = tantivy.Query, tantivy.Occur
        terms = []
        for word in words:
            text, title = (query_of.term_query(self.schema, name, word, "freq") for name in ("text", "title"))
            terms += [(occur.Should, text), (occur.Should, query_of.boost_query(title, _TITLE_BOOST))]
        return query_of.boolean_query(terms)

    def _collect(self, query: Any, limit: int) -> list[tuple[int, float]]:
        hits = self.searcher.search(query, limit, count=False).hits
        rows = self.searcher.fast_field_values("row", [address for _, address in hits])
        found = [(int(row), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def _collect_allowed(self, query: Any, limit: int, allowed: Rows) -> list[tuple[int, float]]:
        """Look further and further down the ranking until enough of it is allowed, or it ends."""
        members = np.zeros(int(allowed[-1]) + 1, bool)
        members[allowed] = True
        wanted = limit * 2
        while True:
            ranking = self._collect(query, wanted)
            found = [hit for hit in ranking if hit[0] < members.size and members[hit[0]]]
            if len(found) >= limit or len(ranking) < wanted:
                return found[:limit]
            wanted *= 4


class Lexical:
    """The working copy.

    Args:
        folder: an empty folder that is this process's own.
        language: ISO 639-1 code that chooses the stemmer.
        source: a snapshot to begin with, or `None` to begin empty.
        change: the last change that ``source`` contains.

    Raises:
        ValueError, OSError: tantivy cannot read the snapshot.
    """

    def __init__(self, folder: Path, language: str, source: Path | None = None, change: int = 0) -> None:
        tantivy = load_tantivy()
        self._tokens = Tokens(language)
        self._folder = folder
        if source is not None:
            link_files(source, folder)
        self._index = tantivy.Index(_schema(), path=str(folder))
        self._index.register_tokenizer(_ANALYZER, self._tokens.analyzer)
        self._writer: Any = None
        self.view = self._view(change)

    def _view(self, change: int) -> LexicalView:
        self._index.reload()
        return LexicalView(change, self._tokens, self._index.schema, self._index.searcher())

    def advance(self, change: int, removed: Rows, documents: Iterable[Written]) -> None:
        """Take part in everything up to ``change``, which gave up the rows ``removed`` and wrote ``documents``.

        Raises:
            StorageError: the working copy cannot be written; it stays as it was.
        """
        tantivy = load_tantivy()
        try:
            if self._writer is None:
                self._writer = self._index.writer(_MEMORY, 1)
            if removed.size:
                # Not delete_documents_by_term: it finds no unsigned numbers (tantivy 0.27).
                gone = tantivy.Query.term_set_query(self._index.schema, "row", removed.tolist())
                self._writer.delete_documents_by_query(gone)
            for row, title, text, wordings in documents:
                document = tantivy.Document()
                document.add_unsigned("row", row)
                document.add_text("title", prepare(title))
                document.add_text("text", prepare("\n".join([title, text, *wordings])))
                self._writer.add_document(document)
            self._writer.commit()
            self.view = self._view(change)
        except (OSError, ValueError) as error:
            self._writer = None
            raise StorageError(
                f"The lexical part in {self._folder} cannot be written: {error}.",
                "Is the disk full? No document is lost; open the index again.",
            ) from error

    def save(self, folder: Path) -> None:
        """Write the present state."""
        if self._writer is not None:
            # Merges replace files; after this there are none under way.
            self._writer.wait_merging_threads()
            self._writer = None
            self.view = self._view(self.view.change)
        link_files(self._folder, folder)


_ANALYZER = "words"


def _schema() -> Any:
    builder = load_tantivy().SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for name in ("title", "text"):
        builder.add_text_field(name, tokenizer_name=_ANALYZER, index_option="freq")
    return builder.build()
