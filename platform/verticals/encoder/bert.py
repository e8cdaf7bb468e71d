"""The BERT encoder (Devlin et al., 2019, arXiv:1810.04805), written out.

The default encoder is of this kind, and the transformers library takes longer to import than this module takes to
start, load its weights and answer. Parameter names are those of transformers, so weights and PEFT adapters are the
same files; a test holds both implementations to equal outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.contract import Damaged

from .batches import TokenBatch
from .packing import Packing

_ACTIVATIONS = {"gelu": nn.GELU(), "gelu_new": nn.GELU(approximate="tanh"), "relu": nn.ReLU()}


class Linear(nn.Linear):
    """A linear layer without weights of its own: to make random ones takes longer than to read those wanted."""

    def reset_parameters(self) -> None:
        """Leaves the weights as they are; see `Bert.randomise`."""


class Embedding(nn.Embedding):
    """A table without weights of its own, as `Linear`."""

    def reset_parameters(self) -> None:
        """Leaves the weights as they are; see `Bert.randomise`."""


class Embeddings(nn.Module):
    """Word, position and segment vectors, summed and normalised."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word_embeddings = Embedding(config["vocab_size"], width)
        self.position_embeddings = Embedding(config["max_position_embeddings"], width)
        self.token_type_embeddings = Embedding(config["type_vocab_size"], width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.get("layer_norm_eps", 1e-12))

    def forward(self, batch: TokenBatch, packing: Packing | None = None) -> torch.Tensor:
        """Vectors [rows, length, width], or [tokens, width] where they are packed."""
        ids, positions = batch.ids, torch.arange(batch.ids.shape[1], device=batch.ids.device)
        in_second = positions >= batch.second[:, None]
        if packing is not None:
            ids, positions, in_second = map(packing.pack, (ids, positions.expand_as(ids), in_second))
        vectors = self.word_embeddings(ids) + self.position_embeddings(positions)
        table = self.token_type_embeddings.weight
        if len(table) > 1:
            vectors = vectors + torch.where(in_second[..., None], table[1], table[0])
        else:
            vectors = vectors + table[0]
        normalised: torch.Tensor = self.LayerNorm(vectors)
        return normalised


