"""Methods of the peft library, each on a private copy of the encoder, saved as the folder that peft itself writes."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from verticals.contract import BadInput, Recipe
from verticals.encoder import adapted, bucketed
from verticals.tuning.body import EVERY, Body, adapted_layers

from .base import Task
from .gradient import Gradient

_ORTHOGONAL = 0.5  # weight of AdaLoRA's penalty, as its authors have it
_PREFIX_SIZE = 0.1  # peft begins with vectors of size 1, which drown the encoder's own


class Peft(Gradient):
    """A method that peft has for encoders."""

    rate: ClassVar[float]

    @abstractmethod
    def configure(self, model: Any, task: Task) -> Any:
        """The `PeftConfig` for a transformers model."""

    def body(self, task: Task) -> Body:
        """See `Gradient.body`."""
        own = adapted.adapted(task.encoder, lambda model: self.configure(model, task), task.recipe.seed)
        parameters = {name: parameter for name, parameter in own.model.named_parameters() if parameter.requires_grad}
        return Body(own, None, parameters, self.rate, lambda folder: adapted.save(own, folder))


class AdaLora(Peft):
    """Low-rank updates that lose the ranks which matter least (Zhang et al., 2023, arXiv:2303.10512).

    They begin with half as much again as ``lora_rank``, and have that many on average at the end.
    """

    name = "adalora"
    summary = "low-rank updates whose ranks move to where they matter, and the head; a copy of its own"
    rate = 2e-3

    def configure(self, model: Any, task: Task) -> Any:
        """See `Peft.configure`."""
        from peft import AdaLoraConfig

        recipe, data = task.recipe, task.data
        steps = max(4, len(bucketed(data.lengths, rows=recipe.batch_size)) * recipe.passes(len(data)))
        return AdaLoraConfig(
            task_type="FEATURE_EXTRACTION", init_r=(recipe.lora_rank * 3 + 1) // 2, target_r=recipe.lora_rank,
            lora_alpha=recipe.lora_alpha, lora_dropout=0.0, target_modules=linear_layers(model, recipe),
            orth_reg_weight=_ORTHOGONAL, total_step=steps, tinit=steps // 10, tfinal=steps // 4,
            deltaT=max(1, steps // 50),
        )  # fmt: skip

    def body(self, task: Task) -> Body:
        """See `Gradient.body`: after each step ranks are given and taken; what decides that is kept in checkpoints."""
        body = super().body(task)
        own: Any = body.encoder.model
        tuner = own.model.base_model
        ranks, setting = tuner.rankallocator, tuner.peft_config["default"]

        def remember() -> dict[str, Any]:
            kept = {name: dict(getattr(ranks, name)) for name in ("ipt", "exp_avg_ipt", "exp_avg_unc")}
            return {**kept, "pattern": setting.rank_pattern}

        def recall(kept: Mapping[str, Any]) -> None:
            setting.rank_pattern = kept["pattern"]
            for name in ("ipt", "exp_avg_ipt", "exp_avg_unc"):
                setattr(ranks, name, dict(kept[name]))

        def save(folder: Any) -> None:
            # The best epoch's ranks need not be the last one's; those that are zero are kept as such.
            setting.rank_pattern = None
            adapted.save(body.encoder, folder)

        body.after_step, body.remember, body.recall, body.save = tuner.update_and_allocate, remember, recall, save
        body.penalty = lambda: _ORTHOGONAL * orthogonality(body.parameters)
        return body


class Ia3(Peft):
    """One factor per key, value and inner feature (Liu et al., 2022, arXiv:2205.05638)."""

    name = "ia3"
    summary = "one factor per key, value and inner feature, and the head; a copy of its own"
    rate = 1e-2

    def configure(self, model: Any, task: Task) -> Any:
        """See `Peft.configure`."""
        from peft import IA3Config
        from peft.utils import constants

        kind = model.config.model_type
        ends = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING.get(kind)
        if ends is None:
            raise BadInput(f"ia3: which layers of a {kind!r} encoder to change is not known.", "Use the method 'lora'.")
        inner = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING[kind]
        chosen = [name for name in linear_layers(model, task.recipe) if name.endswith(tuple(ends))]
        return IA3Config(
            task_type="FEATURE_EXTRACTION", target_modules=chosen,
            feedforward_modules=[name for name in chosen if name.endswith(tuple(inner))],
        )  # fmt: skip


class PromptTuning(Peft):
    """Virtual tokens before each text (Lester et al., 2021, arXiv:2104.08691), begun as some of the vocabulary's."""

    name = "prompt_tuning"
    summary = "virtual tokens before each text, and the head; a copy of its own"
    rate = 1e-2

    def configure(self, model: Any, task: Task) -> Any:
        """See `Peft.configure`."""
        from peft import PromptTuningConfig, PromptTuningInit

        _leave_room(task)
        return PromptTuningConfig(
            task_type="FEATURE_EXTRACTION", num_virtual_tokens=task.recipe.prompt_tokens,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )  # fmt: skip


