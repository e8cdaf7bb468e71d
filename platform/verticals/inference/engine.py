"""Answers for every head from one shared encoder."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from verticals.contract import PlatformError, Prediction, Unavailable
from verticals.encoder import Encoder, TokenRows
from verticals.store import Registry

from .cache import FeatureCache, Features
from .loaded import Loaded, load

_CACHED_TEXTS = 20_000
_LOADED = 16


@dataclass(frozen=True, slots=True)
class Request:
    """One input for one version of one head."""

    vertical: str
    head: str
    version: str
    value: Any


class Engine:
    """Loads versions when they are first asked for, and answers mixed batches in one pass of the encoder.

    Args:
        registry: where versions are.
        encoder: gives the shared encoder; called on first use.
        cached_texts: how many texts' features are kept.
        other: gives another encoder by the name that a recipe has for it; `None`: there are no others.
    """

    def __init__(
        self,
        registry: Registry,
        encoder: Callable[[], Encoder],
        cached_texts: int = _CACHED_TEXTS,
        other: Callable[[str], Encoder] | None = None,
    ) -> None:
        self._registry, self._encoder, self._other = registry, encoder, other
        self._cache = FeatureCache(cached_texts)
        self._loaded: OrderedDict[tuple[str, str, str], Loaded] = OrderedDict()
        self._lock = threading.RLock()

    def load(self, vertical: str, head: str, version: str) -> Loaded:
        """A version in memory, loaded and checked if it is not there yet; the longest unused one may have to go.

        Raises:
            NotFound: there is no such version.
            Damaged: its files do not match their checksums.
            Unavailable: as many versions as fit are held by `using`.
        """
        key = (vertical, head, version)
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
            if len(self._loaded) >= _LOADED:
                idle = next((other for other, loaded in self._loaded.items() if not loaded.users), None)
                if idle is None:
                    raise Unavailable(f"All {_LOADED} versions in memory are in use.", "Try again in a moment.")
                self._loaded.pop(idle).unload()
            loaded = load(self._registry.open(vertical, head, version), self._encoder(), self._other)
            self._loaded[key] = loaded
            return loaded

    @contextmanager
    def using(self, vertical: str, head: str, version: str) -> Iterator[Loaded]:
        """A version that stays in memory throughout the block."""
        with self._lock:
            loaded = self.load(vertical, head, version)
            loaded.users += 1
        try:
            yield loaded
        finally:
            with self._lock:
                loaded.users -= 1

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Normalised vectors of the bare encoder, float32 [n, dimension]."""
        return self._encoder().embed(texts)

    def predict(self, vertical: str, head: str, version: str, inputs: Sequence[Any]) -> list[Prediction]:
        """Answer inputs for one version, in their order.

        Raises:
            BadInput: an input does not fit the head.
        """
        answers = self.answer([Request(vertical, head, version, value) for value in inputs])
        for answer in answers:
            if isinstance(answer, PlatformError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Prediction)]

    def stream(self, vertical: str, head: str, version: str, value: Any) -> Iterator[str]:
        """The answer of a head that writes text, piece by piece; the version stays in memory until the end.

        Raises:
            BadInput: the input does not fit the head, or the head writes no text.
        """
        with self.using(vertical, head, version) as loaded:
            yield from loaded.head.stream(value)

    def answer(self, requests: Sequence[Request]) -> list[Prediction | PlatformError]:
        """Answer requests for any heads together; a request that cannot be answered gets its error instead."""
        answers: dict[int, Prediction | PlatformError] = {}
        for places in _passes(requests):
            with self._lock:  # a version must not leave the bank between its lookup and its use
                ready: list[tuple[int, Loaded, list[Any]]] = []
                for place in places:
                    request = requests[place]
                    try:
                        loaded = self.load(request.vertical, request.head, request.version)
                        ready.append((place, loaded, loaded.head.texts(request.value)))
                    except PlatformError as error:
                        answers[place] = error
                features = self._features([(loaded, text) for _, loaded, texts in ready for text in texts])
                answers.update(_decode(requests, ready, features))
        return [answers[place] for place in range(len(requests))]

    def _features(self, wanted: Sequence[tuple[Loaded, Any]]) -> list[Features]:
        """Per text its features through its head's adapter, and how many of its tokens were cut."""
        if not wanted:
            return []
        shared = self._encoder()
        keys = [
            # Heads on the bare encoder share what is kept of a text.
            (
                loaded.reference if loaded.slot or loaded.encoder is not shared else "",
                loaded.head.reads,
                loaded.max_tokens,
                text,
            )
            for loaded, text in wanted
        ]
        known: dict[Any, Features] = {}
        missing: dict[tuple[int, str], dict[Any, Loaded]] = {}  # by encoder and what is read of it
        for key, (loaded, _) in zip(keys, wanted, strict=True):
            if key in known:
                continue
            features = self._cache.get(key)
            if features is not None:
                known[key] = features
            else:
                missing.setdefault((id(loaded.encoder), loaded.head.reads), {})[key] = loaded
        for (_, reads), group in missing.items():
            loadeds = list(group.values())
            encoder = loadeds[0].encoder
            rows = _tokens(encoder, [(key[-1], key[-2]) for key in group], reads)
            computed = encoder.encode(rows, [loaded.slot for loaded in loadeds], reads=reads)
            for key, features, cut in zip(group, computed, rows.cut.tolist(), strict=True):
                # A copy of its own: a view would keep the whole batch in memory.
                own = features[: len(key[-1])].clone() if reads == "words" else features[None].clone()
                known[key] = Features(own, cut)
                self._cache.put(key, known[key])
        return [known[key] for key in keys]


