"""The tokens of a padded batch one after the other, and how they attend without the padding."""

from __future__ import annotations

import numpy as np
import torch

_BLOCK = (
    64  # tokens that attend together: shorter ones cost a CPU more for each token, longer ones compute more in vain
)
_STEP = 16  # tokens that a CPU multiplies at once


def places_for(tokens: int) -> int:
    """A number that so many tokens are rounded up to: one of a few, and a sixteenth larger at most from 256 on.

    Libraries make kernels for each shape that they meet, and keep them: a batch of every size would fill the memory.
    """
    step = max(_STEP, 1 << max(0, tokens.bit_length() - 5))
    return -(-tokens // step) * step


class Packing:
    """The tokens of a padded batch alone, one after the other, and back.

    To attend, whole texts lie side by side in blocks, and a mask keeps each text to itself.

    Args:
        lengths: tokens of each row, [rows].
        length: what the rows are padded to.
        places: how many tokens are computed; the last one is repeated where the rows have fewer.
    """

    def __init__(self, lengths: torch.Tensor, length: int, places: int) -> None:
        self._shape = len(lengths), length
        inside = (torch.arange(length) < lengths[:, None]).flatten().nonzero().squeeze(1)
        starts, blocks, size = _laid(lengths.tolist())
        rows = torch.repeat_interleave(lengths)
        dealt = torch.arange(len(rows)) + (starts - lengths.cumsum(0) + lengths)[rows]
        self._taken = torch.zeros(blocks * size, dtype=torch.int64)
        self._taken[dealt] = torch.arange(len(rows))
        owners = torch.full((blocks * size,), -1)
        owners[dealt] = rows
        owners = owners.view(blocks, size)
        self._blocks = blocks, size
        self._apart = owners[:, None, :, None] != owners[:, None, None, :]
        self._masks: dict[torch.dtype, torch.Tensor] = {}
        self._padding = torch.full((len(lengths) * length,), len(rows) - 1)
        self._padding[inside] = torch.arange(len(rows))
        repeated = places - len(rows)
        self._places, self._dealt = (torch.cat([each, each[-1:].expand(repeated)]) for each in (inside, dealt))

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Added to the scores of attention, [blocks, 1, size, size]: 0 within a text, minus infinity between two."""
        if dtype not in self._masks:
            zeros = torch.zeros(self._apart.shape, dtype=dtype)
            self._masks[dtype] = zeros.masked_fill_(self._apart, float("-inf"))
        return self._masks[dtype]

    def pack(self, padded: torch.Tensor) -> torch.Tensor:
        """[rows, length, ...] to [places, ...]."""
        packed: torch.Tensor = padded.flatten(0, 1).index_select(0, self._places)
        return packed

    def pad(self, packed: torch.Tensor) -> torch.Tensor:
        """[places, width] to [rows, length, width], any token's values where there is none."""
        return packed.index_select(0, self._padding).view(*self._shape, -1)

    def deal(self, packed: torch.Tensor) -> torch.Tensor:
        """[places, width] to [blocks, size, width], any token's values where there is none."""
        return packed.index_select(0, self._taken).view(*self._blocks, -1)

    def gather(self, dealt: torch.Tensor) -> torch.Tensor:
        """[blocks, size, width] to [places, width]."""
        packed: torch.Tensor = dealt.flatten(0, 1).index_select(0, self._dealt)
        return packed


def _laid(lengths: list[int]) -> tuple[torch.Tensor, int, int]:
    """Where each row begins when blocks are filled one after the other, how many blocks, and their size."""
    size = -(-max(lengths) // _BLOCK) * _BLOCK
    starts = np.empty(len(lengths), dtype=np.int64)
    end = 0
    for at, length in enumerate(lengths):
        if end % size + length > size:
            end = -(-end // size) * size
        starts[at] = end
        end += length
    return torch.from_numpy(starts), -(-end // size), size
