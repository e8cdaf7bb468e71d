"""What is trained below the head, and how it is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from verticals.contract import BadInput, Recipe
from verticals.encoder import Encoder, LoraAdapter
from verticals.encoder.foreign import foreign_adapter

from .prepared import Data

EVERY, USUAL = "all", "up"  # values of `Recipe.lora_layers`; the second of the method `lora`
# As other kinds of encoders call them, some of which compute several at once.
_ALSO_NAMED = {
    "query": ("query", "q_lin", "q_proj", "q", "Wqkv", "qkv", "query_key_value"),
    "key": ("key", "k_lin", "k_proj", "k", "Wqkv", "qkv", "query_key_value"),
    "value": ("value", "v_lin", "v_proj", "v", "Wqkv", "qkv", "query_key_value"),
    "up": ("intermediate.dense", "ffn.lin1", "fc1", "up_proj", "mlp.Wi", "wi", "dense_h_to_4h", "c_fc"),
}
_RATE, _RATE_OF_FEW = 1e-3, 3e-3  # peak rates of adapters on all layers, and on some: fewer weights, longer steps
_LAYER = re.compile(r"layer[./](\d+)[./]")


@dataclass(slots=True)
class Body:
    """An encoder with what of it is trained.

    Args:
        encoder: the shared one, or a private copy.
        adapter: in training, where there is one.
        parameters: what is trained, by name.
        rate: usual peak learning rate.
        save: writes the trained weights into a version's folder.
        after_step: told the number of each step that is done, from 0, while its gradients are still there.
        penalty: added to each step's loss.
        remember, recall: give and take back what else a checkpoint must hold to go on exactly.
    """

    encoder: Encoder
    adapter: LoraAdapter | None = None
    parameters: Mapping[str, nn.Parameter] = field(default_factory=dict)
    rate: float = 1e-3
    save: Callable[[Path], None] = lambda folder: None
    after_step: Callable[[int], None] | None = None
    penalty: Callable[[], torch.Tensor] | None = None
    remember: Callable[[], dict[str, Any]] = dict
    recall: Callable[[Mapping[str, Any]], None] = lambda kept: None

    def encode(self, data: Data, progress: Callable[[int], None] | None = None) -> torch.Tensor:
        """What the head reads of every example, on the CPU, without gradients."""
        with self.encoder.lock, self.encoder.bank.train(self.adapter):
            return data.encode(self.encoder, progress)


def lora_body(shared: Encoder, recipe: Recipe, usual: str = EVERY) -> Body:
    """A new adapter on linear layers above the frozen ones, or one that was made elsewhere.

    Args:
        shared: the encoder.
        recipe: of the training.
        usual: its ``lora_layers`` where it leaves them open.

    Raises:
        BadInput: its rank is above the bank's, or the recipe's layers or adapter cannot be used.
    """
    shapes, rank = shared.bank.shapes, recipe.lora_rank
    above = adapted_layers(shapes, recipe, EVERY)
    chosen = above if recipe.adapter else adapted_layers(shapes, recipe, recipe.lora_layers or usual)
    if recipe.adapter:
        adapter = foreign_adapter(Path(recipe.adapter).expanduser(), {name: shapes[name] for name in above})
        rank = adapter.rank
    if rank > shared.bank.rank:
        raise BadInput(
            f"recipe: lora_rank is {rank}; adapters are served up to rank {shared.bank.rank}.",
            "Give a smaller one, or use the method 'full'.",
        )
    if not recipe.adapter:
        alpha = recipe.lora_alpha * (math.sqrt(rank) if recipe.lora_scaling == "rs" else 1.0)
        adapter = LoraAdapter(
            {name: shapes[name] for name in chosen}, rank, alpha, torch.Generator().manual_seed(recipe.seed)
        )
    adapter.to(shared.precision.device)
    parameters, rate = dict(adapter.named_parameters()), _RATE if len(chosen) == len(above) else _RATE_OF_FEW
    return Body(shared, adapter, parameters, rate, lambda folder: adapter.save(folder, shared.source.name))


def full_body(shared: Encoder, recipe: Recipe) -> Body:
    """A private copy of the encoder, all above its frozen layers in training."""
    own, lowest = shared.private_copy(), recipe.frozen_layers
    parameters = {
        name: parameter
        for name, parameter in own.model.named_parameters()
        # The word vectors are half of a small encoder; a few thousand rows would only disturb them.
        if (recipe.train_words or "word_embeddings" not in name) and (layer_of(name) >= lowest or not lowest)
    }
    return Body(own, None, parameters, 1e-4, lambda folder: save_weights(own, folder))


def adapted_layers(names: Iterable[str], recipe: Recipe, wanted: str) -> list[str]:
    """Of the linear layers ``names`` those above the frozen ones that ``lora_layers`` is about.

    Raises:
        BadInput: none is named so.
    """
    lowest = recipe.frozen_layers
    above = [name for name in names if not lowest or layer_of(f"{name}.") >= lowest]
    if wanted == EVERY:
        return above
    ends = {other for end in wanted.split(",") for other in _ALSO_NAMED.get(end.strip(), (end.strip(),))}
    chosen = [name for name in above if any(name == end or name.endswith(f".{end}") for end in ends)]
    if not chosen:
        known = ", ".join(sorted({name.rpartition(".")[2] for name in above}))
        raise BadInput(
            f"recipe: lora_layers is {wanted!r}; no layer of the encoder has such a name.",
            f"Their names end in {known}; or set lora_layers={EVERY}.",
        )
    return chosen


def layer_of(name: str) -> int:
    """The encoder layer that a weight's name tells, -1 where it belongs to none."""
    found = _LAYER.search(name)
    return int(found[1]) if found else -1


def save_weights(encoder: Encoder, folder: Path) -> None:
    """Write a private copy's weights as ``model.safetensors``."""
    from safetensors.torch import save_file

    save_file(encoder.state(), folder / "model.safetensors", metadata={"format": "pt"})
