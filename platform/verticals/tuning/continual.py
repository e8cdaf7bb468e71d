"""Continual learning: go on from a trained version with new rows, without forgetting what it knew."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from verticals.contract import BadInput, Recipe, StartFrom
from verticals.encoder import Encoder, LoraAdapter
from verticals.encoder.heads import Head, build_head

from .body import Body
from .objectives import Example, Objective
from .prepared import Data, by_content, hold_out
from .work import Work

_FISHER_ROWS = 256


class Continuation:
    """How one training job goes on from a version.

    Args:
        start: the version.
        objective: has learned the labels of both, the version and the new rows.
        encoder: the shared one.
        recipe: for ``replay``, ``elastic``, ``max_tokens`` and ``seed``.
    """

    def __init__(self, start: StartFrom, objective: Objective, encoder: Encoder, recipe: Recipe) -> None:
        self.start, self.objective, self.encoder, self.recipe = start, objective, encoder, recipe
        self.before: Head = build_head(start.manifest["objective"], encoder.dimension, start.manifest["config"])
        self.before.load(start.folder)
        self._held_out: Data | None = None
        self._figure = 0.0

    @property
    def adapted(self) -> Collection[str]:
        """Names of the layers that the version has adapters on; empty where it has none."""
        has = (self.start.folder / "adapter_config.json").is_file()
        return LoraAdapter.load(self.start.folder).layers if has else ()

    def rows(self, examples: Sequence[Example]) -> tuple[list[Example], int]:
        """The new training rows and, behind them, those to replay; how many these are.

        Raises:
            BadInput: the version has learned from all of them already.
        """
        old = self.start.examples.get("train", ()) if self.recipe.replay else ()
        return [*self._fresh(examples), *old], len(old)

    def begin(self, body: Body, head: Head, held_out: Data) -> None:
        """Fill body and head with the version's weights, and measure it on what it is to keep.

        Raises:
            BadInput: the version was trained by another method or with other shapes.
        """
        self._carry_over(body, head)
        self._held_out = self._old_held_out(held_out)
        if self._held_out is not None:
            self._figure = self._measure(body, head)

    def hold_back(self, work: Work) -> None:
        """Set the penalty on moving what the version needs, where the recipe has one."""
        rows = self.start.examples.get("train")
        if self.recipe.elastic and rows:
            old = self.objective.prepare(rows, "train", self.encoder, self.recipe.extent)
            elastic_penalty(work, old, self.recipe.elastic, self.recipe.seed)

    def end(self, body: Body, head: Head) -> tuple[str, dict[str, float]]:
        """What was forgotten: a sentence, and the figures on the version's held-out rows before and after."""
        name, figure = self.objective.metric, self.start.reference
        if self._held_out is None:
            return f"what was forgotten of {figure} is not known: there are no held-out rows of its data", {}
        now = self._measure(body, head)
        lost = (self._figure - now) * 100
        told = f"forgot {lost:.1f} points" if lost > 0 else f"forgot nothing ({-lost:.1f} points better)"
        return (
            f"{told} of {name} on the {len(self._held_out)} held-out rows of {figure}: {self._figure:.4f} before, "
            f"{now:.4f} now",
            {f"old_{name}_before": self._figure, f"old_{name}": now, "forgetting": self._figure - now},
        )

    def _fresh(self, examples: Sequence[Example]) -> list[Example]:
        def key(example: Example) -> str:
            read = [example.get(name) for name in (*self.objective.inputs, self.objective.target)]
            return json.dumps(read, default=str)

        known = {key(example) for example in self.start.examples.get("train", ())}
        fresh = [example for example in examples if key(example) not in known]
        if not fresh:
            raise BadInput(
                f"{self.start.reference} has learned from every training row already.",
                "Import new rows, or train from the pretrained weights: --set start_from=",
            )
        return fresh

    def _old_held_out(self, held_out: Data) -> Data | None:
        """Rows that the version did not learn from and that are not learned from now either, if there are any."""
        own, rows = (list(self.start.examples.get(split, ())) for split in ("validation", "train"))
        if own:
            return self.objective.prepare(own, "validation", self.encoder, self.recipe.extent)
        if held_out.old:  # the same rows are held out as then
            return held_out.part(np.arange(len(held_out) - held_out.old, len(held_out)))
        if not rows:
            return None
        before = self.start.manifest["recipe"]
        data = self.objective.prepare(rows, "train", self.encoder, self.recipe.extent)
        fields = (*self.objective.inputs, self.objective.target)
        _, held = hold_out(data.targets, before["validation"], by_content(rows, fields, before["seed"]))
        return data.part(held) if len(held) else None

    def _measure(self, body: Body, head: Head) -> float:
        assert self._held_out is not None  # noqa: S101  # asked only where there are such rows
        device = next(head.parameters()).device
        head.eval().cpu()
        with torch.inference_mode():
            figures = self.objective.metrics(head, body.encode(self._held_out), self._held_out.targets)
        head.to(device)
        return figures[self.objective.metric]

    def _carry_over(self, body: Body, head: Head) -> None:
        """A label that the version did not know starts at zero."""
        start, method = self.start, self.start.manifest["method"]
        weights = start.folder / "model.safetensors"
        if body.adapter is not None and method == "lora":
            _copy(dict(LoraAdapter.load(start.folder).named_parameters()), body.parameters, start)
        elif weights.is_file() and body.encoder is not self.encoder:
            body.encoder.fill(weights)
        elif method != "head":
            raise BadInput(
                f"{start.reference} was trained by the method {method!r}.",
                f"Go on by the same: --set method={method}.",
            )
        own, old = head.state_dict(), self.before.state_dict()
        labels, known = list(self.objective.labels), list(start.manifest["labels"])
        with torch.no_grad():
            for name, tensor in own.items():
                if tensor.shape == old[name].shape and labels == known:
                    tensor.copy_(old[name])
                elif known and len(old[name]) == len(known) and old[name].shape[1:] == tensor.shape[1:]:
                    for place, label in enumerate(labels):
                        if label in known:
                            tensor[place] = old[name][known.index(label)]


