"""Encoders changed by the peft library in ways that the bank does not know: copies of their own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from verticals.contract import Damaged

from . import auto
from .batches import TokenBatch
from .encoder import Encoder


class Adapted(auto.Auto):
    """A transformers encoder inside a `PeftModel`.

    Virtual tokens that come before a text's own take places from them, and are no part of what is pooled.

    Args:
        model: the `PeftModel`.
        segments: whether the encoder tells the two texts of a pair apart; with virtual tokens peft cannot.
    """

    def __init__(self, model: Any, segments: bool) -> None:
        setting = model.peft_config["default"]
        super().__init__(model, segments and not setting.is_prompt_learning)
        self.virtual = int(setting.num_virtual_tokens) if setting.is_prompt_learning else 0

    @property
    def adaptable(self) -> nn.Module:
        """Nothing: the bank stays out of layers that peft has wrapped."""
        return nn.Module()

    def forward(self, batch: TokenBatch, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """Hidden states of the text's own tokens, [rows, length, width]."""
        return super().forward(batch, hidden)[:, -batch.ids.shape[1] :]


def adapted(shared: Encoder, configure: Callable[[Any], Any], seed: int) -> Encoder:
    """A private copy of an encoder with a new adapter of peft on it; only the adapter takes gradients.

    Args:
        shared: the encoder whose weights are copied.
        configure: gives the adapter's `PeftConfig` for the transformers model.
        seed: of the adapter's random start.
    """
    from peft import get_peft_model

    base = auto.load(shared.source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(base.model, configure(base.model))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    twin = _standing_on(shared, Adapted(model, base.segments))
    for parameter in trained:
        parameter.requires_grad_(True)
    return twin


def save(encoder: Encoder, folder: Path) -> None:
    """Write the adapter of `adapted` as a PEFT folder."""
    model: Any = encoder.model
    model.model.peft_config["default"].base_model_name_or_path = encoder.source.name
    # Layers of words are never trained here, and looking for changed ones would ask the hub.
    model.model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)


def load(shared: Encoder, folder: Path) -> Encoder:
    """A private copy of an encoder with the adapter of a PEFT folder, merged into its weights where that is possible.

    Raises:
        Damaged: the adapter does not fit the encoder.
    """
    from peft import PeftModel

    base = auto.load(shared.source)
    try:
        model = PeftModel.from_pretrained(base.model, folder)
        if not model.peft_config["default"].is_prompt_learning:
            return _standing_on(shared, auto.Auto(model.merge_and_unload(), base.segments))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Damaged(f"The adapter in {folder} cannot be loaded: {error}.", "Train it again.") from error
    return _standing_on(shared, Adapted(model, base.segments))


def fits_bank(folder: Path) -> bool:
    """Whether the bank serves the adapter of a PEFT folder: plain low-rank updates."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # reading it there tells what is wrong
    return config.get("peft_type") == "LORA" and not config.get("use_dora")


def _standing_on(shared: Encoder, model: auto.Auto) -> Encoder:
    twin = shared.private_copy(model)
    virtual = getattr(model, "virtual", 0)
    if virtual:
        twin.tokenizer = copy.copy(shared.tokenizer)
        twin.tokenizer.limit -= virtual
    return twin