def _passes(requests: Sequence[Request]) -> list[list[int]]:
    """Places of the requests that are answered together: all, unless they ask for more versions than fit at once."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for place, request in enumerate(requests):
        groups.setdefault((request.vertical, request.head, request.version), []).append(place)
    of_versions = list(groups.values())
    return [
        [place for places in of_versions[start : start + _LOADED] for place in places]
        for start in range(0, len(of_versions), _LOADED)
    ]


def _tokens(encoder: Encoder, texts: Sequence[tuple[Any, int]], reads: str) -> TokenRows:
    """Tokenise texts that may have different limits."""
    limits = {limit for _, limit in texts}
    if len(limits) == 1:
        return encoder.tokens([text for text, _ in texts], limits.pop(), reads)
    rows = [encoder.tokens([text], limit, reads) for text, limit in texts]
    return TokenRows(
        [row.ids[0] for row in rows],
        np.concatenate([row.second for row in rows]),
        np.concatenate([row.cut for row in rows]),
        [row.words[0] for row in rows if row.words is not None] or None,
    )


def _decode(
    requests: Sequence[Request], ready: Sequence[tuple[int, Loaded, list[Any]]], features: Sequence[Features]
) -> Mapping[int, Prediction]:
    """Predictions by place of the request; the requests of one head are decoded together."""
    groups: dict[str, list[tuple[int, slice]]] = {}
    heads: dict[str, Loaded] = {}
    start = 0
    for place, loaded, texts in ready:
        groups.setdefault(loaded.reference, []).append((place, slice(start, start + len(texts))))
        heads[loaded.reference] = loaded
        start += len(texts)
    answers = {}
    with torch.inference_mode():
        for reference, members in groups.items():
            read = [one.vectors for _, span in members for one in features[span]]
            own = torch.cat(read) if read else torch.empty(0, 0)
            values = [requests[place].value for place, _ in members]
            predictions = heads[reference].head.answer(own, values)
            for (place, span), prediction in zip(members, predictions, strict=True):
                cut = prediction.tokens_cut + sum(one.cut for one in features[span])
                answers[place] = dataclasses.replace(prediction, version=reference, tokens_cut=cut)
    return answers
