"""Features of texts seen lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Features:
    """What a head reads of one text.

    Args:
        vectors: [1, dimension], or [words, dimension] for a head that reads words.
        cut: tokens at the text's end that were not read.
    """

    vectors: torch.Tensor
    cut: int


class FeatureCache:
    """The features of the texts used last; a repeated text, such as a catalogue's item, is not encoded again.

    Args:
        capacity: texts kept, at most; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, Features] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Features | None:
        """The features kept for a key."""
        with self._lock:
            features = self._kept.get(key)
            if features is not None:
                self._kept.move_to_end(key)
            return features

    def put(self, key: Hashable, features: Features) -> None:
        """Keep features; the longest unused ones make room."""
        if not self.capacity:
            return
        with self._lock:
            self._kept[key] = features
            self._kept.move_to_end(key)
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
