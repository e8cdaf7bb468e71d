"""Encoders of any kind that the transformers library can load, behind the same face."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from verticals.contract import Damaged

from .batches import TokenBatch
from .source import EncoderSource


class Auto(nn.Module):
    """A transformers encoder that takes a `TokenBatch`."""

    def __init__(self, model: Any, segments: bool) -> None:
        super().__init__()
        self.model, self.segments = model, segments
        self.width = int(model.config.hidden_size)

    @property
    def adaptable(self) -> nn.Module:
        """The model whose layers adapters name."""
        adaptable: nn.Module = self.model
        return adaptable

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Hidden states [rows, length, width]."""
        positions = torch.arange(batch.ids.shape[1], device=batch.ids.device)
        inputs = {"input_ids": batch.ids, "attention_mask": (positions < batch.lengths[:, None]).long()}
        if self.segments:
            inputs["token_type_ids"] = (positions >= batch.second[:, None]).long()
        hidden: torch.Tensor = self.model(**inputs).last_hidden_state
        return hidden


def load(source: EncoderSource) -> Auto:
    """Load the encoder with the transformers library; remote code stays off.

    Raises:
        Damaged: the library cannot load it.
    """
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(source.path, dtype=torch.float32, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(f"The encoder {source.name!r} cannot be loaded: {error}.") from error
    return Auto(model, int(source.config.get("type_vocab_size") or 0) > 1)
