"""Training of `ClassifyImageHead`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from verticals.contract import BadInput, Recipe
from verticals.data.images import resized
from verticals.encoder import Encoder, vision
from verticals.encoder.heads import ClassifyImageHead
from verticals.encoder.heads.classify_image import image_of
from verticals.tuning.images import PreparedImages, changes_of

from .base import Example, of_each
from .classify import Classify

_SIDES = (20, 64)  # pixels of a network from scratch, unless the recipe says otherwise
_SAMPLE = 100


class ClassifyImage(Classify):
    """One of several labels for an image; compared by accuracy."""

    reads = "itself"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        if len(self.inputs) != 1:
            raise BadInput(f"A classify_image head reads {len(self.inputs)} fields.", "Declare one input: the image.")
        self._network: dict[str, object] = {}
        self._images: list[Example] = []  # some training rows, whose size a network from scratch takes
        self._changes: tuple[str, ...] = ()

    def begin(self, recipe: Recipe) -> None:
        """See `Objective.begin`."""
        self._changes = changes_of(recipe.image_changes)
        sample = of_each(self._images, "train", partial(image_of, fields=self.inputs))
        side = min(max(int(np.median([min(image.shape[:2]) for image in sample])), _SIDES[0]), _SIDES[1])
        channels = max(image.shape[2] for image in sample)
        self._network = vision.describe(recipe.encoder, recipe.image_size or (0 if recipe.encoder else side), channels)

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        super().learn(examples, labels)
        self._images = list(examples[:: max(1, len(examples) // _SAMPLE)])

    def adopt(self, head: ClassifyImageHead) -> None:
        """See `Objective.adopt`."""
        super().adopt(head)
        self._network = head.made_of

    def head(self, dimension: int, recipe: Recipe) -> ClassifyImageHead:
        """See `Objective.head`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return ClassifyImageHead(
                dimension, self.labels, self._network, fields=self.inputs, dropout=recipe.dropout, folder=recipe.encoder
            )

    def rate(self, recipe: Recipe) -> float:
        """See `Objective.rate`: what is pretrained must not be shaken."""
        return 1e-4 if recipe.encoder else 2e-3

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, max_tokens: int) -> PreparedImages:
        """See `Objective.prepare`."""
        size, channels = int(str(self._network["size"])), int(str(self._network["channels"]))

        def read(example: Example) -> np.ndarray:
            return resized(image_of(example, self.inputs), size, channels)

        images = torch.from_numpy(np.stack(of_each(examples, split, read)))
        targets = torch.tensor(of_each(examples, split, self.target_of))
        return PreparedImages(images, targets, self._changes)
