"""What frozen lower layers give of each text, computed once: training then costs only the layers above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from verticals.encoder import Encoder, TokenBatch, TokenRows, bucketed
from verticals.encoder.batches import tokens_at_once


@dataclass(slots=True)
class Lower:
    """Token vectors behind the lowest layers.

    Args:
        layers: how many layers they have gone through.
        vectors: of all texts, one after the other, [tokens, width], on the encoder's device.
        starts: where each text's begin, int64 [texts].
    """

    layers: int
    vectors: torch.Tensor
    starts: np.ndarray

    def batch(self, which: np.ndarray, batch: TokenBatch) -> torch.Tensor:
        """Of the texts ``which``, padded as their ``batch`` is, [rows, length, width]."""
        # What stands in for padding is masked in every layer, so another text's vectors do no harm.
        places = batch.positions(torch.from_numpy(self.starts[which]).to(batch.ids.device))
        return self.vectors[places.clamp_max(len(self.vectors) - 1)]


def through_lower(
    rows: TokenRows, encoder: Encoder, layers: int, progress: Callable[[int], None] | None = None
) -> Lower:
    """Send texts through the encoder's lowest ``layers`` layers."""
    lengths = rows.lengths
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    vectors = torch.empty(int(lengths.sum()), encoder.dimension, device=encoder.precision.device)
    for which in bucketed(lengths, rows=512, tokens=tokens_at_once(encoder.precision.device)):
        batch = encoder.batch(rows, which)
        with encoder.lock, torch.inference_mode(), encoder.computing():
            hidden = encoder.model(batch, last=layers).float()
        vectors[batch.positions(torch.from_numpy(starts[which]).to(hidden.device))[batch.mask]] = hidden[batch.mask]
        if progress is not None:
            progress(len(which))
    return Lower(layers, vectors, starts)
