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
        self.depth = 0  # layers that can be gone through one by one
        self.packs = False
        self.dropout = 0.0  # where gradients are wanted
        self._dropouts = [module for module in model.modules() if isinstance(module, nn.Dropout)]

    @property
    def adaptable(self) -> nn.Module:
        """The model whose layers adapters name."""
        adaptable: nn.Module = self.model
        return adaptable

    @property
    def checkpointing(self) -> bool:
        """Whether layers are computed again on the way back instead of being kept."""
        return bool(self.model.is_gradient_checkpointing)

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        if wanted:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        else:
            self.model.gradient_checkpointing_disable()

    @property
    def word_vectors(self) -> torch.Tensor:
        """One vector per piece of the vocabulary, [vocabulary, width]."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight
        return weight

    def vectors(self, batch: TokenBatch) -> torch.Tensor:
        """The tokens' word vectors, [rows, length, width]."""
        vectors: torch.Tensor = self.model.get_input_embeddings()(batch.ids)
        return vectors

    def forward(self, batch: TokenBatch, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """Hidden states [rows, length, width]; ``hidden`` stands in for the tokens' word vectors."""
        positions = torch.arange(batch.ids.shape[1], device=batch.ids.device)
        inputs = {"attention_mask": batch.mask.long()}
        inputs |= {"input_ids": batch.ids} if hidden is None else {"inputs_embeds": hidden}
        if self.segments:
            inputs["token_type_ids"] = (positions >= batch.second[:, None]).long()
        for module in self._dropouts:
            module.p, module.training = self.dropout, torch.is_grad_enabled() and self.dropout > 0
        output: torch.Tensor = self.model(**inputs).last_hidden_state
        return output


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