def elastic_penalty(work: Work, rows: Data, strength: float, seed: int) -> None:
    """Hold back the weights that the old rows need: elastic weight consolidation (Kirkpatrick et al., 2017).

    The importance of a weight is the mean squared gradient of the loss of single old rows (arXiv:1612.00796).

    Args:
        work: whose penalty is set; its weights are those of the version to go on from.
        rows: that version's training rows.
        strength: factor of the penalty.
        seed: of the draw of rows.
    """
    work.begin()
    trained = [*work.body.parameters.values(), *work.heads.values()]
    anchors = [parameter.detach().clone() for parameter in trained]
    importance = [torch.zeros_like(parameter) for parameter in trained]
    drawn = np.random.default_rng(seed).permutation(len(rows))[:_FISHER_ROWS]
    probe = Work(work.body, work.head, work.objective, rows.part(np.sort(drawn)), work.held_out, work.recipe)
    work.head.eval()
    encoder = work.body.encoder
    for at in range(len(drawn)):
        with encoder.lock, encoder.bank.train(work.body.adapter):
            gradients = torch.autograd.grad(probe.loss(np.array([at])), trained, allow_unused=True)
        for total, gradient in zip(importance, gradients, strict=True):
            if gradient is not None:
                total += gradient.square() / len(drawn)

    def penalty() -> torch.Tensor:
        moved = [
            (weight * (parameter - anchor).square()).sum()
            for weight, parameter, anchor in zip(importance, trained, anchors, strict=True)
        ]
        return strength / 2 * torch.stack(moved).sum()

    work.penalty = penalty


def _copy(old: Mapping[str, torch.Tensor], own: Mapping[str, nn.Parameter], start: StartFrom) -> None:
    if {name: tensor.shape for name, tensor in old.items()} != {name: tensor.shape for name, tensor in own.items()}:
        rank = start.manifest["recipe"]["lora_rank"]
        raise BadInput(
            f"The adapter of {start.reference} has other shapes than the recipe's.",
            f"Go on with lora_rank={rank} and the same lora_layers and frozen_layers.",
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(old[name])
