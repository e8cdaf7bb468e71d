"""Training of `GenerateHead`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, Extent, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import GenerateHead
from verticals.encoder.heads.base import check_text
from verticals.encoder.heads.generate import prompt_of
from verticals.encoder.language import Language, keeps_apart, load_model
from verticals.tuning.packed import PreparedAnswers

from .base import Example, Objective, of_each

_TOGETHER = 8  # sequences measured at once
_METHODS = ("auto", "network", "lora")


class Generate(Objective):
    """The text that answers a prompt, by supervised fine-tuning; compared by the probability of the answers' tokens.

    Only the answers' tokens count in the loss. The model is changed by LoRA (Hu et al., 2021, arXiv:2106.09685).
    """

    metric = "token_probability"
    reads = "itself"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._language: Language | None = None
        self._model: Any = None
        self._packs = True
        self._longest = 0

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        of_each(examples, "train", self._pair)

    def begin(self, recipe: Recipe) -> None:
        """See `Objective.begin`."""
        if recipe.method not in _METHODS:
            raise BadInput(
                f"recipe: method is {recipe.method!r}; a generate head is trained by LoRA.", "Leave it at 'auto'."
            )
        self._language = Language(recipe.encoder)
        self._model = load_model(recipe.encoder)
        self._packs = keeps_apart(self._model, min(100, int(self._model.config.vocab_size)))

    def adopt(self, head: GenerateHead) -> None:
        """See `Objective.adopt`."""
        self._language, self._packs = head.language, head.packs

    def head(self, dimension: int, recipe: Recipe) -> GenerateHead:
        """See `Objective.head`."""
        from peft import LoraConfig, get_peft_model

        setting = LoraConfig(
            task_type="CAUSAL_LM", r=recipe.lora_rank, lora_alpha=recipe.lora_alpha, lora_dropout=0.0,
            use_rslora=recipe.lora_scaling == "rs", use_dora=recipe.dora, target_modules="all-linear",
        )  # fmt: skip
        base = self._model if self._model is not None else load_model(recipe.encoder)
        self._model = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = get_peft_model(base, setting)
        if recipe.checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        longest = min(1024, self._longest * 3 // 2 + 8)
        return GenerateHead(
            dimension, recipe.encoder, packs=self._packs, max_new_tokens=longest, fields=self.inputs, model=model
        )

    def rate(self, recipe: Recipe) -> float:
        """See `Objective.rate`."""
        return 5e-4

    def texts(self, example: Example) -> list[Any]:
        """See `Objective.texts`: none, the model reads the prompt itself."""
        return []

    def target_of(self, example: Example) -> str:
        """The answer."""
        return self._pair(example)[1]

    def room(self, encoder: Encoder, extent: Extent) -> int:
        """See `Objective.room`: as the language model has it."""
        return min(extent.max_tokens, self._known_language().limit)

    def _known_language(self) -> Language:
        if self._language is None:
            raise RuntimeError("prepare comes after begin or adopt")
        return self._language

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> PreparedAnswers:
        """See `Objective.prepare`."""
        language, room = self._known_language(), self.room(encoder, extent)
        rows = [language.example(prompt, answer, room) for prompt, answer in of_each(examples, split, self._pair)]
        starts = np.array([start for _, start, _ in rows], dtype=np.int64)
        ids = [np.array(tokens, dtype=np.int64) for tokens, _, _ in rows]
        counts = torch.tensor([float(len(row) - start) for row, start in zip(ids, starts, strict=True)])
        self._longest = max(self._longest, int(counts.max()))
        left_out = np.array([over for _, _, over in rows], dtype=np.int64)
        return PreparedAnswers(ids, starts, counts, room, self._packs, language.pad, left_out)

    def losses(self, head: GenerateHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Mean negative log likelihood of each answer's tokens."""
        loss, _, example = _of_tokens(head, features)
        return loss.new_zeros(len(targets)).index_add(0, example, loss) / targets

    def metrics(self, head: GenerateHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Of the answers' tokens: geometric mean probability, its inverse (perplexity), share that came first.

        ``exact_match`` is the share of answers that the likeliest token each time gives to the letter.
        """
        total, right, wrong = 0.0, 0, torch.zeros(len(targets), dtype=torch.bool)
        for part in features.split(_TOGETHER):
            loss, first, example = (one.cpu() for one in _of_tokens(head, part.to(next(head.parameters()).device)))
            total, right = total + float(loss.double().sum()), right + int(first.sum())
            wrong[example[~first]] = True
        tokens = float(targets.sum())
        return {
            "token_probability": math.exp(-total / tokens),
            "perplexity": math.exp(min(total / tokens, 700.0)),
            "token_accuracy": right / tokens,
            "exact_match": float((~wrong).float().mean()),
        }

    def calibrate(self, head: GenerateHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """See `Objective.calibrate`: a language model's probabilities are left as they are."""

    def _pair(self, example: Example) -> tuple[str, str]:
        check_text(example[self.target], repr(self.target))
        return prompt_of(example, self.inputs), str(example[self.target])


def _of_tokens(head: GenerateHead, packed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss of each token of an answer, whether it was the likeliest, and the number of its example; each [tokens]."""
    logits = head(packed)[:, :-1]
    counted = packed[:, 3, 1:] > 0
    chosen, truth = logits[counted].float(), packed[:, 0, 1:][counted]
    return (
        functional.cross_entropy(chosen, truth, reduction="none"),
        chosen.argmax(dim=-1) == truth,
        packed[:, 2, 1:][counted],
    )
