"""Low-rank adapters (Hu et al., 2021, arXiv:2106.09685), saved as plain PEFT folders."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from verticals.contract import Damaged

_PREFIX = "base_model.model."


class LoraAdapter(nn.Module):
    """The adapter of one head: for each linear layer ``W`` of the encoder an update ``scale * B @ A``.

    Args:
        layers: name to ``(inputs, outputs)`` of each linear layer.
        rank: rank of the updates.
        alpha: scale times rank.
        generator: source of the random start; ``B`` starts at zero, so a new adapter changes nothing.
    """

    def __init__(
        self, layers: Mapping[str, tuple[int, int]], rank: int, alpha: float, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.rank, self.alpha = rank, alpha
        self.down = nn.ParameterDict()
        self.up = nn.ParameterDict()
        for name, (inputs, outputs) in layers.items():
            down = torch.empty(rank, inputs)
            bound = 1 / math.sqrt(inputs)  # Kaiming's uniform start with a = sqrt(5), as PEFT has it
            down.uniform_(-bound, bound, generator=generator)
            self.down[_key(name)] = nn.Parameter(down)
            self.up[_key(name)] = nn.Parameter(torch.zeros(outputs, rank))
        self._names = dict.fromkeys(layers)

    @property
    def scale(self) -> float:
        """Factor of the update: alpha / rank."""
        return self.alpha / self.rank

    @property
    def layers(self) -> Collection[str]:
        """Names of the adapted linear layers, in order."""
        return self._names

    def matrices(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """``A`` [rank, inputs] and ``B`` [outputs, rank] of one layer."""
        return self.down[_key(name)], self.up[_key(name)]

    def save(self, folder: Path, base: str) -> None:
        """Write ``adapter_config.json`` and ``adapter_model.safetensors`` as PEFT reads them."""
        from safetensors.torch import save_file

        tensors = {}
        for name in self._names:
            down, up = self.matrices(name)
            tensors[f"{_PREFIX}{name}.lora_A.weight"] = down.detach().cpu().contiguous()
            tensors[f"{_PREFIX}{name}.lora_B.weight"] = up.detach().cpu().contiguous()
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = {
            "peft_type": "LORA", "task_type": "FEATURE_EXTRACTION", "base_model_name_or_path": base, "r": self.rank,
            "lora_alpha": self.alpha, "target_modules": sorted(self._names), "lora_dropout": 0.0, "bias": "none",
            "inference_mode": True,
        }  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LoraAdapter:
        """Read a PEFT LoRA folder, made here or elsewhere.

        Raises:
            Damaged: a file is missing or is no LoRA adapter of linear layers.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "adapter_model.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise Damaged(f"The adapter in {folder} cannot be read: {error}.") from error
        pairs = dict(_pairs(folder, tensors))
        if config.get("peft_type") != "LORA" or len(tensors) != 2 * len(pairs) or not pairs:
            raise Damaged(
                f"The adapter in {folder} is more or less than the low-rank updates of linear layers.",
                "Save it without DoRA, biases or further modules.",
            )
        if any(len(down) != config["r"] for down, _ in pairs.values()) or config.get("alpha_pattern"):
            raise Damaged(f"The adapter in {folder} has layers of different ranks or scales.", "Give all the same.")
        layers = {name: (down.shape[1], up.shape[0]) for name, (down, up) in pairs.items()}
        alpha = float(config["lora_alpha"]) * (math.sqrt(config["r"]) if config.get("use_rslora") else 1.0)
        # A generator of its own: a random draw here would change training that runs at the same time.
        adapter = cls(layers, int(config["r"]), alpha, torch.Generator())
        with torch.no_grad():
            for name, (down, up) in pairs.items():
                own_down, own_up = adapter.matrices(name)
                own_down.copy_(down)
                own_up.copy_(up)
        return adapter


def _pairs(
    folder: Path, tensors: Mapping[str, torch.Tensor]
) -> Iterable[tuple[str, tuple[torch.Tensor, torch.Tensor]]]:
    for key, down in tensors.items():
        if key.endswith(".lora_A.weight"):
            up = tensors.get(key.replace(".lora_A.", ".lora_B."))
            if up is None or up.shape[1] != down.shape[0]:
                raise Damaged(f"The adapter in {folder} has no fitting lora_B for {key}.")
            yield key.removeprefix(_PREFIX).removesuffix(".lora_A.weight"), (down, up)


def _key(name: str) -> str:
    return name.replace(".", "/")  # a ParameterDict takes no dots
