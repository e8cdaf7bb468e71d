"""Adapting an encoder to a domain by its unlabelled texts."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from verticals.contract import BadInput, Progress, Recipe
from verticals.encoder import Encoder
from verticals.encoder.masked import masked_weights
from verticals.files import explained

from .body import full_body
from .interruption import stopped_by_signals
from .loop import train
from .masking import MaskedHead, MaskedRows, MaskedWords
from .work import Work

ADAPTATION = Recipe(epochs=3, learning_rate=5e-5, head_learning_rate=1e-3, train_words=True, validation=0.05)
_LEAST_TEXTS = 20
_COPIED = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "1_Pooling/config.json")


@dataclasses.dataclass(frozen=True, slots=True)
class Adaptation:
    """What adapting an encoder gave.

    Args:
        folder: of the new encoder; `None` where it was interrupted.
        texts: how many were learned from.
        history: the figures of each epoch on held-out texts: the mean log likelihood of the hidden words (nats), and
            the share that was guessed.
        seconds: wall time of training.
        stopped: ``done``, ``early`` (patience) or ``interrupted``.
    """

    folder: Path | None
    texts: int
    history: tuple[Mapping[str, float], ...]
    seconds: float
    stopped: str


def adapt(
    texts: Sequence[str],
    encoder: Encoder,
    folder: Path,
    checkpoint: Path,
    recipe: Recipe = ADAPTATION,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Adaptation:
    """Go on with the encoder's masked-language-model training on texts of a domain (Gururangan et al., 2020, ACL).

    Args:
        texts: unlabelled; equal ones count once.
        encoder: to start from; it stays as it is.
        folder: of the new encoder.
        checkpoint: the file that an interrupted adaptation goes on from.
        recipe: epochs, rates, batches, seed and share of held-out texts.
        resume: go on from the checkpoint.
        stop: set it to end after the step in progress.
        report: told how far it is.

    Raises:
        BadInput: too few texts, or the encoder's tokenizer has no mask token.
        StorageError: the folder cannot be written.
    """
    distinct = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if len(distinct) < _LEAST_TEXTS:
        raise BadInput(
            f"There are {len(distinct)} different texts to adapt to, and {_LEAST_TEXTS} are the least.", "Give more."
        )
    if not encoder.tokenizer.mask:
        raise BadInput(f"The tokenizer of {encoder.source.name} has no mask token.", "Start from another encoder.")
    order = np.random.default_rng(recipe.seed).permutation(len(distinct))
    held = max(1, math.floor(len(distinct) * recipe.validation))
    rows = encoder.tokens([text.split() for text in distinct], recipe.extent, "words")
    body = full_body(encoder, recipe)
    head = MaskedHead(encoder.dimension, body.encoder.word_vectors, masked_weights(encoder.source))
    started, stop = time.monotonic(), stop or threading.Event()
    with stopped_by_signals(stop):
        kept, measured = MaskedRows(rows.part(order[held:])), MaskedRows(rows.part(order[:held]), recipe.seed)
        work = Work(body, head, MaskedWords((), ""), kept, measured, recipe)
        state, outcome = train(work, recipe, checkpoint, resume=resume, stop=stop, report=report)
    seconds = time.monotonic() - started
    if outcome == "interrupted":
        return Adaptation(None, len(order) - held, tuple(state.history), seconds, outcome)
    _save(body.encoder, head, folder)
    checkpoint.unlink(missing_ok=True)
    return Adaptation(folder, len(order) - held, tuple(state.history), seconds, outcome)


def _save(encoder: Encoder, head: MaskedHead, folder: Path) -> None:
    """A folder as the transformers library writes it: the encoder, its masked-language-model head and its tokenizer."""
    from safetensors.torch import save_file

    source = encoder.source
    own = source.config.get("model_type") == "bert"
    prefix = "bert." if own else ""
    tensors = {prefix + name.removeprefix("model."): tensor for name, tensor in encoder.state().items()}
    for name, tensor in (("transform.dense.weight", head.dense.weight), ("transform.dense.bias", head.dense.bias),
                         ("transform.LayerNorm.weight", head.norm.weight),
                         ("transform.LayerNorm.bias", head.norm.bias), ("bias", head.bias)):  # fmt: skip
        tensors[f"cls.predictions.{name}"] = tensor.detach().cpu().contiguous()
    config = dict(source.config)
    if own:
        config["architectures"] = ["BertForMaskedLM"]
    temporary = folder.with_name(f".new-{folder.name}")
    with explained(folder):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(tensors, temporary / "model.safetensors", metadata={"format": "pt"})
        (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        for name in _COPIED:
            if (source.path / name).is_file():
                (temporary / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(source.path / name, temporary / name)
        temporary.rename(folder)
