"""The shared pretrained encoder: base model, tokenizer, low-rank adapter bank, precision, length-bucketed batches.

Training and serving use the same modules, so a head behaves in production as it did when it was measured. Where an
encoder lies can be known before torch is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .source import DEFAULT_ENCODER, EncoderSource, locate

if TYPE_CHECKING:
    from .batches import TokenBatch as TokenBatch
    from .batches import bucketed as bucketed
    from .encoder import Encoder as Encoder
    from .lora import LoraAdapter as LoraAdapter
    from .precision import Precision as Precision
    from .precision import choose_precision as choose_precision
    from .tokens import Tokenizer as Tokenizer
    from .tokens import TokenRows as TokenRows

_LAZY = {
    "Encoder": "encoder", "LoraAdapter": "lora", "Precision": "precision", "TokenBatch": "batches",
    "TokenRows": "tokens", "Tokenizer": "tokens", "bucketed": "batches", "choose_precision": "precision",
}  # fmt: skip

__all__ = [
    "DEFAULT_ENCODER", "Encoder", "EncoderSource", "LoraAdapter", "Precision", "TokenBatch", "TokenRows", "Tokenizer",
    "bucketed", "choose_precision", "locate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
