"""Vectors of texts to be grouped: of the platform's encoder, or of their signs where the encoder does not read them.

The default encoder knows English. For texts without spaces between words (Chinese, Japanese), whose signs it hardly
knows, single signs and pairs of signs are counted instead, weighted by rarity (tf-idf) and hashed to a fixed width.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from verticals_customer_service.redaction import PLACEHOLDER

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Any]

WIDTH = 1024
_BATCH = 512
_COMMON = frozenset("的了吗呢吧啊呀我你您他她是在有和就都也还把被请问好这那个么什怎")


def encoded(texts: Sequence[str], embed: Embed, progress: Callable[[int], None] | None = None) -> Vectors:
    """Vectors by the encoder, of length 1, [n, dimension]; placeholders say nothing and are left out."""
    bare = [PLACEHOLDER.sub(" ", text) for text in texts]
    parts = []
    for start in range(0, len(bare), _BATCH):
        parts.append(np.asarray(embed(bare[start : start + _BATCH]), np.float32))
        if progress:
            progress(min(start + _BATCH, len(bare)))
    return _unit(np.concatenate(parts)) if parts else np.zeros((0, 1), np.float32)


def counted(texts: Sequence[str]) -> Vectors:
    """Vectors by the signs and pairs of signs of each text, of length 1, [n, 1024]."""
    counts = [Counter(_signs(text)) for text in texts]
    spread = Counter(sign for count in counts for sign in count)
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    for row, count in enumerate(counts):
        for sign, times in count.items():
            weight = (1 + np.log(times)) * np.log((1 + len(texts)) / spread[sign])
            vectors[row, zlib.crc32(sign.encode()) % WIDTH] += weight + 0.1
    return _unit(vectors)


def _signs(text: str) -> list[str]:
    bare = [sign for sign in PLACEHOLDER.sub(" ", text).lower() if sign.isalnum()]
    pairs = [a + b for a, b in itertools.pairwise(bare) if not {a, b} <= _COMMON]
    return [sign for sign in bare if sign not in _COMMON] + pairs


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: Vectors = (vectors / lengths).astype(np.float32)
    return scaled
