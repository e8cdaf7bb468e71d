"""The bank: all adapters resident on one encoder, so that one batch may mix heads freely.

Slot 0 is the bare encoder. The rows of a batch are sorted by slot before they enter the encoder, so each adapter's rows
lie together. Where thin products are dear to start, neighbours share two: with all their matrices, which lie side by
side in a page, and between the two products each token keeps what its own made. In training one adapter, with
parameters of its own, serves the whole batch.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Damaged, Unavailable

from .lora import LoraAdapter
from .pages import COLUMNS, Place, Shelf, Tables
from .products import Product, product_with
from .routing import Routing, grouped, segments_of

_PAGE = 32  # bit of a slot's number where that of its page begins
_FEW = 48  # tokens, for which a CPU starts products in fp32 faster than it computes them in a shorter format


class BankedLinear(nn.Module):
    """A linear layer of the encoder with room for every adapter's update.

    Args:
        linear: the layer, whose weight stays where it is.
        name: of the layer within the encoder.
        routing: shared by all layers of one bank.
        columns: of each page of the bank's memory.
    """

    def __init__(self, linear: nn.Linear, name: str, routing: Routing, columns: int) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        # Column by column: with few rows, products then take two thirds of the time.
        self.weight.data = self.weight.data.t().contiguous().t()
        self.name, self.routing = name, routing
        self.tables = Tables(self.weight, columns)
        self._product: tuple[object, Product] | None = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The layer's output with each row's own update, [rows, length, outputs]."""
        adapter, dtype = self.routing.training, self.routing.computes
        if dtype is None:
            output = functional.linear(hidden, self.weight, self.bias)
        else:
            output = self._product_in(dtype)(self.routing.tokens_of(hidden, dtype))
            output = output.view(*hidden.shape[:-1], -1)
        if adapter is not None:
            if self.name not in adapter.layers:
                return output
            down, up = adapter.matrices(self.name)
            thin = functional.linear(hidden.to(output.dtype), down.to(output.dtype)).flatten(0, -2)
            scaled = (up * adapter.scale).to(output.dtype)
            return torch.addmm(output.flatten(0, -2), thin, scaled.T).view_as(output)
        if self.routing.groups:
            self._update(hidden, output.view(-1, output.shape[-1]))
        return output

    def _product_in(self, dtype: torch.dtype) -> Product:
        """The product with the weight in the format computed in, which is converted once and kept."""
        weight, bias = self.weight, self.bias
        if weight.dtype == dtype:
            return lambda tokens: functional.linear(tokens, weight, bias)
        made_of = (weight.data_ptr(), weight._version, dtype)  # noqa: SLF001 - it counts changes in place
        if self._product is None or self._product[0] != made_of:
            self._product = made_of, product_with(weight, bias, dtype)
        return self._product[1]

    def _update(self, hidden: torch.Tensor, output: torch.Tensor) -> None:
        """Add to each token of the output [tokens, width] what its adapter makes of the input."""
        if len(output) != self.routing.places:
            raise Unavailable(
                f"The layer {self.name!r} does not compute token by token, so adapters of it cannot share a batch.",
                "Train with the method `full`, or an adapter of other layers.",
            )
        for group in self.routing.groups:
            matrices = self.tables.read(group.page, group.columns.start, group.columns.stop)
            if matrices is None:
                continue
            few = len(group.segments) == 1 and len(group.segments[0]) <= _FEW and output.device.type == "cpu"
            span, dtype = (group.tokens, torch.float32) if few else (group.span, output.dtype)
            rows, (down, up) = output[span], (matrix.to(dtype) for matrix in matrices)
            thin = functional.linear(self.routing.tokens_of(hidden, dtype)[span], down)
            if not few and not group.whole:
                thin *= group.mask(thin)
            if few:
                rows += thin.mm(up)
            else:
                rows.addmm_(thin, up)


class Bank:
    """The adapters of one encoder.

    Its memory grows by pages and is filled again when adapters have gone.

    Args:
        model: the encoder; its linear layers are replaced in place by `BankedLinear`.
        rank: the largest rank that fits.
        stored: number format that the adapters are kept in: best the one that is computed in.
    """

    def __init__(self, model: nn.Module, rank: int = 32, stored: torch.dtype | None = None) -> None:
        self.routing = Routing()
        self.rank = rank
        self._shelf = Shelf(max(COLUMNS, rank))
        self._layers: dict[str, BankedLinear] = {}
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear) and "pooler" not in name:
                layer = BankedLinear(module, name, self.routing, self._shelf.columns)
                _replace(model, name, layer)
                self._layers[name] = layer
        self._stored = stored
        self._places: dict[int, Place] = {}
        self._sizes: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def _dear(self) -> bool:
        """Whether products are dear to start: all but those of fp32 on a CPU."""
        on_cpu = all(layer.weight.device.type == "cpu" for layer in self._layers.values())
        return not on_cpu or self._stored not in (None, torch.float32)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Name to ``(inputs, outputs)`` of every linear layer that can be adapted."""
        return {name: (layer.weight.shape[1], layer.weight.shape[0]) for name, layer in self._layers.items()}

    def size(self, slot: int) -> int:
        """Bytes that a slot's adapter takes."""
        return self._sizes[slot]

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
        place, size = self._shelf.take(adapter.rank), 0
        with torch.no_grad():
            for name, layer in self._layers.items():
                own = matrices.get(name)
                scaled = None if own is None else (own[0], own[1].T * adapter.scale)
                size += layer.tables.write(place, scaled, self._stored)
        slot = place.page << _PAGE | next(self._numbers)  # in the order of numbers those of a page lie together
        self._places[slot], self._sizes[slot] = place, size
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot."""
        self._shelf.give_back(self._places.pop(slot))
        del self._sizes[slot]

    @contextlib.contextmanager
    def route(self, slots: Sequence[int], lengths: Sequence[int], places: int) -> Iterator[None]:
        """Send row ``i`` through the adapter in slot ``slots[i]`` within the block; equal slots must lie together.

        Args:
            slots: per row.
            lengths: tokens, per row.
            places: in which layers compute them, one row after the other; what is beyond the rows does not matter.
        """
        segments = segments_of(slots, lengths, self._places)
        self.routing.groups, self.routing.places = grouped(segments, self._dear, places), places
        try:
            yield
        finally:
            self.routing.groups = ()
            self.routing.forget()

    @contextlib.contextmanager
    def computing(self, dtype: torch.dtype) -> Iterator[None]:
        """Multiply in a number format within the block, where no gradients are wanted.

        Autocast would convert the weights for every batch, and the thin products that fp32 is faster for.
        """
        self.routing.computes = dtype
        try:
            yield
        finally:
            self.routing.computes = None
            self.routing.forget()

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
