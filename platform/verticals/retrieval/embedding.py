"""From texts to vectors: what is embedded, what is checked, and which model made what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verticals.contract import BadInput, Conflict

from .truth import Reading, Vectors

#: Turns texts into vectors, float32 [n, dimension].
Embed = Callable[[Sequence[str]], Any]
#: Gives that function for another embedding by its name, or `None` where it cannot be had any more.
Former = Callable[[str], Embed | None]


def embedded_text(title: str, text: str) -> str:
    """What stands for a document before the model: its title and its text."""
    return f"{title}\n{text}" if title else text


def embedded_texts(title: str, text: str, wordings: Sequence[str] = ()) -> list[str]:
    """What stands for a document before the model, in one text or several; its vector is the middle of theirs.

    Of a document with other wordings these are title and text, the title alone, and each wording: a question is like
    questions. On the starter FAQ of the customer-service vertical the middle finds more than the nearest of them does;
    without the text it would find less of what is asked in words that are unlike all of them.
    """
    alone = [title] if title and wordings else []
    return [embedded_text(title, text), *alone, *wordings]


def digest(title: str, text: str, wordings: Sequence[str] = ()) -> bytes:
    """Tells whether a document has to be embedded again."""
    return hashlib.sha256("\0".join([embedded_text(title, text), *wordings]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text to search for whose vector was computed before.

    Args:
        text: the query.
        embedding: names what computed the vector.
        vector: [dimension], float32.
    """

    text: str
    embedding: str
    vector: Vectors


class Embedder:
    """A checked ``embed`` function.

    Args:
        embed: turns texts into vectors, float32 [n, dimension].
        name: names what it computes; vectors of different names are never compared.
    """

    def __init__(self, embed: Embed, name: str) -> None:
        self._embed = embed
        self.name = name

    def __call__(self, texts: Sequence[str], dimension: int | None) -> Vectors:
        """Vectors [n, dimension] of length 1 (or 0, where the model has nothing to say).

        Raises:
            BadInput: the function gave another number of vectors, another width than ``dimension``, or values that
                are not finite.
        """
        return self._checked(self._embed(texts), len(texts), dimension)

    def documents(self, several: Sequence[Sequence[str]], dimension: int | None) -> Vectors:
        """Vectors [n, dimension] of documents of which each stands for itself in one or more texts.

        Raises:
            BadInput: as when it is called.
        """
        vectors = self([text for texts in several for text in texts], dimension)
        counts = [len(texts) for texts in several]
        if len(vectors) == len(several):
            return vectors
        starts = np.cumsum([0, *counts[:-1]])
        return self._checked(np.add.reduceat(vectors, starts), len(several), dimension)

    def query(self, asked: str | Embedded, text: str, dimension: int | None) -> Vectors:
        """The vector [dimension] to search by for ``text``: the one that it was asked with where that can be compared.

        Raises:
            BadInput: as when it is called.
        """
        if isinstance(asked, Embedded) and asked.embedding == self.name:
            vectors = self._checked(asked.vector[np.newaxis], 1, dimension)
        else:
            vectors = self([text], dimension)
        vector: Vectors = vectors[0]
        return vector

    @staticmethod
    def _checked(given: Any, count: int, dimension: int | None) -> Vectors:
        vectors = np.ascontiguousarray(given, np.float32)
        if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
            raise BadInput(f"The embedding gave an array of shape {vectors.shape} for {count} texts.")
        if dimension not in (None, vectors.shape[1]):
            raise BadInput(
                f"The embedding gave vectors of width {vectors.shape[1]}, but the index holds vectors of {dimension}.",
                "Open the index with the model it was built with, or give the new one another `embedding` name.",
            )
        if not np.isfinite(vectors).all():
            raise BadInput("The embedding gave values that are not finite.", "Check the model and its precision.")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        lengths[lengths == 0] = 1
        scaled: Vectors = vectors / lengths
        return scaled


class Models:
    """The models whose vectors an index can be searched by: the one that is wanted, and those before it.

    Args:
        wanted: what the index is to hold.
        former: gives the function of another embedding by its name, or `None` where it cannot be had any more.
    """

    def __init__(self, wanted: Embedder, former: Former | None = None) -> None:
        self._former = former or (lambda name: None)
        self._wanted = wanted.name
        self._known = {wanted.name: wanted}

    def add(self, embedder: Embedder) -> None:
        """Know another one, wanted from now on."""
        self._wanted = embedder.name
        self._known[embedder.name] = embedder

    def has(self, name: str) -> bool:
        """Whether the embedding of this name can be computed."""
        if name not in self._known and (embed := self._former(name)) is not None:
            self._known[name] = Embedder(embed, name)
        return name in self._known

    def of(self, reading: Reading) -> Embedder:
        """What made the vectors that the index holds in this state.

        Raises:
            Conflict: it cannot be had.
        """
        if not self.has(reading.embedding):
            raise Conflict(
                f"The index holds vectors of the embedding {reading.embedding!r}, not of {self._wanted!r}.",
                "Open it with that embedding, or once for writing with the other, which computes the vectors again.",
            )
        return self._known[reading.embedding]
