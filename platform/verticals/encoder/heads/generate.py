"""A text for a text, token after token."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from verticals.contract import BadInput, Damaged, Prediction, suggest
from verticals.encoder.decoding import Sampling, decode
from verticals.encoder.language import Language, load_model, logits_of, weights_sha256

from .base import Head, check_text

_SETTINGS = ("max_new_tokens", "temperature", "top_p", "seed")
_TOGETHER = 16  # answers written at once


class GenerateHead(Head):
    """A causal language model with a low-rank adapter; it has nothing of the shared encoder.

    Args:
        dimension: ignored.
        base: folder of the model.
        sha256: of its weights, where they are known.
        packs: whether several examples may share a sequence.
        max_new_tokens: of an answer, unless its input says otherwise.
        fields: that make the prompt, one below the other.
        dropout: ignored.
        model: the base, where it is loaded already.
    """

    reads = "itself"

    def __init__(
        self,
        dimension: int,
        base: str,
        sha256: str = "",
        packs: bool = True,
        max_new_tokens: int = 64,
        fields: Sequence[str] = ("text",),
        dropout: float = 0.0,
        model: Any = None,
    ) -> None:
        super().__init__(dimension, fields)
        self.base, self.packs, self.max_new_tokens = base, packs, max_new_tokens
        self.language = _language(base)
        self.sha256 = weights_sha256(base)
        if sha256 and sha256 != self.sha256:
            raise Damaged(
                f"The language model in {base} is not the one this head was trained on.",
                "Restore it there, or train the head again.",
            )
        self.model: Any = load_model(base) if model is None else model

    def config(self) -> dict[str, Any]:
        """See `Head.config`."""
        return {
            "base": self.base, "sha256": self.sha256, "packs": self.packs, "max_new_tokens": self.max_new_tokens,
            "fields": list(self.fields),
        }  # fmt: skip

    @property
    def below(self) -> Mapping[str, nn.Parameter]:
        """See `Head.below`: the adapter's."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def texts(self, value: Any) -> list[Any]:
        """No texts: the model reads the prompt itself; raises `BadInput` for an input that has none."""
        self.read(value)
        return []

    def forward(self, packed: torch.Tensor) -> torch.Tensor:
        """Next-token logits of packed examples, [packs, length, vocabulary]."""
        return logits_of(self.model, packed)

    def answer(self, features: torch.Tensor, values: Sequence[Any]) -> list[Prediction]:
        """See `Head.answer`. The confidence is the geometric mean of the tokens' probabilities."""
        asked = [self.read(value) for value in values]
        groups: dict[Sampling, list[int]] = {}
        for place, (_, sampling) in enumerate(asked):
            groups.setdefault(sampling, []).append(place)
        answers: dict[int, Prediction] = {}
        for sampling, places in groups.items():
            for start in range(0, len(places), _TOGETHER):
                part = places[start : start + _TOGETHER]
                written = self._written([asked[place][0] for place in part], sampling)
                answers.update(zip(part, written, strict=True))
        return [answers[place] for place in range(len(values))]

    def stream(self, value: Any) -> Iterator[str]:
        """See `Head.stream`."""
        prompt, sampling = self.read(value)
        ids: list[int] = []
        told = ""
        for (token,), _ in self._decoded([prompt], sampling):
            if token is None or token in self.language.stop:
                break
            ids.append(token)
            text = self.language.text(ids)
            # A character of several bytes comes in several tokens; what is there of it shows as U+FFFD.
            if text.startswith(told) and not text.endswith("\ufffd"):
                yield text[len(told) :]
                told = text
        text = self.language.text(ids)
        if len(text) > len(told):
            yield text[len(told) :]

    def read(self, value: Any) -> tuple[str, Sampling]:
        """The prompt and the settings of an input: a text, or a mapping of the fields and of settings.

        Raises:
            BadInput: a field is missing or empty, or a setting is unknown or out of range.
        """
        given = dict(value) if isinstance(value, Mapping) else {self.fields[0]: value}
        for name in given:
            if name not in self.fields and name not in _SETTINGS:
                raise BadInput(f"The input has a field {name!r}.", suggest(str(name), [*self.fields, *_SETTINGS]))
        settings = {name: given[name] for name in _SETTINGS if name in given and name not in self.fields}
        return prompt_of(given, self.fields), Sampling.of(settings, self.max_new_tokens)

    def save(self, folder: Path) -> None:
        """Write the adapter as a PEFT folder."""
        self.model.peft_config["default"].base_model_name_or_path = self.base
        self.model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)

    def load(self, folder: Path) -> None:
        """Read the adapter and merge it into the weights."""
        from peft import PeftModel

        try:
            self.model = PeftModel.from_pretrained(self.model, folder).merge_and_unload().eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise Damaged(f"The adapter in {folder} cannot be loaded: {error}.", "Train it again.") from error

    def _written(self, prompts: Sequence[str], sampling: Sampling) -> list[Prediction]:
        ids: list[list[int]] = [[] for _ in prompts]
        sure: list[list[float]] = [[] for _ in prompts]
        for tokens, chances in self._decoded(prompts, sampling):
            for at, token in enumerate(tokens):
                if token is not None:
                    sure[at].append(chances[at])
                    if token not in self.language.stop:
                        ids[at].append(token)
        return [
            Prediction(label=None, confidence=math.exp(sum(one) / max(1, len(one))), text=self.language.text(own))
            for own, one in zip(ids, sure, strict=True)
        ]

    def _decoded(self, prompts: Sequence[str], sampling: Sampling) -> Iterator[tuple[list[int | None], list[float]]]:
        tokens = [self.language.prompt(prompt) for prompt in prompts]
        return decode(self.model, tokens, self.language.pad, self.language.stop, self.language.limit, sampling)


def prompt_of(value: Mapping[str, Any], fields: Sequence[str]) -> str:
    """The prompt that a mapping's fields make, one below the other."""
    parts = []
    for name in fields:
        if name not in value:
            raise BadInput(f"The input has no {name!r}.", f"It needs: {', '.join(fields)}.")
        check_text(value[name], repr(name))
        parts.append(value[name])
    return "\n".join(parts)


def _language(base: str) -> Language:
    try:
        return Language(base)
    except BadInput as error:
        raise Damaged(f"The language model in {base} cannot be used: {error.message}", error.remedy) from error
