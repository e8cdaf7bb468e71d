"""The bank: all adapters resident on one encoder, so that one batch may mix heads freely.

Memory for several slots is had at once and filled by copy. Slot 0 is the bare encoder. The rows of a batch are sorted
by slot before they enter the encoder, so each adapter's rows lie together. Where thin products are dear to start,
neighbours share two: all their matrices side by side, and between the two products each token keeps what its own made.
In training one adapter, with parameters of its own, serves the whole batch.
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
from .products import Product, product_with
from .routing import Routing, grouped, segments_of

_TOGETHER = 8  # slots that memory is had for at once
_FEW = 48  # tokens, for which a CPU starts products in fp32 faster than it computes them in a shorter format


class BankedLinear(nn.Module):
    """A linear layer of the encoder with room for every adapter's update.

    Args:
        linear: the layer, whose weight stays where it is.
        name: of the layer within the encoder.
        routing: shared by all layers of one bank.

    Attributes:
        updates: of each slot that adapts this layer, ``A`` [rank, inputs] and the transpose of the scaled ``B``
            [rank, outputs], both in the bank's memory; so laid out, those of neighbours are one after the other.
    """

    def __init__(self, linear: nn.Linear, name: str, routing: Routing) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        # Column by column: with few rows, products then take two thirds of the time.
        self.weight.data = self.weight.data.t().contiguous().t()
        self.name, self.routing = name, routing
        self.updates: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
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
            updates = [self.updates.get(segment.slot) for segment in group.segments]
            held = [update for update in updates if update is not None]
            if len(held) > 1:
                down, up = map(torch.cat, zip(*held, strict=True))
            elif held:
                down, up = held[0]
            else:
                continue
            few = len(updates) == 1 and len(group.segments[0]) <= _FEW and output.device.type == "cpu"
            span, dtype = (group.tokens, torch.float32) if few else (group.span, output.dtype)
            rows = output[span]
            thin = functional.linear(self.routing.tokens_of(hidden, dtype)[span], down.to(dtype))
            if not few and not group.whole:
                thin *= group.mask([0 if update is None else len(update[0]) for update in updates], thin)
            if few:
                rows += thin.mm(up.to(dtype))
            else:
                rows.addmm_(thin, up.to(dtype))


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
        self._free: dict[int, list[torch.Tensor]] = {}  # flat memory by its length, each for one adapter
        self._taken: dict[int, torch.Tensor] = {}
        self._sizes: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._taken)

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
        slot, numbers = next(self._numbers), sum(down.numel() + up.numel() for down, up in matrices.values())
        rest = self._taken[slot] = self._memory(numbers)
        self._sizes[slot] = numbers * rest.itemsize
        with torch.no_grad():
            for name, (down, up) in matrices.items():
                update = []
                for matrix in (down, up.T * adapter.scale):
                    own, rest = rest[: matrix.numel()].view(matrix.shape), rest[matrix.numel() :]
                    update.append(own.copy_(matrix))
                self._layers[name].updates[slot] = update[0], update[1]
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot."""
        for layer in self._layers.values():
            layer.updates.pop(slot, None)
        memory = self._taken.pop(slot)
        del self._sizes[slot]
        self._free[len(memory)].append(memory)

    def _memory(self, numbers: int) -> torch.Tensor:
        """Room for an adapter; that for a few is had at once, as the system gives it, so that it costs when filled."""
        length = 1 << (numbers - 1).bit_length()  # one of few, so that what one leaves serves another
        free = self._free.setdefault(length, [])
        if not free:
            weight = next(iter(self._layers.values())).weight
            free += weight.new_empty(_TOGETHER, length, dtype=self._stored).unbind()
        return free.pop()

    @contextlib.contextmanager
    def route(self, slots: Sequence[int], lengths: Sequence[int], places: int) -> Iterator[None]:
        """Send row ``i`` through the adapter in slot ``slots[i]`` within the block; equal slots must lie together.

        Args:
            slots: per row.
            lengths: tokens, per row.
            places: in which layers compute them, one row after the other; what is beyond the rows does not matter.
        """
        segments = segments_of(slots, lengths)
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
