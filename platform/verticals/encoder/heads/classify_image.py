"""One of several labels for an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from verticals.contract import BadInput, Prediction
from verticals.data.images import read_image, resized
from verticals.encoder import vision

from .classify import NEIGHBOURS, ClassifyHead

_TOGETHER = 128  # images that go through the network at once


class ClassifyImageHead(ClassifyHead):
    """A network of its own, and on its vectors what `ClassifyHead` has on those of texts.

    Args:
        dimension: ignored; the network has its own.
        labels: in order.
        network: as `vision.describe` has it.
        folder: of pretrained weights to begin with; a saved head brings its own.
        temperature, threshold, fields, dropout, neighbours: see `ClassifyHead`.
    """

    reads = "itself"

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        network: Mapping[str, Any],
        temperature: float = 1.0,
        threshold: float = -1.0,
        fields: Sequence[str] = ("image",),
        dropout: float = 0.0,
        folder: str = "",
        neighbours: int = NEIGHBOURS,
    ) -> None:
        made = vision.build(network, folder)
        super().__init__(made.width, labels, temperature, threshold, fields, dropout, neighbours)
        self.made_of, self.network = dict(network), made

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {**super().config(), "network": self.made_of}

    @property
    def below(self) -> Mapping[str, nn.Parameter]:
        """See `Head.below`."""
        return {f"network.{name}": parameter for name, parameter in self.network.named_parameters()}

    def texts(self, value: Any) -> list[Any]:
        """No texts: the network reads the image itself."""
        return []

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors [images, dimension] of images [images, channels, size, size]; vectors stay what they are."""
        if features.ndim == 2:
            return features
        device = self.linear.weight.device
        parts = features.split(_TOGETHER) if not torch.is_grad_enabled() else (features,)
        vectors = [self.network(part.to(device).float() / (255 if part.dtype == torch.uint8 else 1)) for part in parts]
        return torch.cat(vectors).float()

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`."""
        return super().answer(self.images(values), values)

    def images(self, values: Sequence[Any]) -> torch.Tensor:
        """Inputs as the network takes them, uint8 [images, channels, size, size].

        Raises:
            BadInput: one is no image.
        """
        size, channels = int(self.made_of["size"]), int(self.made_of["channels"])
        return torch.from_numpy(np.stack([resized(image_of(value, self.fields), size, channels) for value in values]))


def image_of(value: Any, fields: Sequence[str]) -> np.ndarray:
    """The image of an input, which is the image itself or a mapping of the head's one field; see `read_image`."""
    (name,) = fields
    if isinstance(value, Mapping) and set(value) != {"base64"}:
        if name not in value:
            raise BadInput(f"The input has no {name!r}.", f"It needs: {name}.")
        value = value[name]
    return read_image(value)
