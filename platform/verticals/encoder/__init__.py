"""The shared pretrained encoder: base model, tokenizer, low-rank adapter bank, precision, length-bucketed batches.

Training and serving use the same modules, so a head behaves in production as it did when it was measured.
"""

from .batches import TokenBatch, bucketed
from .encoder import Encoder
from .lora import LoraAdapter
from .precision import Precision, choose_precision
from .source import DEFAULT_ENCODER, EncoderSource, locate
from .tokens import Tokenizer, TokenRows

__all__ = [
    "DEFAULT_ENCODER", "Encoder", "EncoderSource", "LoraAdapter", "Precision", "TokenBatch", "TokenRows", "Tokenizer",
    "bucketed", "choose_precision", "locate",
]  # fmt: skip
