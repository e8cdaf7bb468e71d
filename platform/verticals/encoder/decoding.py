"""Token after token from a causal language model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from verticals.contract import BadInput


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen.

    Args:
        max_new_tokens: in an answer, at most.
        temperature: 0 takes the likeliest token; above, tokens are drawn, the more freely the higher it is.
        top_p: only the likeliest tokens that together have this probability are drawn from (Holtzman et al., 2020,
            arXiv:1904.09751).
        seed: of the draws; `None` for others each time.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], usual: int) -> Sampling:
        """From an input's settings, which may be strings.

        Raises:
            BadInput: one is no number, or lies out of range.
        """
        try:
            seed = given.get("seed")
            made = cls(
                int(given.get("max_new_tokens", usual)), float(given.get("temperature", 0.0)),
                float(given.get("top_p", 1.0)), None if seed is None else int(seed),
            )  # fmt: skip
        except (TypeError, ValueError) as error:
            raise BadInput(f"A setting is no number: {error}.", "Give numbers.") from None
        if not (1 <= made.max_new_tokens <= 100_000 and 0 <= made.temperature <= 100 and 0 < made.top_p <= 1):
            raise BadInput(
                f"{made} is out of range.", "Set max_new_tokens from 1, temperature from 0 and top_p up to 1."
            )
        return made


def decode(
    model: Any, prompts: Sequence[Sequence[int]], pad: int, stop: Collection[int], limit: int, sampling: Sampling
) -> Iterator[tuple[list[int | None], list[float]]]:
    """Continue prompts together, a token each at a time.

    Args:
        model: the causal language model.
        prompts: tokens of each; those longer than the model takes lose their beginning.
        pad: token that fills up shorter prompts.
        stop: tokens that end an answer.
        limit: positions the model has.
        sampling: how tokens are chosen.

    Yields:
        The next token of each prompt, `None` for one that has ended, and the logarithm of its probability.
    """
    device = next(model.parameters()).device
    room = max(1, limit - sampling.max_new_tokens)
    kept = [list(prompt)[-room:] for prompt in prompts]
    width = max(map(len, kept))
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in kept], device=device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in kept], device=device)
    positions = (mask.cumsum(dim=1) - 1).clamp_min(0)
    generator = torch.Generator(device)
    generator.seed() if sampling.seed is None else generator.manual_seed(sampling.seed)
    ended = [False] * len(kept)
    past = None
    for _ in range(min(sampling.max_new_tokens, limit - width + 1)):
        with torch.inference_mode():
            output = model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=past, use_cache=True
            )
            chances = torch.log_softmax(output.logits[:, -1].float(), dim=-1)
            chosen = _choose(chances, sampling, generator)
            sure = chances.gather(1, chosen[:, None])[:, 0].tolist()
            tokens = chosen.tolist()
            ids, past, positions = chosen[:, None], output.past_key_values, positions[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        yield [None if over else token for over, token in zip(ended, tokens, strict=True)], sure
        ended = [over or token in stop for over, token in zip(ended, tokens, strict=True)]
        if all(ended):
            return


def _choose(chances: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> torch.Tensor:
    """The next token of each row, [rows], from log probabilities [rows, vocabulary]."""
    if sampling.temperature == 0:
        return chances.argmax(dim=-1)
    ordered, places = torch.softmax(chances / sampling.temperature, dim=-1).sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    drawn = torch.multinomial(ordered.masked_fill(before >= sampling.top_p, 0.0), 1, generator=generator)
    return places.gather(1, drawn)[:, 0]
