"""The bare encoder, asked as if it were a head: so vectors are computed in one batch with what heads read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from verticals.contract import Prediction
from verticals.encoder import Encoder
from verticals.encoder.encoder import EMBEDDED_TOKENS
from verticals.encoder.heads import Head

from .loaded import Loaded

#: What is asked for in the place of vertical, head and version.
BARE = ("", "", "")


class Vectors(Head):
    """Vectors of length 1, of any text."""

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {}

    def texts(self, value: str) -> list[str]:
        """See `Head.texts`."""
        return [value]

    def answer(self, features: torch.Tensor, values: Sequence[str]) -> list[Prediction]:
        """See `Head.answer`."""
        return [Prediction(None, 1.0, vector=tuple(one)) for one in functional.normalize(features, dim=1).tolist()]


def bare(encoder: Encoder) -> Loaded:
    """The encoder as a version in memory."""
    return Loaded("", Vectors(encoder.dimension), encoder, 0, {"recipe": {"max_tokens": EMBEDDED_TOKENS}}, 0)
