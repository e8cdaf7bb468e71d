"""Changed copies of training rows whose labels stay."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe
from verticals.encoder import Encoder

from .objectives import Example, Objective
from .translation import back_translate

_CHANGED = 0.15  # of the words of a copy, but one at least
_NEIGHBOURS = 8  # words that are near enough to stand in for another
_LEAST_COSINE = 0.4
_OF_ONE_WORD = 2  # the first of the changes that leave something of a single word
_TRIES = 20
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _KEYS for at, letter in enumerate(row)
}  # fmt: skip
Change = Callable[[list[str], int, np.random.Generator], list[str]]


def augmented(
    examples: Sequence[Example], objective: Objective, recipe: Recipe, encoder: Encoder
) -> list[dict[str, Any]]:
    """Copies of examples in which the input texts are changed, ``recipe.augment`` of each; the same for the same seed.

    Of each copy about one word in seven is changed in one of four ways: swapped with the next, left out (as in Wei and
    Zou, 2019, arXiv:1901.11196), misspelt by a neighbouring key, or replaced by a word whose vector in the encoder is
    near. With ``recipe.translators`` the copies are back-translations (Sennrich et al., 2016, arXiv:1511.06709).

    Raises:
        BadInput: the objective's inputs are no plain texts, or there is no such translation model.
    """
    if objective.reads != "text":
        raise BadInput(
            f"recipe: augment is {recipe.augment}; changed words would not fit the targets of these rows any more.",
            "Leave it at 0 for this objective.",
        )
    fields = objective.inputs
    copies = [dict(example) for example in examples for _ in range(recipe.augment)]
    if recipe.translators:
        _translate(copies, fields, recipe)
        return copies
    random = np.random.default_rng([recipe.seed, 7])
    changes: tuple[Change, ...] = (_swap, _leave_out, _misspell, functools.partial(_replace, near=_Near(encoder)))
    for copy in copies:
        for name in fields:
            if isinstance(copy[name], str):
                copy[name] = _changed(copy[name], changes, random)
    return copies


def _changed(text: str, changes: Sequence[Change], random: np.random.Generator) -> str:
    words = text.split()
    possible = changes if len(words) > 1 else changes[_OF_ONE_WORD:]
    wanted, tries = max(1, round(len(words) * _CHANGED)), _TRIES if words else 0
    while wanted and tries:
        changed = possible[int(random.integers(len(possible)))](words, int(random.integers(len(words))), random)
        wanted, tries = wanted - (changed != words), tries - 1
        words = changed
        possible = changes if len(words) > 1 else changes[_OF_ONE_WORD:]
    return " ".join(words)


def _swap(words: list[str], at: int, random: np.random.Generator) -> list[str]:
    at = min(at, len(words) - 2)
    return [*words[:at], words[at + 1], words[at], *words[at + 2 :]]


def _leave_out(words: list[str], at: int, random: np.random.Generator) -> list[str]:
    return [*words[:at], *words[at + 1 :]]


def _misspell(words: list[str], at: int, random: np.random.Generator) -> list[str]:
    word = words[at]
    places = [place for place, letter in enumerate(word) if letter.lower() in _BESIDE]
    if not places:
        return words
    place = places[random.integers(len(places))]
    near = _BESIDE[word[place].lower()]
    return [*words[:at], word[:place] + near[random.integers(len(near))] + word[place + 1 :], *words[at + 1 :]]


def _replace(words: list[str], at: int, random: np.random.Generator, near: _Near) -> list[str]:
    core = re.sub(r"^\W+|\W+$", "", words[at])
    found = near.of(core.lower()) if core else []
    if not found:
        return words
    return [*words[:at], words[at].replace(core, found[random.integers(len(found))], 1), *words[at + 1 :]]


class _Near:
    """Whole words of the encoder's vocabulary by their vectors: near ones are often of like meaning, and never sure to.

    Args:
        encoder: whose vectors are compared.
    """

    def __init__(self, encoder: Encoder) -> None:
        vocabulary: Mapping[str, int] = encoder.tokenizer.vocabulary
        self._words = sorted(word for word in vocabulary if len(word) > 2 and word.isalpha())
        self._places = {word: at for at, word in enumerate(self._words)}
        table = encoder.word_vectors
        ids = torch.tensor([vocabulary[word] for word in self._words], dtype=torch.long)
        self._vectors = functional.normalize(table[ids].float().cpu(), dim=-1)
        self._found: dict[str, list[str]] = {}

    def of(self, word: str) -> list[str]:
        """Words near ``word``; none for one that is not in the vocabulary as a whole."""
        if word not in self._places:
            return []
        if word not in self._found:
            cosines = self._vectors @ self._vectors[self._places[word]]
            values, places = cosines.topk(min(_NEIGHBOURS + 1, len(self._words)))
            pairs = zip(values.tolist(), places.tolist(), strict=True)
            near = [self._words[at] for value, at in pairs if value >= _LEAST_COSINE]
            self._found[word] = [other for other in near if other != word]
        return self._found[word]


def _translate(copies: list[dict[str, Any]], fields: Sequence[str], recipe: Recipe) -> None:
    folders = [Path(part.strip()) for part in recipe.translators.split("|")]
    if len(folders) != 2:
        raise BadInput(
            f"recipe: translators is {recipe.translators!r}.", "Name two folders, there and back, joined by '|'."
        )
    for name in fields:
        texts = [str(copy[name]) for copy in copies]
        for copy, text in zip(copies, back_translate(texts, folders[0], folders[1], recipe.seed), strict=True):
            if text.strip():  # a model that has nothing to say leaves the row as it was
                copy[name] = text
