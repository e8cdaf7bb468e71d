"""Answers for every head from one shared encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import Extent, PlatformError, Prediction
from verticals.encoder import Encoder, TokenRows
from verticals.store import Registry

from .cache import FeatureCache, Features
from .gathered import Gathered
from .loaded import Loaded, load
from .versions import Full, Key, Versions

_EMBEDDED = Extent(256)  # see `Encoder.embed`
_WHOLE = Extent(0)
_MARKS = 4  # tokens that a tokenizer adds to a text's own, of which each has a character at least
_FEW = 8  # texts that are embedded for a search rather than for an index
_ROUNDING = 0.03  # that a lead may be off by in bf16, with room: 0.022 at most among 2,400 answers

_Ready = tuple[int, Loaded, list[Any]]  # a request's place, who answers it, and what must be encoded for that


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
        cached_texts: how many texts' features are kept; words count each where they are read one by one.
        other: gives another encoder by the name that a recipe has for it; `None`: there are no others.
        memory: bytes that versions may take beside the shared encoder.
    """

    def __init__(
        self,
        registry: Registry,
        encoder: Callable[[], Encoder],
        cached_texts: int = 20_000,
        other: Callable[[str], Encoder] | None = None,
        memory: int = 1 << 30,
    ) -> None:
        self._encoder = encoder
        self._cache = FeatureCache(cached_texts)
        self._embed = Gathered(lambda texts: encoder().embed(texts))
        self.versions = Versions(lambda *key: load(registry.open(*key), encoder(), other), memory)

    def load(self, vertical: str, head: str, version: str) -> Loaded:
        """A version, loaded and checked if it is not in memory yet; it may be put away when others are asked for."""
        with self.using(vertical, head, version) as loaded:
            return loaded

    def using(self, vertical: str, head: str, version: str) -> AbstractContextManager[Loaded]:
        """A version that stays in memory throughout the block; see `Versions.using`."""
        return self.versions.using((vertical, head, version))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Normalised vectors of the bare encoder, float32 [n, dimension].

        Of a few texts those are not computed that a head on the bare encoder has read lately, and what several
        threads ask for at a time is computed together.
        """
        if len(texts) > _FEW:
            return self._embed(texts)
        keys = [("", "text", _extent_of(text, _EMBEDDED), text) for text in texts]
        read = {key: found.vectors for key in keys if (found := self._cache.get(key)) is not None}
        known = {key: functional.normalize(vectors, dim=1).numpy() for key, vectors in read.items()}
        if missing := [key for key in dict.fromkeys(keys) if key not in known]:
            computed = self._embed([key[-1] for key in missing])
            known |= {key: vector[None] for key, vector in zip(missing, computed, strict=True)}
        return np.concatenate([known[key] for key in keys]) if keys else self._embed(texts)

    def warm(self, vertical: str, head: str, version: str) -> None:
        """Load a version and go through it once, so that the first who asks does not wait for that.

        One that cannot be loaded is left to those who ask for it: they are told why.
        """
        with suppress(PlatformError), self.using(vertical, head, version) as loaded:
            if loaded.head.reads == "text":
                loaded.encoder.encode(loaded.encoder.tokens(["warm up"], loaded.extent), [loaded.slot])

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
        while len(answers) < len(requests):  # once, unless more versions are asked for than fit in memory together
            with ExitStack() as held:
                answers |= self._answered(requests, [p for p in range(len(requests)) if p not in answers], held)
        return [answers[place] for place in range(len(requests))]

    def _answered(
        self, requests: Sequence[Request], places: Sequence[int], held: ExitStack
    ) -> dict[int, Prediction | PlatformError]:
        """What the requests at ``places`` give whose versions fit in memory together: of some, always."""
        answers: dict[int, Prediction | PlatformError] = {}
        versions: dict[Key, Loaded | PlatformError] = {}
        ready: list[_Ready] = []
        full: dict[int, Prediction | PlatformError] = {}
        for place in places:
            request = requests[place]
            key = (request.vertical, request.head, request.version)
            if key not in versions:
                versions[key] = self._held(key, held)
            loaded = versions[key]
            if isinstance(loaded, Full):
                full[place] = loaded
                continue
            try:
                if isinstance(loaded, PlatformError):
                    raise loaded
                ready.append((place, loaded, loaded.head.texts(request.value)))
            except PlatformError as error:
                answers[place] = error
        features = self._features([(loaded, text) for _, loaded, texts in ready for text in texts])
        answers |= (decoded := _decode(requests, ready, features))
        answers |= self._settled(requests, ready, features, decoded)
        return answers or full  # which may fit when these are done, or else never

    def _settled(
        self,
        requests: Sequence[Request],
        ready: Sequence[_Ready],
        features: Sequence[Features],
        answers: Mapping[int, Prediction],
    ) -> Mapping[int, Prediction]:
        """The answers that rounding might have decided, once more in fp32.

        In a shorter format sums are rounded as the shape of a batch has it, so that a text near a boundary would get
        one label by itself and another one among others.
        """
        doubtful, start = [], 0
        for place, loaded, texts in ready:
            exact = all(one.exact for one in features[start : start + len(texts)])
            start += len(texts)
            if not exact and loaded.head.undecided(answers[place], _ROUNDING):
                doubtful.append((place, loaded, texts))
        if not doubtful:
            return {}
        again = self._features([(loaded, text) for _, loaded, texts in doubtful for text in texts], exactly=True)
        return _decode(requests, doubtful, again)

    def _held(self, key: Key, held: ExitStack) -> Loaded | PlatformError:
        try:
            return held.enter_context(self.versions.using(key))
        except PlatformError as error:
            return error

    def _features(self, wanted: Sequence[tuple[Loaded, Any]], exactly: bool = False) -> list[Features]:
        """Per text its features through its head's adapter, in fp32 where they must be exact."""
        if not wanted:
            return []
        shared = self._encoder()
        keys = [
            # Heads on the bare encoder share what is kept of a text.
            (
                loaded.reference if loaded.slot or loaded.encoder is not shared else "",
                loaded.head.reads,
                _extent_of(text, loaded.extent),
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
            if features is not None and (features.exact or not exactly):
                known[key] = features
            else:
                missing.setdefault((id(loaded.encoder), loaded.head.reads), {})[key] = loaded
        for (_, reads), group in missing.items():
            loadeds = list(group.values())
            encoder = loadeds[0].encoder
            if exactly:
                encoder = encoder.computing_in("fp32")
            exact = encoder.precision.compute == torch.float32
            rows = _tokens(encoder, [(key[-1], one.extent) for key, one in group.items()], reads)
            computed = encoder.encode(rows, [loaded.slot for loaded in loadeds], reads=reads)
            for key, features, cut in zip(group, computed, rows.cut.tolist(), strict=True):
                vectors = features[: len(key[-1])] if reads == "words" else features[None]
                known[key] = Features(vectors, cut, exact)
                self._cache.put(key, known[key])
        return [known[key] for key in keys]


def _extent_of(text: Any, extent: Extent) -> Extent:
    """How much of a text is read, for remembering it: the same for all who read the whole of it."""
    whole = isinstance(text, str) and text.isascii() and len(text) + _MARKS <= extent.max_tokens
    return _WHOLE if whole else extent


def _tokens(encoder: Encoder, texts: Sequence[tuple[Any, Extent]], reads: str) -> TokenRows:
    """Tokenise texts of which more or less may be read."""
    extents = {extent for _, extent in texts}
    if len(extents) == 1:
        return encoder.tokens([text for text, _ in texts], extents.pop(), reads)
    return TokenRows.joined([encoder.tokens([text], extent, reads) for text, extent in texts])


def _decode(
    requests: Sequence[Request], ready: Sequence[_Ready], features: Sequence[Features]
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
