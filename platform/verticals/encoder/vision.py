"""Networks that turn images into vectors: a small one from scratch, or any that the transformers library loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import BadInput, Damaged

_WIDTHS = (32, 64, 128)


class Block(nn.Module):
    """Two convolutions beside a shortcut (He et al., 2016, arXiv:1512.03385), normalised before each.

    Groups of channels are normalised (Wu and He, 2018, arXiv:1803.08494): unlike statistics of batches these are the
    same in training and in serving.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)])
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Planes [images, outputs, height / stride, width / stride]."""
        before = functional.relu(self.norms[0](planes))
        after = self.second(functional.relu(self.norms[1](self.first(before))))
        summed: torch.Tensor = after + self.shortcut(planes if isinstance(self.shortcut, nn.Identity) else before)
        return summed


class SmallNetwork(nn.Module):
    """A residual network of about 300,000 weights for images of 20 to 128 pixels; the mean of its last planes.

    Each image is first brought to mean 0 and deviation 1: how bright a device makes its images must not matter.

    Args:
        channels: of the images.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = _WIDTHS[-1]
        self.stem = nn.Conv2d(channels, _WIDTHS[0], 5, 2, 2, bias=False)
        pairs = zip((_WIDTHS[0], *_WIDTHS), _WIDTHS, strict=False)
        self.blocks = nn.Sequential(*(Block(one, other, 1 if one == other else 2) for one, other in pairs))
        self.norm = nn.GroupNorm(8, self.width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors [images, width] of images [images, channels, height, width] from 0 to 1."""
        centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
        planes = centred / centred.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)
        planes = functional.relu(self.norm(self.blocks(self.stem(planes))))
        return planes.mean(dim=(2, 3))


class Pretrained(nn.Module):
    """An image encoder of the transformers library; the mean of its last tokens or planes.

    Statistics of batches stay those of its own training.

    Args:
        model: as `AutoModel` loads it.
        mean, deviation: of the images it was trained on, by channel.
    """

    def __init__(self, model: Any, mean: list[float], deviation: list[float]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        config = model.config
        self.width = int(getattr(config, "hidden_size", None) or config.hidden_sizes[-1])

    def train(self, mode: bool = True) -> Pretrained:
        """Switch dropout, but no statistics of batches."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - torch has no public name for it
                module.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors [images, width] of images [images, channels, height, width] from 0 to 1."""
        last: torch.Tensor = self.model(pixel_values=(images - self.mean) / self.deviation).last_hidden_state
        return last.mean(dim=1) if last.ndim == 3 else last.mean(dim=(2, 3))


def describe(folder: str, size: int, channels: int) -> dict[str, Any]:
    """What `build` needs to make a network.

    Args:
        folder: of a transformers image encoder; empty for a network from scratch.
        size: pixels per side; 0 for what the encoder was trained on.
        channels: of the images, where the network is made from scratch.

    Raises:
        BadInput: the folder holds no image encoder.
    """
    if not folder:
        return {"kind": "small", "size": size, "channels": channels}
    config = _config(folder)
    if "num_channels" not in config:
        raise BadInput(
            f"recipe: encoder is {folder!r}, which is no folder of an image encoder.",
            "Give a folder with config.json and model.safetensors of one, or leave it empty for a small network "
            "from scratch.",
        )
    own = _json(Path(folder) / "preprocessor_config.json") or {}
    channels = int(config.get("num_channels", 3))
    usual = {"image_mean": [0.5] * channels, "image_std": [0.5] * channels}
    mean, deviation = ([float(part) for part in own.get(key) or usual[key]] for key in usual)
    return {
        "kind": "transformers", "size": size or _size(own, config), "channels": channels, "mean": mean,
        "deviation": deviation, "model": config,
    }  # fmt: skip


def build(network: Mapping[str, Any], folder: str = "") -> SmallNetwork | Pretrained:
    """Make a network as `describe` has it, with the weights in ``folder``; with random ones where none is given.

    Raises:
        Damaged: the transformers library cannot make or load it.
    """
    if network["kind"] == "small":
        return SmallNetwork(network["channels"])
    from transformers import AutoConfig, AutoModel

    try:
        if folder:
            model = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
        else:
            config = dict(network["model"])
            model = AutoModel.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(f"The image encoder {folder or 'of this version'} cannot be loaded: {error}.") from error
    return Pretrained(model, network["mean"], network["deviation"])


def _size(own: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """Pixels per side that the encoder was trained on."""
    for given in (own.get("crop_size"), own.get("size"), config.get("image_size")):
        side = next(iter(given.values()), None) if isinstance(given, Mapping) else given
        if isinstance(side, int):
            return side
    return 224


def _config(folder: str) -> dict[str, Any]:
    """The whole configuration of the model in a folder; nothing where there is none."""
    from transformers import AutoConfig

    if not (Path(folder) / "config.json").is_file():
        return {}
    try:
        return dict(AutoConfig.from_pretrained(folder).to_dict())
    except (OSError, ValueError, KeyError):
        return {}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
