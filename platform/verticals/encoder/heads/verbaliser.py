"""Labels read off what a masked language model would put for the mask of a template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from verticals.encoder.tokens import MASK, Prompt

from .base import texts_of
from .classify import NEIGHBOURS, ClassifyHead

FIELD = "{text}"


class VerbaliserHead(ClassifyHead):
    """The encoder's own masked-language-model head, narrowed to the words that stand for the labels.

    As in pattern-exploiting training (Schick and Schütze, 2021, arXiv:2001.07676): a template makes a cloze question
    of the text ("… It was [MASK]."), and each label's score is the mean logit of its words at the mask.

    Args:
        template: with ``{text}`` and one `MASK`.
        words: how many words stand for each label.
        activation: of the language-model head.
    """

    reads = "mask"

    def __init__(
        self,
        dimension: int,
        labels: Sequence[str],
        template: str,
        words: Sequence[int],
        activation: str = "gelu",
        temperature: float = 1.0,
        threshold: float = -1.0,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
        neighbours: int = NEIGHBOURS,
    ) -> None:
        super().__init__(dimension, labels, temperature, threshold, fields, dropout, neighbours)
        self.template, self.words, self.activation = template, tuple(words), activation
        self.dense = nn.Linear(dimension, dimension)
        self.norm = nn.LayerNorm(dimension, eps=1e-12)
        self.linear = nn.Linear(dimension, sum(self.words))
        share = torch.zeros(len(self.labels), sum(self.words))
        places = torch.repeat_interleave(torch.arange(len(self.words)), torch.tensor(self.words))
        share[places, torch.arange(len(places))] = 1.0 / torch.tensor(self.words)[places]
        self.register_buffer("share", share, persistent=False)  # [labels, words]
        self.share: torch.Tensor

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        own = {"template": self.template, "words": list(self.words), "activation": self.activation}
        return {**super().config(), **own}

    def texts(self, value: Any) -> list[Any]:
        """See `Head.texts`: the prompt."""
        return [prompt_of(self.template, texts_of(value, self.fields))]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [rows, labels] of the vectors at the mask."""
        transformed = self.norm(_ACTIVATIONS[self.activation](self.dense(self.dropout(features))))
        logits: torch.Tensor = self.linear(transformed) @ self.share.T
        return logits


def prompt_of(template: str, text: Any) -> Prompt:
    """A text within its template; a pair of texts becomes one."""
    before, _, after = template.partition(FIELD)
    return before, text if isinstance(text, str) else " ".join(text), after


def _gelu_new(hidden: torch.Tensor) -> torch.Tensor:
    return functional.gelu(hidden, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": functional.gelu, "gelu_new": _gelu_new, "relu": functional.relu,
}  # fmt: skip
__all__ = ["FIELD", "MASK", "VerbaliserHead", "prompt_of"]
