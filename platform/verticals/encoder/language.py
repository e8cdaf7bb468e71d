"""Causal language models on this disk: prompts and answers as tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from verticals.contract import BadInput, Damaged
from verticals.files import sha256_file


class Language:
    """A causal language model's tokenizer, with its chat template where it has one.

    With a template a prompt is the user's turn and the answer the assistant's; without one they are separated by a
    line break. An answer ends with the token that ends the assistant's turn, or the end-of-text token.

    Args:
        folder: of the model, as the transformers library saves it.

    Raises:
        BadInput: it is no folder with a tokenizer, or its tokenizer has no end token.
    """

    def __init__(self, folder: str) -> None:
        from transformers import AutoConfig, AutoTokenizer

        self.folder = folder
        if not folder or not (Path(folder) / "config.json").is_file():
            raise BadInput(
                f"recipe: encoder is {folder!r}; a generate head needs the folder of a causal language model.",
                "Give one that holds config.json, model.safetensors and a tokenizer: --set encoder=FOLDER.",
            )
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
            config = AutoConfig.from_pretrained(folder)
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"The tokenizer in {folder} cannot be loaded: {error}.", "Fetch the model again.") from error
        self.limit = int(getattr(config, "max_position_embeddings", 0) or 1 << 30)
        self.end = self.tokenizer.eos_token_id
        if self.end is None:
            raise BadInput(f"The tokenizer in {folder} has no end-of-text token.", "Set its eos_token.")
        pad = self.tokenizer.pad_token_id
        self.pad = int(self.end if pad is None else pad)
        special = set(self.tokenizer.all_special_ids)
        self.stop = {int(self.end), *(token for token in self._answer("a", "a") if token in special)}

    def prompt(self, text: str) -> list[int]:
        """Tokens up to where the answer begins."""
        if self.tokenizer.chat_template:
            return self._chat([{"role": "user", "content": text}], True)
        ids = list(self.tokenizer(text if text[-1:].isspace() else f"{text}\n")["input_ids"])
        return ids[:-1] if ids and ids[-1] == self.end else ids

    def example(self, text: str, answer: str, most: int) -> tuple[list[int], int, int]:
        """A prompt with its answer, where the answer begins, and how many tokens were left out.

        A prompt loses its beginning where both are longer than ``most`` tokens, an answer its end where it alone is.
        """
        start, rest = self.prompt(text), self.answer(text, answer)
        over = max(0, len(start) + len(rest) - most)
        start = start[min(over, len(start) - 1) :]
        rest = rest[: most - len(start)]
        return [*start, *rest], len(start), over

    def answer(self, text: str, answer: str) -> list[int]:
        """Tokens of an answer, its end token included."""
        rest = self._answer(text, answer)
        ends = [at for at, token in enumerate(rest) if token in self.stop]
        return rest[: ends[0] + 1] if ends else [*rest, int(self.end)]

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens, without special ones."""
        decoded: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return decoded

    def _answer(self, text: str, answer: str) -> list[int]:
        if self.tokenizer.chat_template:
            start = self.prompt(text)
            turns = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
            whole = self._chat(turns, False)
            if whole[: len(start)] == start:
                return whole[len(start) :]
        return list(self.tokenizer(answer, add_special_tokens=False)["input_ids"])

    def _chat(self, turns: Sequence[dict[str, str]], begin: bool) -> list[int]:
        shown = self.tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=begin)
        return list(self.tokenizer(shown, add_special_tokens=False)["input_ids"])


def load_model(folder: str) -> Any:
    """The model in a folder, in fp32.

    Raises:
        Damaged: the transformers library cannot load it as a causal language model.
    """
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(f"The language model in {folder} cannot be loaded: {error}.", "Fetch it again.") from error
    return model.eval().requires_grad_(False)


def weights_sha256(folder: str) -> str:
    """SHA-256 of the SHA-256 of each file of weights."""
    files = sorted(Path(folder).glob("*.safetensors"))
    return hashlib.sha256("".join(sha256_file(path) for path in files).encode()).hexdigest()


def mask_of(example: torch.Tensor) -> torch.Tensor:
    """What each token may look at: those of its own example that are not behind it.

    Args:
        example: number of each token's example, [packs, length].

    Returns:
        0 where it may and a very low number where not, [packs, 1, length, length].
    """
    length = example.shape[1]
    behind = torch.ones(length, length, dtype=torch.bool, device=example.device).triu(1)
    hidden = (example[:, :, None] != example[:, None, :]) | behind
    mask = torch.zeros(hidden.shape, device=example.device)
    return mask.masked_fill_(hidden, torch.finfo(torch.float32).min)[:, None]


def logits_of(model: Any, packed: torch.Tensor) -> torch.Tensor:
    """Next-token logits of packed examples, [packs, length, vocabulary]; see `tuning.packed`."""
    ids, positions, example = packed[:, 0], packed[:, 1], packed[:, 2]
    logits: torch.Tensor = model(
        input_ids=ids, attention_mask=mask_of(example), position_ids=positions, use_cache=False
    ).logits
    return logits


def keeps_apart(model: Any, vocabulary: int) -> bool:
    """Whether two examples in one sequence get the logits that each gets alone: not so with recurrent models."""
    random = torch.Generator().manual_seed(0)
    ids = torch.randint(0, vocabulary, (12,), generator=random)
    positions = torch.cat([torch.arange(7), torch.arange(5)])
    example = torch.tensor([0] * 7 + [1] * 5)
    with torch.inference_mode():
        both = logits_of(model, torch.stack([ids, positions, example])[None])[0, 7:]
        alone = model(input_ids=ids[None, 7:], use_cache=False).logits[0]
    return torch.allclose(both, alone, rtol=1e-3, atol=1e-4)
