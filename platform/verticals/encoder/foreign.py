"""LoRA adapters that the peft library made elsewhere, for whatever task."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from verticals.contract import BadInput

from .lora import LoraAdapter

_KEY = re.compile(r"^base_model\.model\.(.+)\.lora_([AB])(?:\.\w+)?\.weight$")
_OF_THE_TASK = re.compile(
    r"modules_to_save|classifier|score|qa_outputs|pooler"
)  # what stood on top; a head replaces it


def foreign_adapter(folder: Path, shapes: Mapping[str, tuple[int, int]]) -> LoraAdapter:
    """Read a PEFT folder as an adapter of this encoder.

    Layers may be named as within a model for some task (``bert.encoder…``), and have ranks and scales of their own:
    each layer's scale goes into its matrix. What the folder holds above the encoder is left out.

    Args:
        folder: with ``adapter_config.json`` and ``adapter_model.safetensors``.
        shapes: of the encoder's layers, as `Bank.shapes`.

    Raises:
        BadInput: there is no such folder, it holds another kind of adapter, or one of another encoder.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(
            f"The adapter in {folder} cannot be read: {error}.",
            "Give a folder that peft's save_pretrained wrote: adapter_config.json and adapter_model.safetensors.",
        ) from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA" or config.get("use_dora"):
        raise BadInput(f"The adapter in {folder} is no plain LoRA adapter.", "Merge it, and give the encoder instead.")
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        if _OF_THE_TASK.search(key):
            continue
        if found := _KEY.match(key):
            halves.setdefault(_layer(found[1], shapes, folder), {})[found[2]] = tensor.float()
        else:
            raise BadInput(
                f"The adapter in {folder} has {key!r}, which is no update of a linear layer.",
                "Train it without biases, embeddings or further modules.",
            )
    for name, pair in halves.items():
        if set(pair) != {"A", "B"} or (pair["A"].shape[1], pair["B"].shape[0]) != shapes[name]:
            raise BadInput(f"The adapter in {folder} does not fit the encoder's layer {name!r}.", _OTHER)
    if not halves:
        raise BadInput(f"The adapter in {folder} changes no layer of the encoder.", _OTHER)
    rank = max(len(pair["A"]) for pair in halves.values())
    adapter = LoraAdapter({name: shapes[name] for name in halves}, rank, float(rank), torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, pair in halves.items():
            down, up = adapter.matrices(name)
            own = len(pair["A"])
            down[:own] = pair["A"]
            up[:, :own] = pair["B"] * _scale(config, name, own)
    return adapter


_OTHER = "It was made for another encoder: choose that one with PLATFORM_ENCODER or the recipe's encoder."


def _layer(name: str, shapes: Mapping[str, tuple[int, int]], folder: Path) -> str:
    for own in shapes:
        if name == own or name.endswith(f".{own}"):
            return own
    raise BadInput(f"The adapter in {folder} changes a layer {name!r}, which the encoder does not have.", _OTHER)


def _scale(config: Mapping[str, Any], name: str, rank: int) -> float:
    patterns = config.get("alpha_pattern") or {}
    own = next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", name)), None)
    alpha = float(config["lora_alpha"] if own is None else own)
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
