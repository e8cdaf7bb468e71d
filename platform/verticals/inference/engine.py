"""Answers for every head from one shared encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from verticals.contract import Extent, PlatformError, Prediction
from verticals.encoder import Encoder, TokenRows
from verticals.store import Registry

from .bare import BARE, bare
from .cache import FeatureCache, Features
from .loaded import Loaded, load
from .versions import Full, Key, Versions

_WHOLE = Extent(0)
_MARKS = 4  # tokens that a tokenizer adds to a text's own, of which each has a character at least
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
        self.versions = Versions(lambda *key: load(registry.open(*key), encoder(), other), memory)

    def load(self, vertical: str, head: str, version: str) -> Loaded:
        """A version, loaded and checked if it is not in memory yet; it may be put away when others are asked for."""
        with self.using(vertical, head, version) as loaded:
            return loaded

    def using(self, vertical: str, head: str, version: str) -> AbstractContextManager[Loaded]:
        """A version that stays in memory throughout the block; see `Versions.using`."""
        return self.versions.using((vertical, head, version))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Normalised vectors of the bare encoder, float32 [n, dimension]; of texts by the thousand, too.

        Who asks beside others asks for `BARE`, in one batch with them.
        """
        return self._encoder().embed(texts)

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
            read = features[start : start + len(texts)]
            start += len(texts)
            if all(one.exact for one in read):
                continue
            own, value = torch.cat([one.vectors for one in read]), requests[place].value
            if loaded.head.undecided(answers[place], _ROUNDING, value, own):
                doubtful.append((place, loaded, texts))
        if not doubtful:
            return {}
        again = self._features([(loaded, text) for _, loaded, texts in doubtful for text in texts], exactly=True)
        return _decode(requests, doubtful, again)

    @cached_property
    def _bare(self) -> Loaded:
        return bare(self._encoder())

    def _held(self, key: Key, held: ExitStack) -> Loaded | PlatformError:
        if key == BARE:
            return self._bare
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
        missing: dict[int, dict[Any, Loaded]] = {}  # by encoder
        for key, (loaded, _) in zip(keys, wanted, strict=True):
            if key in known:
                continue
            features = self._cache.get(key)
            if features is not None and (features.exact or not exactly):
                known[key] = features
            else:
                missing.setdefault(id(loaded.encoder), {})[key] = loaded
        for group in missing.values():
            loadeds = list(group.values())
            encoder, reads = loadeds[0].encoder, [one.head.reads for one in loadeds]
            if exactly:
                encoder = encoder.computing_in("fp32")
            exact = encoder.precision.compute == torch.float32
            rows = _tokens(encoder, [(key[-1], one.extent, one.head.reads) for key, one in group.items()])
            computed = encoder.encode_each(rows, [one.slot for one in loadeds], reads)
            for key, vectors, cut in zip(group, computed, rows.cut.tolist(), strict=True):
                known[key] = Features(torch.atleast_2d(vectors), cut, exact)
                self._cache.put(key, known[key])
        return [known[key] for key in keys]


def _extent_of(text: Any, extent: Extent) -> Extent:
    """How much of a text is read, for remembering it: the same for all who read the whole of it."""
    whole = isinstance(text, str) and text.isascii() and len(text) + _MARKS <= extent.max_tokens
    return _WHOLE if whole else extent


def _tokens(encoder: Encoder, texts: Sequence[tuple[Any, Extent, str]]) -> TokenRows:
    """Tokenise what heads read: of each how much may be read, and what is."""
    alike: dict[tuple[Extent, str], list[int]] = {}
    for at, (_, extent, reads) in enumerate(texts):
        alike.setdefault((extent, reads), []).append(at)
    parts = [encoder.tokens([texts[at][0] for at in places], *how) for how, places in alike.items()]
    if len(parts) == 1:
        return parts[0]
    return TokenRows.joined(parts).part(np.argsort([at for places in alike.values() for at in places]))


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
