"""Vectors by the bare encoder, in one batch with what else is asked for at the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .served_head import Answerer


async def vectors_of(texts: Sequence[str], queue: Answerer, tenant: str) -> np.ndarray:
    """Vectors of length 1, float32 [n, dimension].

    Raises:
        Unavailable: too much is waiting already.
    """
    import numpy as np

    from verticals.inference import BARE

    answers = await queue.predict(*BARE, texts, tenant=tenant)
    return np.array([answer.vector for answer in answers], np.float32)
