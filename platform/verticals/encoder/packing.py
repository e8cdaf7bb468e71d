"""The tokens of a padded batch one after the other, and how they attend without the padding."""

from __future__ import annotations

import numpy as np
import torch

_BLOCK = (
    64  # tokens that attend together: shorter ones cost a CPU more for each token, longer ones compute more in vain
)


class Packing:
    """The tokens of a padded batch alone, one after the other, and back.

    To attend, whole texts lie side by side in blocks, and a mask keeps each text to itself.

    Args:
        lengths: tokens of each row, [rows].
        length: what the rows are padded to.
    """

    def __init__(self, lengths: torch.Tensor, length: int) -> None:
        self._shape = len(lengths), length
        self._places = (torch.arange(length) < lengths[:, None]).flatten().nonzero().squeeze(1)
        starts, blocks, size = _laid(lengths.tolist())
        rows = torch.repeat_interleave(lengths)
        self._dealt = torch.arange(len(rows)) + (starts - lengths.cumsum(0) + lengths)[rows]
        self._taken = torch.zeros(blocks * size, dtype=torch.int64)
        self._taken[self._dealt] = torch.arange(len(rows))
        owners = torch.full((blocks * size,), -1)
        owners[self._dealt] = rows
        owners = owners.view(blocks, size)
        self._blocks = blocks, size
        self.mask = owners[:, None, :, None] == owners[:, None, None, :]

    def pack(self, padded: torch.Tensor) -> torch.Tensor:
        """[rows, length, ...] to [tokens, ...]."""
        packed: torch.Tensor = padded.flatten(0, 1).index_select(0, self._places)
        return packed

    def pad(self, packed: torch.Tensor) -> torch.Tensor:
        """[tokens, width] to [rows, length, width], zeros where there is no token."""
        rows, length = self._shape
        padded = packed.new_zeros(rows * length, packed.shape[1])
        return padded.index_copy(0, self._places, packed).view(rows, length, -1)

    def deal(self, packed: torch.Tensor) -> torch.Tensor:
        """[tokens, width] to [blocks, size, width], any token's values where there is none."""
        return packed.index_select(0, self._taken).view(*self._blocks, -1)

    def gather(self, dealt: torch.Tensor) -> torch.Tensor:
        """[blocks, size, width] to [tokens, width]."""
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
