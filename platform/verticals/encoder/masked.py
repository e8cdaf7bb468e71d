"""The masked-language-model head that a checkpoint may bring along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from verticals.contract import BadInput

from .source import EncoderSource

# Where kinds of checkpoint keep the transform's two layers and the bias of the words.
_NAMES = (
    ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
    ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
)
_WORDS = "word_embeddings.weight"


@dataclass(frozen=True, slots=True)
class MaskedWeights:
    """What turns a token's vector into scores of all words.

    Args:
        dense, norm: weight and bias of the transform and of its normalisation.
        words: [vocabulary, dimension]; the encoder's own word vectors where the checkpoint ties them.
        bias: [vocabulary].
        activation: between the two.
    """

    dense: tuple[torch.Tensor, torch.Tensor]
    norm: tuple[torch.Tensor, torch.Tensor]
    words: torch.Tensor
    bias: torch.Tensor
    activation: str


def masked_weights(source: EncoderSource) -> MaskedWeights | None:
    """The language-model head in an encoder's checkpoint; `None` where it has none."""
    from safetensors import safe_open

    with safe_open(source.weights, framework="pt") as file:
        names = set(file.keys())
        for dense, norm, bias in _NAMES:
            if f"{dense}.weight" not in names:
                continue
            first = dense.split(".")[0]
            decoder = next((name for name in names if name.startswith(first) and name.endswith("decoder.weight")), None)
            words = decoder or next(name for name in names if name.endswith(_WORDS))

            def read(name: str) -> torch.Tensor:
                tensor: torch.Tensor = file.get_tensor(name)
                return tensor.float()

            table = read(words)
            if bias not in names:  # some checkpoints name the tied bias by the decoder only
                bias = f"{bias.rsplit('.', 1)[0]}.decoder.bias"
            offsets = read(bias) if bias in names else torch.zeros(len(table))
            pair = [(read(f"{name}.weight"), read(f"{name}.bias")) for name in (dense, norm)]
            return MaskedWeights(pair[0], pair[1], table, offsets, _activation(source.config))
    return None


def needed_weights(source: EncoderSource) -> MaskedWeights:
    """As `masked_weights`.

    Raises:
        BadInput: the checkpoint has none.
    """
    found = masked_weights(source)
    if found is None:
        raise BadInput(
            f"The encoder {source.name} has no masked-language-model head, which prompts need.",
            "Choose one that was saved with it, such as bert-base-uncased or distilroberta-base, or make one: "
            "platform adapt.",
        )
    return found


def _activation(config: Mapping[str, object]) -> str:
    return str(config.get("hidden_act") or config.get("activation") or "gelu")
