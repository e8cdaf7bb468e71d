"""Images made ready for training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, suggest
from verticals.encoder import Encoder

from .prepared import Change

CHANGES = ("shift", "rotate", "zoom", "brightness", "erase", "flip")
_MOVED = 0.7  # of the images
_SHIFT = 0.1  # of the side
_DEGREES = 12.0
_ZOOM = 0.3
_CONTRAST, _BRIGHTNESS, _SHADE = 0.3, 0.2, 0.15
_ERASED = 0.35  # of the side, at most


@dataclass(slots=True)
class PreparedImages:
    """The images of one split.

    Args:
        images: uint8 [examples, channels, size, size].
        targets: int64 [examples].
        changes: that each image goes through anew whenever it is learned from.
        groups: see `Data`.
    """

    images: torch.Tensor
    targets: torch.Tensor
    changes: tuple[str, ...] = ()
    groups: torch.Tensor | None = None
    old: int = 0

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def lengths(self) -> np.ndarray:
        """See `Data.lengths`: all the same."""
        return np.ones(len(self), dtype=np.int64)

    @property
    def cut(self) -> int:
        """See `Data.cut`: images are never cut."""
        return 0

    def part(self, which: np.ndarray) -> PreparedImages:
        """Only the examples ``which``."""
        chosen = torch.from_numpy(which)
        groups = None if self.groups is None else self.groups[chosen]
        old = int((which >= len(self) - self.old).sum())
        return PreparedImages(self.images[chosen], self.targets[chosen], self.changes, groups, old)

    def forward(self, encoder: Encoder, which: np.ndarray, change: Change | None = None) -> torch.Tensor:
        """See `Data.forward`: the images, changed at random, [examples, 1, channels, size, size] from 0 to 1."""
        if change is not None:
            raise BadInput("recipe: adversarial moves word vectors; images have none.", "Set adversarial=none.")
        images = self.images[torch.from_numpy(which)].to(encoder.precision.device).float() / 255
        return changed(images, self.changes)[:, None]

    def targets_of(self, which: np.ndarray, features: torch.Tensor) -> torch.Tensor:
        """See `Data.targets_of`."""
        return self.targets[torch.from_numpy(which)].to(features.device)

    def encode(self, encoder: Encoder, progress: Callable[[int], None] | None = None, slot: int = 0) -> torch.Tensor:
        """See `Data.encode`: the images as they are, uint8 [examples, 1, channels, size, size]."""
        return self.images[:, None]


def changed(images: torch.Tensor, changes: tuple[str, ...]) -> torch.Tensor:
    """Images each moved, turned, brightened at random a little.

    Args:
        images: [images, channels, height, width] from 0 to 1.
        changes: which of `CHANGES`: ``shift`` by up to a tenth of the side, ``rotate`` by up to 12 degrees, ``zoom``
            by up to 30 %, ``brightness`` (contrast, gamma and a shade to one side too), ``erase`` a rectangle (Zhong
            et al., 2020, arXiv:1708.04896), ``flip`` left and right, which anatomy and writing don't bear.
    """
    count, device = len(images), images.device

    def drawn(low: float, high: float) -> torch.Tensor:
        # On the CPU, whose generator a checkpoint keeps whatever the device is.
        return (torch.rand(count) * (high - low) + low).to(device)

    if {"shift", "rotate", "zoom", "flip"} & set(changes):
        angle = drawn(-1, 1) * (math.radians(_DEGREES) if "rotate" in changes else 0.0)
        scale = 1 + drawn(-1, 1) * (_ZOOM if "zoom" in changes else 0.0)
        mirror = torch.where(drawn(0, 1) < 0.5, -1.0, 1.0) if "flip" in changes else torch.ones(count, device=device)
        move = [drawn(-1, 1) * (2 * _SHIFT if "shift" in changes else 0.0) for _ in range(2)]
        across, along = torch.cos(angle) * scale, torch.sin(angle) * scale
        rows = [torch.stack([across * mirror, -along, move[0]], 1), torch.stack([along * mirror, across, move[1]], 1)]
        grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        moved = functional.grid_sample(images, grid, "bicubic", "border", align_corners=False).clamp(0, 1)
        # Between pixels a moved image is softer; some stay, so that the sharp ones of serving are known too.
        images = torch.where((drawn(0, 1) < _MOVED)[:, None, None, None], moved, images)
    if "brightness" in changes:
        gain, offset = (1 + drawn(-_CONTRAST, _CONTRAST)), drawn(-_BRIGHTNESS, _BRIGHTNESS)
        curve = torch.exp(drawn(-_CONTRAST, _CONTRAST))[:, None, None, None]
        images = (images.clamp(0, 1) ** curve - 0.5) * gain[:, None, None, None] + 0.5 + offset[:, None, None, None]
        down, right = (torch.linspace(-1, 1, side, device=device) for side in images.shape[2:])
        shade = drawn(-_SHADE, _SHADE)[:, None, None] * down[:, None] + drawn(-_SHADE, _SHADE)[:, None, None] * right
        images = (images + shade[:, None]).clamp(0, 1)
    if "erase" in changes:
        images = _erased(images, drawn)
    return images


def _erased(images: torch.Tensor, drawn: Callable[[float, float], torch.Tensor]) -> torch.Tensor:
    height, width = images.shape[2:]
    places = [torch.arange(side, device=images.device)[None] / side for side in (height, width)]
    inside = []
    for at in places:
        size, start = drawn(0, _ERASED)[:, None], drawn(-_ERASED / 2, 1)[:, None]
        inside.append((at >= start) & (at < start + size))
    hidden = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return torch.where(hidden, images.mean(dim=(1, 2, 3), keepdim=True), images)


def changes_of(names: str) -> tuple[str, ...]:
    """The recipe's ``image_changes``, split and checked."""
    chosen = tuple(names.replace(",", " ").split())
    for name in chosen:
        if name not in CHANGES and name != "none":
            raise BadInput(f"recipe: image_changes has {name!r}.", suggest(name, [*CHANGES, "none"]))
    return tuple(name for name in chosen if name != "none")
