"""The bank: all adapters resident on one encoder, so that one batch may mix heads freely.

Memory for several slots is had at once and filled by copy. Slot 0 is the bare encoder. The rows of a batch are sorted
by slot before they enter the encoder, so each adapter's rows lie together and cost two thin matrix products per layer,
and neighbours of about the same size cost two batched ones together; in training one adapter, with parameters of its
own, serves the whole batch.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Damaged, Unavailable

from .lora import LoraAdapter
from .routing import Routing, Run, Segment, segments_of

_TOGETHER = 8  # slots that memory is had for at once
_FEW = 3  # segments; fewer are computed one after the other just as fast, and with fp32 on a CPU any number is


class BankedLinear(nn.Module):
    """A linear layer of the encoder with room for every adapter's update.

    Args:
        linear: the layer, whose weight stays where it is.
        name: of the layer within the encoder.
        routing: shared by all layers of one bank.

    Attributes:
        updates: of each slot that adapts this layer, the transposes of ``A`` [inputs, rank] and of the scaled ``B``
            [rank, outputs], both in the bank's memory; so laid out, products with few rows take half the time.
    """

    def __init__(self, linear: nn.Linear, name: str, routing: Routing) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        # Column by column: with few rows, products then take two thirds of the time.
        self.weight.data = self.weight.data.t().contiguous().t()
        self.name, self.routing = name, routing
        self.updates: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._converted: tuple[object, torch.Tensor, torch.Tensor | None] | None = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The layer's output with each row's own update, [rows, length, outputs]."""
        output = functional.linear(hidden, *self._computed())
        adapter = self.routing.training
        if adapter is not None:
            if self.name not in adapter.layers:
                return output
            down, up = adapter.matrices(self.name)
            thin = functional.linear(hidden, down).to(output.dtype).flatten(0, -2)
            scaled = (up * adapter.scale).to(output.dtype)
            return torch.addmm(output.flatten(0, -2), thin, scaled.T).view_as(output)
        if self.routing.runs:
            self._update(hidden, output.view(-1, output.shape[-1]))
        return output

    def _computed(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and bias; where autocast would convert them for every batch anew, converted once and kept."""
        weight, bias = self.weight, self.bias
        kind = weight.device.type
        if torch.is_grad_enabled() or not torch.is_autocast_enabled(kind):
            return weight, bias
        dtype = torch.get_autocast_dtype(kind)
        made_of = (weight.data_ptr(), weight._version, dtype)  # noqa: SLF001 - it counts changes in place
        if self._converted is None or self._converted[0] != made_of:
            with torch.inference_mode(False), torch.no_grad():
                converted = weight.to(dtype, memory_format=torch.contiguous_format)
                self._converted = made_of, converted, None if bias is None else bias.to(dtype)
        return self._converted[1:]

    def _update(self, hidden: torch.Tensor, output: torch.Tensor) -> None:
        """Add to each token of the output [tokens, width] what its adapter makes of the input."""
        if len(output) != self.routing.tokens:
            raise Unavailable(
                f"The layer {self.name!r} does not compute token by token, so adapters of it cannot share a batch.",
                "Train with the method `full`, or an adapter of other layers.",
            )
        for run, padded in zip(self.routing.runs, self.routing.padded(hidden), strict=True):
            here = run.tokens
            if padded is None or run.kept is None:
                if (update := self.updates.get(run.segments[0].slot)) is not None:
                    down, up = (one.to(output.dtype) for one in update)
                    output[here].addmm_(hidden.flatten(0, -2)[here].to(output.dtype).mm(down), up)
            elif (updates := self._stacked([one.slot for one in run.segments], output.dtype)) is not None:
                down, up = updates
                whole = padded.to(output.dtype).view(len(down), -1, padded.shape[-1]).bmm(down).bmm(up)
                whole = whole.view(-1, output.shape[-1])
                output[here] += whole if len(whole) == len(run.kept) else whole.index_select(0, run.kept)

    def _stacked(self, slots: Sequence[int], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The updates of several slots, zeros where one has none here or a smaller rank; `None` where none has any."""
        updates = [self.updates.get(slot) for slot in slots]
        rank = max((down.shape[1] for down, _ in filter(None, updates)), default=0)
        if not rank:
            return None
        if all(one is not None and one[0].shape[1] == rank for one in updates):
            downs, ups = zip(*filter(None, updates), strict=True)
            return torch.stack(downs).to(dtype), torch.stack(ups).to(dtype)
        outputs, inputs = self.weight.shape
        down = self.weight.new_zeros(len(slots), inputs, rank, dtype=dtype)
        up = self.weight.new_zeros(len(slots), rank, outputs, dtype=dtype)
        for at, update in enumerate(updates):
            if update is not None:
                own = update[0].shape[1]
                down[at, :, :own], up[at, :own] = update
        return down, up


@dataclass(slots=True)
class _Shelf:
    """Free memory for adapters up to one rank: a flat tensor for each, with its layers one after the other."""

    rank: int
    free: list[torch.Tensor]


class Bank:
    """The adapters of one encoder.

    Its memory grows by a few slots at a time and is filled again when adapters have gone.

    Args:
        model: the encoder; its linear layers are replaced in place by `BankedLinear`.
        rank: the largest rank that fits.
        stored: number format that the adapters are kept in: best the one that is computed in.
    """

    def __init__(self, model: nn.Module, rank: int = 32, stored: torch.dtype | None = None) -> None:
        self.routing = Routing()
        self.rank = rank
        self._layers: dict[str, BankedLinear] = {}
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear) and "pooler" not in name:
                layer = BankedLinear(module, name, self.routing)
                _replace(model, name, layer)
                self._layers[name] = layer
        self._stored = stored
        self._shelves = [_Shelf(one, []) for one in (4, 8, 16, 32, 64, 128) if one < rank] + [_Shelf(rank, [])]
        self._taken: dict[int, tuple[_Shelf, torch.Tensor]] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._taken)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Name to ``(inputs, outputs)`` of every linear layer that can be adapted."""
        return {name: (layer.weight.shape[1], layer.weight.shape[0]) for name, layer in self._layers.items()}

    def size(self, slot: int) -> int:
        """Bytes that a slot's adapter takes."""
        return self._taken[slot][1].nbytes

    def add(self, adapter: LoraAdapter) -> int:
        """Copy an adapter into a free slot; its number, which none had before.

        Raises:
            Unavailable: the adapter's rank is above the bank's.
            Damaged: it adapts layers that this encoder does not have.
        """
        if adapter.rank > self.rank:
            raise Unavailable(
                f"The bank takes adapters up to rank {self.rank}; this one's is {adapter.rank}.", "Train a smaller one."
            )
        shapes, matrices = self.shapes, {name: adapter.matrices(name) for name in adapter.layers}
        for name, (down, up) in matrices.items():
            if shapes.get(name) != (down.shape[1], up.shape[0]):
                raise Damaged(f"The adapter's layer {name!r} does not fit the encoder.", "Train it on this encoder.")
        slot, shelf = next(self._numbers), next(shelf for shelf in self._shelves if shelf.rank >= adapter.rank)
        if not shelf.free:
            shelf.free += self._memory(shelf.rank).unbind()
        self._taken[slot] = shelf, shelf.free.pop()
        with torch.no_grad():
            rest = self._taken[slot][1]
            for name, (down, up) in matrices.items():
                update = []
                for matrix in (down.T, up.T * adapter.scale):
                    own, rest = rest[: matrix.numel()].view(matrix.shape), rest[matrix.numel() :]
                    update.append(own.copy_(matrix))
                self._layers[name].updates[slot] = update[0], update[1]
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot."""
        for layer in self._layers.values():
            layer.updates.pop(slot, None)
        shelf, memory = self._taken.pop(slot)
        shelf.free.append(memory)

    def _memory(self, rank: int) -> torch.Tensor:
        """Room for a few more adapters, [slots, numbers]; left as the system gives it, so that it costs when filled."""
        weight = next(iter(self._layers.values())).weight
        return weight.new_empty(_TOGETHER, rank * sum(map(sum, self.shapes.values())), dtype=self._stored)

    @contextlib.contextmanager
    def route(self, slots: Sequence[int], lengths: Sequence[int]) -> Iterator[None]:
        """Send row ``i`` through the adapter in slot ``slots[i]`` within the block; equal slots must lie together.

        Args:
            slots: per row.
            lengths: tokens that are computed, per row.
        """
        self.routing.runs, self.routing.tokens = self._runs(segments_of(slots, lengths)), sum(lengths)
        try:
            yield
        finally:
            self.routing.runs, self.routing.read = (), None

    def _runs(self, segments: Sequence[Segment]) -> list[Run]:
        """Neighbours in runs that are at least half full when padded, where it pays to compute them together."""
        if not segments:
            return []
        weight = next(iter(self._layers.values())).weight
        if weight.device.type == "cpu" and self._stored in (None, torch.float32):
            return [Run([one]) for one in segments]
        groups: list[list[Segment]] = []
        for segment in segments:
            together = [*groups[-1], segment] if groups and groups[-1][-1].last == segment.first else [segment]
            if len(together) > 1 and max(map(len, together)) * len(together) <= 2 * sum(map(len, together)):
                groups[-1] = together
            else:
                groups.append([segment])
        runs = [[Run.of(one, weight.device)] if len(one) >= _FEW else [Run([each]) for each in one] for one in groups]
        return list(itertools.chain.from_iterable(runs))

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