class PrefixTuning(Peft):
    """Virtual keys and values in every layer (Li and Liang, 2021, arXiv:2101.00190)."""

    name = "prefix_tuning"
    summary = "virtual keys and values in every layer, and the head; a copy of its own"
    rate = 1e-2

    def configure(self, model: Any, task: Task) -> Any:
        """See `Peft.configure`."""
        from peft import PrefixTuningConfig

        _leave_room(task)
        if "past_key_values" not in inspect.signature(model.forward).parameters:
            raise BadInput(
                f"prefix_tuning: a {model.config.model_type!r} encoder takes no keys and values from outside.",
                "Use the method 'prompt_tuning'.",
            )
        return PrefixTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=task.recipe.prompt_tokens)

    def body(self, task: Task) -> Body:
        """See `Gradient.body`."""
        body = super().body(task)
        with torch.no_grad():
            for parameter in body.parameters.values():
                parameter.mul_(_PREFIX_SIZE)
        return body


class Dora(Peft):
    """LoRA that learns each output's magnitude apart from its direction (Liu et al., 2024, arXiv:2402.09353)."""

    name = "dora"
    summary = "LoRA with magnitudes apart, and the head; a copy of its own"
    rate = 1e-3

    def configure(self, model: Any, task: Task) -> Any:
        """See `Peft.configure`."""
        from peft import LoraConfig

        recipe = task.recipe
        return LoraConfig(
            task_type="FEATURE_EXTRACTION", r=recipe.lora_rank, lora_alpha=recipe.lora_alpha, lora_dropout=0.0,
            use_rslora=recipe.lora_scaling == "rs", use_dora=True, target_modules=linear_layers(model, recipe),
        )  # fmt: skip


def linear_layers(model: Any, recipe: Recipe) -> list[str]:
    """Names of the linear layers that the recipe adapts, as the bank has them."""
    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return adapted_layers((name for name in names if "pooler" not in name), recipe, recipe.lora_layers or EVERY)


def orthogonality(parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """How far AdaLoRA's factors are from orthogonal: mean Frobenius norm of their products less the identity."""
    gaps = []
    for name, factor in parameters.items():
        if "lora_A" in name or "lora_B" in name:
            product = factor @ factor.T if "lora_A" in name else factor.T @ factor
            gaps.append((product - torch.eye(len(product), device=product.device)).norm())
    return torch.stack(gaps).mean()


def _leave_room(task: Task) -> None:
    """Make sure that virtual tokens and the longest text fit together.

    Raises:
        BadInput: they don't, or layers are to be frozen, of which these methods train none.
    """
    recipe, limit = task.recipe, task.encoder.tokenizer.limit
    if recipe.frozen_layers:
        raise BadInput("recipe: frozen_layers is set, but virtual tokens train no layer.", "Set frozen_layers=0.")
    longest = max(int(part.lengths.max()) for part in (task.data, task.held_out))
    if longest + recipe.prompt_tokens > limit:
        room = limit - recipe.prompt_tokens
        raise BadInput(
            f"A text has {longest} tokens; with {recipe.prompt_tokens} virtual ones the encoder takes {room}.",
            f"Set max_tokens={room}, or fewer prompt_tokens." if room >= 4 else "Set fewer prompt_tokens.",
        )
