"""Training of `ClassifyImageHead`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, Extent, Recipe
from verticals.data.images import resized
from verticals.encoder import Encoder, vision
from verticals.encoder.heads import ClassifyImageHead
from verticals.encoder.heads.classify_image import image_of
from verticals.tuning.images import PreparedImages, changes_of
from verticals.tuning.losses import class_weights
from verticals.tuning.solvers import LBFGS

from .base import Example, of_each
from .classify import Classify

_SIDES = (20, 64)  # pixels of a network from scratch, unless the recipe says otherwise
_SAMPLE = 100
_PULL = 1e-3


class ClassifyImage(Classify):
    """One of several labels for an image; compared by accuracy, of two labels by AUC, which no threshold disturbs."""

    reads = "itself"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        if len(self.inputs) != 1:
            raise BadInput(f"A classify_image head reads {len(self.inputs)} fields.", "Declare one input: the image.")
        self._network: dict[str, object] = {}
        self._images: list[Example] = []  # some training rows, whose size a network from scratch takes
        self._changes: tuple[str, ...] = ()
        self._weights = "none"

    def _take(self, labels: tuple[str, ...]) -> None:
        super()._take(labels)
        self.metric = "auc" if len(labels) == 2 else "accuracy"

    def begin(self, recipe: Recipe) -> None:
        """See `Objective.begin`."""
        self._changes, self._weights = changes_of(recipe.image_changes), recipe.class_weights
        sample = of_each(self._images, "train", partial(image_of, fields=self.inputs))
        side = min(max(int(np.median([min(image.shape[:2]) for image in sample])), _SIDES[0]), _SIDES[1])
        channels = max(image.shape[2] for image in sample)
        self._network = vision.describe(recipe.encoder, recipe.image_size or (0 if recipe.encoder else side), channels)

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        super().learn(examples, labels)
        self._images = list(examples[:: max(1, len(examples) // _SAMPLE)])

    def adopt(self, head: Any) -> None:
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

    def calibrate(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Find the temperature and the labels' biases of least log loss (Guo et al., 2017, arXiv:1706.04599).

        Rows count as in training, so with balanced weights the limit between labels treats rare ones as well as others.
        """
        known = targets >= 0
        if not known.any():
            return
        logits, truth = head(features[known, 0]).detach().double().cpu(), targets[known]
        counts = torch.bincount(truth, minlength=len(self.labels))
        kind = self._weights
        weights = torch.ones(len(counts)) if kind == "none" else class_weights(counts, kind)
        scale = torch.zeros(1, dtype=torch.double, requires_grad=True)
        biases = torch.zeros(len(counts), dtype=torch.double, requires_grad=True)
        solver = LBFGS([scale, biases], max_iter=100, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            solver.zero_grad()
            losses = functional.cross_entropy(logits * scale.exp() + biases, truth, reduction="none")
            # A little pull to the start keeps both finite where the labels separate perfectly.
            value = (losses * weights.double()[truth]).mean() + _PULL * (biases.square().mean() + scale.square().sum())
            value.backward()
            return value

        solver.step(closure)
        head.temperature = float((-scale).exp())
        with torch.no_grad():
            head.linear.bias += (biases * head.temperature).to(head.linear.bias)

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> PreparedImages:
        """See `Objective.prepare`."""
        size, channels = int(str(self._network["size"])), int(str(self._network["channels"]))

        def read(example: Example) -> np.ndarray:
            return resized(image_of(example, self.inputs), size, channels)

        images = torch.from_numpy(np.stack(of_each(examples, split, read)))
        targets = torch.tensor(of_each(examples, split, self.target_of))
        return PreparedImages(images, targets, self._changes)
