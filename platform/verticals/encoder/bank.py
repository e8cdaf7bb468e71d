"""The bank: all adapters resident on one encoder, so that one batch may mix heads freely.

Slots are preallocated and filled by copy. Slot 0 is the bare encoder. The rows of a batch are sorted by slot before
they enter the encoder, so each adapter's rows lie together and cost two thin matrix products per layer; in training
one adapter, with parameters of its own, serves the whole batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Damaged, Unavailable

from .lora import LoraAdapter


@dataclass(slots=True)
class Routing:
    """Which adapter each row of the batch in flight goes through: ``(slot, first row, row after the last)``."""

    segments: Sequence[tuple[int, int, int]] = ()
    training: LoraAdapter | None = None


class BankedLinear(nn.Module):
    """A linear layer of the encoder with room for every adapter's update.

    Args:
        linear: the layer, whose weight stays where it is.
        name: of the layer within the encoder.
        routing: shared by all layers of one bank.
        slots: how many adapters fit.
        rank: the largest rank that fits.
    """

    def __init__(self, linear: nn.Linear, name: str, routing: Routing, slots: int, rank: int) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.name, self.routing = name, routing
        self.slots, self.rank = slots, rank
        self.down: torch.Tensor | None = None  # [slots, rank, inputs], allocated when the first adapter comes
        self.up: torch.Tensor | None = None  # [slots, rank, outputs], scaled
        self.ranks = [0] * slots

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The layer's output with each row's own update, [rows, length, outputs]."""
        output = functional.linear(hidden, self.weight, self.bias)
        adapter = self.routing.training
        if adapter is not None:
            if self.name not in adapter.layers:
                return output
            down, up = adapter.matrices(self.name)
            return output + functional.linear(functional.linear(hidden, down), up * adapter.scale)
        for slot, first, last in self.routing.segments:
            rank = self.ranks[slot]
            if rank and self.down is not None and self.up is not None:
                rows = hidden[first:last]
                thin = functional.linear(rows, self.down[slot, :rank].to(rows.dtype))
                output[first:last] += torch.matmul(thin, self.up[slot, :rank].to(rows.dtype)).to(output.dtype)
        return output

    def fill(self, slot: int, adapter: LoraAdapter) -> None:
        """Copy an adapter's matrices into a slot; a layer it does not adapt is left without an update."""
        if self.name not in adapter.layers:
            self.ranks[slot] = 0
            return
        down, up = adapter.matrices(self.name)
        if self.down is None or self.up is None:
            self.down = self.weight.new_zeros(self.slots, self.rank, self.weight.shape[1])
            self.up = self.weight.new_zeros(self.slots, self.rank, self.weight.shape[0])
        with torch.no_grad():
            self.down[slot, : adapter.rank].copy_(down)
            self.up[slot, : adapter.rank].copy_(up.T * adapter.scale)
        self.ranks[slot] = adapter.rank


class Bank:
    """The adapters of one encoder.

    Args:
        model: the encoder; its linear layers are replaced in place by `BankedLinear`.
        slots: adapters that fit beside the bare encoder.
        rank: the largest rank that fits.
    """

    def __init__(self, model: nn.Module, slots: int = 16, rank: int = 32) -> None:
        self.routing = Routing()
        self.rank = rank
        self._layers: dict[str, BankedLinear] = {}
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear) and "pooler" not in name:
                layer = BankedLinear(module, name, self.routing, slots + 1, rank)
                _replace(model, name, layer)
                self._layers[name] = layer
        self._free = list(range(slots, 0, -1))

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Name to ``(inputs, outputs)`` of every linear layer that can be adapted."""
        return {name: (layer.weight.shape[1], layer.weight.shape[0]) for name, layer in self._layers.items()}

    def add(self, adapter: LoraAdapter) -> int:
        """Copy an adapter into a free slot; its number.

        Raises:
            Unavailable: every slot is taken, or the adapter's rank is above the bank's.
            Damaged: it adapts layers that this encoder does not have.
        """
        if adapter.rank > self.rank:
            raise Unavailable(
                f"The bank takes adapters up to rank {self.rank}; this one's is {adapter.rank}.", "Train a smaller one."
            )
        for name in adapter.layers:
            down, up = adapter.matrices(name)
            if self.shapes.get(name) != (down.shape[1], up.shape[0]):
                raise Damaged(f"The adapter's layer {name!r} does not fit the encoder.", "Train it on this encoder.")
        if not self._free:
            raise Unavailable("Every adapter slot of the encoder is taken.", "Serve fewer heads from one process.")
        slot = self._free.pop()
        for layer in self._layers.values():
            layer.fill(slot, adapter)
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot."""
        for layer in self._layers.values():
            layer.ranks[slot] = 0
        self._free.append(slot)

    @contextlib.contextmanager
    def route(self, slots: Sequence[int]) -> Iterator[None]:
        """Send row ``i`` through the adapter in slot ``slots[i]`` within the block; equal slots must lie together."""
        self.routing.segments = _segments(slots)
        try:
            yield
        finally:
            self.routing.segments = ()

    @contextlib.contextmanager
    def train(self, adapter: LoraAdapter | None) -> Iterator[None]:
        """Send every row through an adapter that is being trained, within the block."""
        self.routing.training = adapter
        try:
            yield
        finally:
            self.routing.training = None


def remove_bank(model: nn.Module) -> None:
    """Put plain linear layers back in place of `BankedLinear`, sharing the weights."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BankedLinear):
            outputs, inputs = module.weight.shape
            plain = nn.Linear(inputs, outputs, bias=module.bias is not None)
            plain.weight, plain.bias = module.weight, module.bias
            _replace(model, name, plain)


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent_name, _, own = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    if isinstance(parent, nn.ModuleDict):
        parent[own] = layer
    else:
        setattr(parent, own, layer)


def _segments(slots: Sequence[int]) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for row, slot in enumerate(slots):
        if found and found[-1][0] == slot:
            found[-1] = (slot, found[-1][1], row + 1)
        else:
            found.append((slot, row, row + 1))
    return [segment for segment in found if segment[0]]
