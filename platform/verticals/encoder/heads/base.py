"""What every head can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from verticals.contract import BadInput, Prediction
from verticals.encoder.tokens import Text


class Head(nn.Module, ABC):
    """A task on top of the encoder's features.

    Args:
        dimension: of the features.
        fields: the input fields; two make a pair of texts.
        dropout: on the features, in training.

    What a head reads of the encoder is its ``reads``: ``text`` (one vector per text), ``words`` (one per word),
    ``mask`` (that of the mask token), or ``itself``: such a head has a network of its own, without the encoder.
    """

    reads: ClassVar[str] = "text"

    def __init__(self, dimension: int, fields: Sequence[str] = ("text",), dropout: float = 0.0) -> None:
        super().__init__()
        self.dimension, self.fields = dimension, tuple(fields)
        self.dropout = nn.Dropout(dropout)

    @classmethod
    def build(cls, dimension: int, config: Mapping[str, Any]) -> Head:
        """The head that `config` describes; an objective with heads of several kinds tells them apart here."""
        return cls(dimension, **config)

    @property
    def below(self) -> Mapping[str, nn.Parameter]:
        """The head's own parameters that learn at the rate of what lies below a head: those of its own network."""
        return {}

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `build_head` needs to make this head again, in JSON's types."""

    @abstractmethod
    def texts(self, value: Any) -> list[Any]:
        """What must be encoded to answer one input; raises `BadInput` for one that does not fit.

        Texts (or pairs of texts); for a head that reads words, sequences of words; nothing for one with a network of
        its own.
        """

    @abstractmethod
    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """Predictions for ``values``, in order.

        Args:
            features: of all their texts, one after the other: [texts, dimension]; for a head that reads words,
                [words of all texts, dimension].
            values: the inputs.
        """

    def undecided(self, answer: Prediction, margin: float, value: Any, features: torch.Tensor) -> bool:
        """Whether an answer of this head would be another one if probabilities were off by ``margin``.

        Where numbers alone are answered there is nothing to decide.

        Args:
            answer: to ``value``.
            margin: probability.
            value: the input.
            features: of its texts, as for `answer`.
        """
        del answer, margin, value, features
        return False

    def stream(self, value: Any) -> Iterator[str]:
        """The answer to one input, piece by piece.

        Raises:
            BadInput: this kind of head answers at once.
        """
        raise BadInput("This head writes no text that could be streamed.", "Use predict.")

    def save(self, folder: Path) -> None:
        """Write ``head.safetensors``."""
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "head.safetensors", metadata={"format": "pt"})

    def load(self, folder: Path) -> None:
        """Read ``head.safetensors``."""
        from safetensors.torch import load_file

        self.load_state_dict(load_file(folder / "head.safetensors"))


def check_text(value: Any, name: str) -> None:
    """Make sure that a value is a text with something in it.

    Raises:
        BadInput: it is none; ``name`` says in the message which.
    """
    if not isinstance(value, str):
        raise BadInput(f"{name} is a {type(value).__name__}, not a text.", "Give some text.")
    if not value.strip():
        raise BadInput(f"{name} is empty.", "Give some text.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadInput(f"{name} holds half of a character (a lone surrogate).", "Send whole Unicode characters.")


def texts_of(value: Any, fields: Sequence[str]) -> Text:
    """One text, or a pair where a head reads two fields, from a string, a sequence or a mapping of the fields.

    Raises:
        BadInput: a field is missing, is no text, or holds nothing but spaces.
    """
    if isinstance(value, Mapping):
        missing = [name for name in fields if name not in value]
        if missing:
            raise BadInput(f"The input has no {missing[0]!r}.", f"It needs: {', '.join(fields)}.")
        parts = [value[name] for name in fields]
    elif isinstance(value, str):
        parts = [value]
    elif isinstance(value, Sequence):
        parts = list(value)
    else:
        raise BadInput(
            f"The input is a {type(value).__name__}.", "Give a text, or a mapping of the head's input fields."
        )
    if len(parts) != len(fields):
        raise BadInput(f"The input has {len(parts)} texts; this head reads {len(fields)}: {', '.join(fields)}.")
    for name, part in zip(fields, parts, strict=True):
        check_text(part, repr(name))
    return (parts[0], parts[1]) if len(parts) == 2 else " ".join(parts)