class SelfAttention(nn.Module):
    """Multi-head attention; the names ``query``, ``key``, ``value`` are where adapters attach."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, packing: Packing | None = None, dropout: float = 0.0
    ) -> torch.Tensor:
        """Attended values, shaped as ``hidden``; ``mask`` is true where a token may be looked at, without a packing."""
        width = hidden.shape[-1]
        if torch.is_autocast_enabled(hidden.device.type):  # once, not for each of the three
            hidden = hidden.to(torch.get_autocast_dtype(hidden.device.type))

        def split(tensor: torch.Tensor) -> torch.Tensor:
            rows = tensor if packing is None else packing.deal(tensor)
            return rows.view(*rows.shape[:2], self.heads, width // self.heads).transpose(1, 2)

        query, key, value = (split(layer(hidden)) for layer in (self.query, self.key, self.value))
        if packing is not None:
            mask = packing.mask(query.dtype)
        attended = functional.scaled_dot_product_attention(query, key, value, mask, dropout)
        values: torch.Tensor = attended.transpose(1, 2).flatten(-2)
        return packing.gather(values) if packing is not None else values


class Residual(nn.Module):
    """Project, add to the input, normalise."""

    def __init__(self, config: dict[str, Any], width_in: int) -> None:
        super().__init__()
        self.dense = Linear(width_in, config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config.get("layer_norm_eps", 1e-12))

    def forward(self, hidden: torch.Tensor, residual: torch.Tensor, dropout: float = 0.0) -> torch.Tensor:
        """Normalised sum, shaped as ``hidden``."""
        projected = self.dense(hidden)
        if dropout:
            projected = functional.dropout(projected, dropout)
        normalised: torch.Tensor = self.LayerNorm(projected + residual)
        return normalised


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.attention = nn.ModuleDict()
        self.attention["self"] = SelfAttention(config)
        self.attention["output"] = Residual(config, config["hidden_size"])
        self.intermediate = nn.ModuleDict()
        self.intermediate["dense"] = Linear(config["hidden_size"], config["intermediate_size"])
        self.output = Residual(config, config["intermediate_size"])
        self.activation = _ACTIVATIONS[config.get("hidden_act", "gelu")]

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, packing: Packing | None = None, dropout: float = 0.0
    ) -> torch.Tensor:
        """Hidden states, shaped as those given."""
        attended = self.attention["self"](hidden, mask, packing, dropout)
        hidden = self.attention["output"](attended, hidden, dropout)
        output: torch.Tensor = self.output(self.activation(self.intermediate["dense"](hidden)), hidden, dropout)
        return output


class Bert(nn.Module):
    """Token ids to one vector per token.

    Its weights are whatever the memory holds until they are loaded, or made by `randomise`.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.width = int(config["hidden_size"])
        self.depth = len(layers)
        self.checkpointing = False  # compute each layer again on the way back instead of keeping it
        self.dropout = 0.0  # of attention and of what each half of a layer adds, where gradients are wanted
        self.packs = True  # takes packed batches

    def randomise(self) -> Bert:
        """Give it random weights, as PyTorch makes them; itself."""
        for module in self.modules():
            if isinstance(module, Linear):
                nn.Linear.reset_parameters(module)
            elif isinstance(module, Embedding):
                nn.Embedding.reset_parameters(module)
        return self

    @property
    def adaptable(self) -> nn.Module:
        """The model whose layers adapters name."""
        return self

    @property
    def word_vectors(self) -> torch.Tensor:
        """One vector per piece of the vocabulary, [vocabulary, width]."""
        return self.embeddings.word_embeddings.weight

    def vectors(self, batch: TokenBatch) -> torch.Tensor:
        """What the first layer takes, [rows, length, width]."""
        vectors: torch.Tensor = self.embeddings(batch)
        return vectors

    def forward(
        self,
        batch: TokenBatch,
        hidden: torch.Tensor | None = None,
        first: int = 0,
        last: int | None = None,
        between: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Hidden states [rows, length, width].

        Args:
            batch: the tokens.
            hidden: what the layer ``first`` takes; the tokens' own vectors when not given.
            first, last: the layers to go through.
            between: the number format that a layer hands to the next; as given by default.
        """
        length = batch.ids.shape[1]
        mask, packing = None, Packing(batch.lengths, length, batch.places) if batch.places else None
        # On a GPU the mask is always made: looking whether it is needed would wait for the device.
        if packing is None and (batch.ids.is_cuda or int(batch.lengths.min()) < length):
            mask = batch.mask[:, None, None, :]
        if hidden is None:
            hidden = self.embeddings(batch, packing)
        elif packing is not None:
            hidden = packing.pack(hidden)
        if between is not None:
            hidden = hidden.to(between)
        again = self.checkpointing and torch.is_grad_enabled()
        dropout = self.dropout if torch.is_grad_enabled() else 0.0
        for layer in list(self.encoder["layer"].children())[first:last]:
            given = (hidden, mask, packing, dropout)
            hidden = _again(layer, *given) if again else layer(*given)
        return hidden if packing is None else packing.pad(hidden)


def _again(layer: nn.Module, *given: Any) -> torch.Tensor:
    from torch.utils.checkpoint import checkpoint

    output: torch.Tensor = checkpoint(layer, *given, use_reentrant=False)
    return output


def supports(config: dict[str, Any]) -> bool:
    """Whether an encoder with this ``config.json`` is of the kind written out here."""
    return (
        config.get("model_type") == "bert"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and config.get("hidden_act", "gelu") in _ACTIVATIONS
        and not config.get("is_decoder", False)
    )


def load(config: dict[str, Any], weights: Path) -> Bert:
    """Build the model and fill it from a safetensors file.

    Raises:
        Damaged: the file is missing, cut short, or does not fit the configuration.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model = Bert(config)  # not on the meta device: what that imports takes longer still
        stored = {_renamed(name): tensor for name, tensor in load_file(weights).items()}
        wanted = model.state_dict().keys()
        model.load_state_dict({name: stored[name].float() for name in wanted}, assign=True)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        why = {KeyError: f"{error} is missing", RuntimeError: "they do not fit its config.json"}.get(type(error), error)
        raise Damaged(f"The encoder's weights in {weights} cannot be loaded: {why}.", "Fetch it again.") from error
    return model


def _renamed(name: str) -> str:
    """A weight's name here; the first BERT checkpoints carry older ones."""
    name = name.removeprefix("bert.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
