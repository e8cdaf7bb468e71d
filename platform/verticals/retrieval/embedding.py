"""From texts to vectors: what is embedded, what is checked, and how all vectors are replaced by another model's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from verticals.contract import BadInput, Conflict

from .truth import Reading, Truth, Vectors

#: Turns texts into vectors, float32 [n, dimension].
Embed = Callable[[Sequence[str]], Any]

_BATCH = 256


def embedded_text(title: str, text: str) -> str:
    """What stands for a document before the model: its title and its text."""
    return f"{title}\n{text}" if title else text


def digest(title: str, text: str) -> bytes:
    """Tells whether a document has to be embedded again."""
    return hashlib.sha256(embedded_text(title, text).encode()).digest()


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
        vectors = np.ascontiguousarray(self._embed(texts), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1]:
            raise BadInput(f"The embedding gave an array of shape {vectors.shape} for {len(texts)} texts.")
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

    def check(self, reading: Reading) -> None:
        """Make sure that the index holds this model's vectors.

        Raises:
            Conflict: it holds another one's.
        """
        if reading.embedding != self.name:
            raise Conflict(
                f"The index holds vectors of the embedding {reading.embedding!r}, not of {self.name!r}.",
                "Open it with that embedding, or once for writing with the other, which computes the vectors again.",
            )

    def take_over(self, truth: Truth) -> None:
        """Make the index hold this model's vectors, computing all of them again if need be.

        The old ones stay in use until the last new one is there; then one commit switches. Work that was interrupted
        is continued.
        """
        with truth.reading() as reading:
            if reading.embedding == self.name:
                return
            empty = not reading.count()
        if empty:
            with truth.writing() as writing:
                writing.name_embedding(self.name)
            return
        with truth.writing() as writing:
            writing.begin_vectors(self.name)
        dimension: int | None = None
        while True:
            with truth.reading() as reading:
                texts = reading.texts_without_new_vector(_BATCH)
                dimension = dimension or reading.new_dimension()
            if not texts:
                break
            vectors = self([embedded_text(title, text) for _, title, text in texts], dimension)
            dimension = vectors.shape[1]
            with truth.writing() as writing:
                writing.put_new_vectors([row for row, _, _ in texts], vectors)
        with truth.writing() as writing:
            writing.switch_vectors(self.name)
