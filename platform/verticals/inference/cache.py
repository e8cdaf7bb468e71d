"""Features of texts seen lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import torch


class FeatureCache:
    """The features of the texts used last; a repeated text, such as a catalogue's item, is not encoded again.

    Args:
        capacity: texts kept, at most; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> torch.Tensor | None:
        """The features kept for a key."""
        with self._lock:
            features = self._kept.get(key)
            if features is not None:
                self._kept.move_to_end(key)
            return features

    def put(self, key: Hashable, features: torch.Tensor) -> None:
        """Keep features; the longest unused ones make room."""
        if not self.capacity:
            return
        with self._lock:
            self._kept[key] = features
            self._kept.move_to_end(key)
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
