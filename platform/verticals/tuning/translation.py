"""Texts through translation models of the transformers library, there and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from verticals.contract import BadInput

_BATCH = 16
_MAX_TOKENS = 128


def back_translate(texts: Sequence[str], there: Path, back: Path, seed: int) -> list[str]:
    """Translate texts with one model and back with another; sampled, so copies of one text come back differently.

    Args:
        texts: in the language of the rows.
        there, back: folders of sequence-to-sequence models.
        seed: of the sampling.

    Raises:
        BadInput: a folder holds no such model.
    """
    for folder in (there, back):
        if not (folder / "config.json").is_file():
            raise BadInput(
                f"recipe: translators names {folder}, where no model is.",
                "Give the folder of a sequence-to-sequence model of the transformers library.",
            )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return _translated(_translated(texts, there), back)


def _translated(texts: Sequence[str], folder: Path) -> list[str]:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True).eval()
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"The translation model in {folder} cannot be loaded: {error}.", "Fetch it again.") from error
    translated: list[str] = []
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        given = tokenizer(batch, return_tensors="pt", padding=True, truncation=True, max_length=_MAX_TOKENS)
        with torch.inference_mode():
            ids = model.generate(
                input_ids=given["input_ids"], attention_mask=given["attention_mask"],
                do_sample=True, top_p=0.9, max_new_tokens=_MAX_TOKENS,
            )  # fmt: skip
        translated += tokenizer.batch_decode(ids, skip_special_tokens=True)
    return translated
