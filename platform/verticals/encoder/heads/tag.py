"""Entities in a text, by BIO tags of its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import BadInput, Prediction, Span

from .base import Head, check_text
from .bio import decode, entities, tags_of
from .words import CASING, best_windows, casing, split_words, windows

_HIDDEN = 128


class TagHead(Head):
    """A linear layer on the vector of each word; the likeliest legal tags of the whole text are the answer.

    With casing the layer is joined by a small network on the vector and `casing`'s columns together, for whether a
    capital means something depends on the word. Probabilities are calibrated by one temperature, as of `ClassifyHead`.

    Args:
        labels: in order.
        temperature: divides the logits.
        outside: log odds that ``O`` loses where tags are chosen, so that neither precision nor recall of entities is
            bought too dearly; the probabilities do not change.
        casing: whether the features end in the columns of `verticals.encoder.heads.words.casing`.
        window: words that are read at once; a longer text is read in windows that overlap by half.
    """

    reads = "words"

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        temperature: float = 1.0,
        outside: float = 0.0,
        casing: bool = False,
        window: int = 64,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dimension, fields, dropout)
        self.labels, self.tags = tuple(labels), tags_of(labels)
        self.temperature, self.outside, self.casing, self.window = temperature, outside, casing, window
        self.linear = nn.Linear(dimension, len(self.tags))
        last = self.linear
        if casing:
            self.inner = nn.Linear(dimension + CASING, _HIDDEN)
            last = self.outer = nn.Linear(_HIDDEN, len(self.tags), bias=False)
            nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(self.linear.bias)

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {
            "labels": list(self.labels), "temperature": self.temperature, "outside": self.outside,
            "casing": self.casing, "window": self.window, "fields": list(self.fields),
        }  # fmt: skip

    def texts(self, value: Any) -> list[tuple[str, ...]]:
        """See `Head.texts`; an input is a text, or a sequence of words, or a mapping with one of them."""
        words, _, _ = read_words(value, self.fields)
        return [words[start:end] for start, end in windows(len(words), self.window)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [..., tags] of features [..., dimension], or [..., dimension + columns] with casing."""
        vectors = functional.normalize(features[..., : self.dimension], dim=-1) * math.sqrt(self.dimension)
        logits: torch.Tensor = self.linear(self.dropout(vectors))
        if self.casing:
            both = torch.cat([vectors, features[..., self.dimension :]], dim=-1)
            logits = logits + self.outer(self.dropout(functional.gelu(self.inner(both))))
        return logits

    def read(self, features: torch.Tensor) -> torch.Tensor:
        """Which words the encoder has read, bool [...]: those behind its limit come as zeros."""
        return features[..., : self.dimension].any(dim=-1)

    def chances(self, features: torch.Tensor) -> torch.Tensor:
        """Calibrated log probabilities of the tags, [..., tags]; a word that was not read is surely outside."""
        chances = functional.log_softmax(self(features) / self.temperature, dim=-1)
        outside = torch.full_like(chances, float("-inf"))
        outside[..., 0] = 0.0
        return torch.where(self.read(features)[..., None], chances, outside)

    def decide(self, chances: torch.Tensor) -> torch.Tensor:
        """The tags of texts, int64 [texts, words], from their log probabilities [texts, words, tags]."""
        return decode(self._weighed(chances))

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        answers, start = [], 0
        for value in values:
            words, places, _ = read_words(value, self.fields)
            used = sum(last - first for first, last in windows(len(words), self.window))
            answers.append(self._spans(self._whole(features[start : start + used], words), places))
            start += used
        return answers

    def undecided(self, answer: Prediction, margin: float, value: Any, features: torch.Tensor) -> bool:
        """See `Head.undecided`: of some word two tags are nearly as likely, with what the outside is taken down by."""
        if answer.confidence > 1 / (1 + math.exp(-abs(self.outside))) + margin:  # no two tags can be
            return False
        words, _, _ = read_words(value, self.fields)
        first, second = self._weighed(self._whole(features, words)).softmax(dim=-1).topk(2, dim=-1).values.unbind(-1)
        return bool(((first - second) < margin).any())

    def _weighed(self, chances: torch.Tensor) -> torch.Tensor:
        """Log probabilities with the outside taken down, which the tags are chosen by."""
        taken = torch.zeros(len(self.tags), device=chances.device)
        taken[0] = self.outside
        return chances - taken

    def _whole(self, features: torch.Tensor, words: Sequence[str]) -> torch.Tensor:
        """Log probabilities of a text's words, [words, tags], each from the window that shows most around it."""
        parts = windows(len(words), self.window)
        columns = torch.from_numpy(casing(words)) if self.casing else torch.empty(len(words), 0)
        chances, seen, start = [], [], 0
        for first, last in parts:
            read = features[start : start + last - first]
            chances.append(self.chances(torch.cat([read, columns[first:last]], dim=-1)))
            seen.append(self.read(read).tolist())
            start += last - first
        if len(parts) == 1:
            return chances[0]
        best = best_windows(len(words), self.window, seen)
        return torch.stack([chances[at][word - parts[at][0]] for word, at in enumerate(best)])

    def _spans(self, chances: torch.Tensor, places: Sequence[tuple[int, int]]) -> Prediction:
        tags = self.decide(chances[None])[0]
        sure = chances.gather(1, tags[:, None])[:, 0].exp().tolist()
        spans = tuple(
            Span(places[first][0], places[last - 1][1], self.labels[label], min(sure[first:last]))
            for first, last, label in entities(tags.tolist())
        )
        return Prediction(label=None, confidence=min(sure), spans=spans)


def read_words(value: Any, fields: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[int, int]], str]:
    """The words of an input, where they are in its text, and the text: of a list of words these joined by spaces.

    Raises:
        BadInput: it is neither a text nor a sequence of words, or one of them is empty.
    """
    (field,) = fields
    if isinstance(value, Mapping):
        if field not in value:
            raise BadInput(f"The input has no {field!r}.", f"It needs: {field}.")
        value = value[field]
    if isinstance(value, str):
        check_text(value, repr(field))
        places = split_words(value)
        return tuple(value[start:end] for start, end in places), places, value
    if not isinstance(value, Sequence):
        raise BadInput(f"{field!r} is a {type(value).__name__}.", "Give a text, or a list of words.")
    if not value:
        raise BadInput(f"{field!r} has no words.", "Give one at least.")
    places, start = [], 0
    for at, word in enumerate(value):
        check_text(word, f"Word {at + 1} of {field!r}")
        places.append((start, start + len(word)))
        start += len(word) + 1
    return tuple(value), places, " ".join(value)
