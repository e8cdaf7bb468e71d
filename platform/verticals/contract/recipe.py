"""How a head is trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import BadInput, suggest

_ROWS_SEEN = 27_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained. Every field has a default that works; fields left at ``None`` follow the method.

    Args:
        method: ``head`` (only the head, on cached features of the frozen encoder: seconds), ``lora``
            (low-rank adapters in the shared bank), ``full`` (a private copy of the encoder), or ``auto``.
        epochs: passes over the training rows, at most; early stopping may end sooner. `None`: as many as make about
            27,000 rows, between 3 and 20.
        token_budget: tokens that the method ``auto`` may train on, all epochs together; it takes fewer epochs to keep
            within, and trains the head alone where three are too many. `None`: no limit.
        learning_rate: peak rate of the encoder's or adapter's parameters.
        head_learning_rate: peak rate of the head's own parameters.
        batch_size: rows in one step.
        max_tokens: longer inputs are cut here (never above what the encoder takes).
        warmup: share of the steps in which the rate rises.
        schedule: ``linear`` or ``cosine`` decay, or ``constant``.
        weight_decay: decoupled weight decay (AdamW) of matrices; biases and norms have none.
        dropout: on the features before the head.
        label_smoothing: share of the target spread over the other labels.
        max_grad_norm: gradients are clipped to this norm.
        lora_rank, lora_alpha: rank and scale (alpha / rank) of the adapters.
        validation: share of the training rows held out when the data set has no validation rows.
        patience: epochs without improvement before training stops; 0 never stops early.
        coverage: share of familiar inputs that must not be declined as "none of these".
        precision: ``auto``, ``fp32`` or ``bf16``.
        encoder: another base encoder than the platform's; empty for the shared one.
        seed: of everything random.
    """

    method: str = "auto"
    epochs: int | None = None
    token_budget: int | None = None
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    batch_size: int = 32
    max_tokens: int = 128
    warmup: float = 0.1
    schedule: str = "linear"
    weight_decay: float = 0.01
    dropout: float = 0.1
    label_smoothing: float = 0.1
    max_grad_norm: float = 1.0
    lora_rank: int = 16
    lora_alpha: float = 32.0
    validation: float = 0.1
    patience: int = 2
    coverage: float = 0.98
    precision: str = "auto"
    encoder: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not (low <= value <= high):
                raise BadInput(f"recipe: {name} is {value}.", f"It must lie between {low} and {high}.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInput(
                    f"recipe: {name} is {getattr(self, name)!r}.", suggest(str(getattr(self, name)), choices)
                )

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with ``changes``; values may be strings, as a command line gives them.

        Raises:
            BadInput: an unknown key (the nearest is suggested) or a value of the wrong kind.
        """
        fields = {f.name: f for f in dataclasses.fields(self)}
        converted: dict[str, Any] = {}
        for key, value in changes.items():
            name = key.replace("-", "_")
            if name not in fields:
                raise BadInput(f"recipe: there is no {key!r}.", suggest(name, fields))
            kind = next(kind for kind in (str, int, float) if kind.__name__ in str(fields[name].type))
            try:
                converted[name] = None if value is None else kind(value)
            except (TypeError, ValueError):
                raise BadInput(f"recipe: {name} is {value!r}.", f"It must be of type {kind.__name__}.") from None
        return dataclasses.replace(self, **converted)

    def passes(self, rows: int) -> int:
        """The epochs for a number of training rows."""
        return self.epochs or min(20, max(3, math.ceil(_ROWS_SEEN / max(1, rows))))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self)


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, 1000),
    ("token_budget", 0, 10**15),
    ("learning_rate", 1e-8, 10),
    ("head_learning_rate", 1e-8, 10),
    ("batch_size", 1, 65536),
    ("max_tokens", 4, 1_000_000),
    ("warmup", 0, 1),
    ("weight_decay", 0, 10),
    ("dropout", 0, 0.95),
    ("label_smoothing", 0, 0.95),
    ("max_grad_norm", 1e-6, 1e6),
    ("lora_rank", 1, 1024),
    ("lora_alpha", 1e-3, 1e5),
    ("validation", 0, 0.9),
    ("patience", 0, 1000),
    ("coverage", 0.5, 1),
)
_CHOICES = {
    "schedule": ("linear", "cosine", "constant"),
    "precision": ("auto", "fp32", "bf16"),
}
