"""How a head is trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import BadInput, suggest

_ROWS_SEEN = 27_000


class Extent(NamedTuple):
    """How much of a text is read.

    Args:
        max_tokens: that are read together (never more than the encoder takes).
        windows: parts of that many tokens, at most, that a longer text is read in; the rest is cut off.
    """

    max_tokens: int
    windows: int = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained. Every field has a default that works; fields left at ``None`` follow the method.

    Args:
        method: what is trained: ``head`` (only the head, on cached features of the frozen encoder: seconds), ``lora``
            (low-rank adapters in the shared bank), ``full`` (a private copy of the encoder), another of
            `platform methods`, or ``auto``, which chooses by the data's size and says why.
        epochs: passes over the training rows, at most; early stopping may end sooner. `None`: as many as make about
            27,000 rows, between 3 and 20.
        token_budget: tokens that the method ``auto`` may train on, all epochs together; it takes fewer epochs to keep
            within, and trains the head alone where three are too many. `None`: no limit.
        learning_rate: peak rate of the encoder's or adapter's parameters.
        head_learning_rate: peak rate of the head's own parameters.
        batch_size: rows in one step.
        micro_batch: rows computed at once, for machines with little memory; gradients add up to those of the whole
            step. 0: the whole step; halved by itself when memory runs out.
        checkpointing: compute each layer again on the way back instead of keeping it: less memory, a third slower.
        max_tokens: that are read together (never more than the encoder takes); longer texts are read in windows.
        windows: of a long text, at most, all of about one length: the head reads their mean. What is behind the last
            one is cut off, as is what two texts that are read as a pair, or a template and its text, have too much.
        warmup: share of the steps in which the rate rises.
        schedule: ``linear`` or ``cosine`` decay, or ``constant``.
        weight_decay: decoupled weight decay (AdamW) of matrices; biases and norms have none.
        layer_decay: each layer's rate is this share of the one's above it; 1: all the same.
        frozen_layers: the encoder's lowest layers that are not trained; what they give is computed once.
        train_words: whether full fine-tuning changes the word vectors too.
        head_start: where the head begins: ``fresh``, or ``fitted`` to the frozen features first (LP-FT).
        dropout: on the features before the head.
        encoder_dropout: within the encoder, on attention and on what each half of a layer adds.
        max_grad_norm: gradients are clipped to this norm.
        averaging: share of the running mean of the weights that stays at each step; the mean is what is measured and
            kept, steadier than the weights of any one step. 0: no mean, the weights themselves.
        adapter: folder of a LoRA adapter that the peft library made elsewhere for this encoder: the method ``adapter``
            takes it as it is, ``lora`` goes on from it.
        lora_layers: linear layers that adapters are on: the ends of their names, joined by commas, or ``all``. In every
            encoder ``query``, ``key`` and ``value`` are those of attention, and ``up`` the first of what follows it.
            Empty: ``up`` for the method ``lora``, or those of the version it goes on from; ``all`` for the others.
        lora_rank, lora_alpha: rank and scale (alpha / rank) of the adapters.
        lora_scaling: ``standard`` (alpha / rank), or ``rs`` (alpha / sqrt(rank), rsLoRA).
        lora_plus: rate of the adapters' upper matrices as a multiple of the lower ones' (LoRA+).
        dora: learn each output's magnitude apart from its direction (DoRA).
        prompt_tokens: virtual tokens of the methods ``prompt_tuning`` and ``prefix_tuning``.
        label_smoothing: share of the target spread over the other labels.
        loss: ``cross_entropy``, or ``focal``, which counts rows less the surer the head is of them.
        focal_gamma: how much less.
        contrastive: weight of supervised contrast in the loss of a ``classify`` head: the rows of one label in a batch
            together, those of others apart.
        anchor: weight in the loss of a ``classify`` head of how far a row's vector moves from where it was before
            training (one less the cosine): what tells other matters apart stays in it, and strangers are told better.
        class_weights: ``none``, ``balanced`` (rare labels count as much as frequent ones) or ``sqrt`` (half-way).
        sampling: ``all`` rows once an epoch; ``balanced``: as many rows of each label; ``pairs``: several rows of each
            of a batch's labels.
        towers: how a ``rank`` head reads: ``two`` (query and candidate apart; vectors of candidates can be kept) or
            ``one`` (both together as a pair: slower, and sharper).
        negatives: wrong candidates, drawn at random, that a ``rank`` head is shown per row beside those of its batch;
            with one tower there are none from the batch, and 0 stands for 4.
        adversarial: ``none``, ``fgm`` (one step against the input vectors) or ``pgd`` (several).
        adversarial_size: norm of that step, as a share of the input vectors' own.
        adversarial_steps: steps of ``pgd``.
        fairness: weight of the gap between groups of rows in the loss.
        fairness_by: the column that makes the groups.
        start_from: a version of this head whose weights are the start: continual learning. Empty: the pretrained ones.
        replay: share of each epoch drawn from the rows that version learned from.
        elastic: weight of elastic consolidation, which holds back what that version needs.
        pseudo_labels: least confidence at which unlabelled rows are learned from with the label the head gives
            them; 0: never.
        augment: changed copies of each training row: words are swapped, left out, misspelt or replaced by near ones.
        translators: two folders of translation models, there and back, joined by ``|``: the copies are translations
            back instead.
        templates: texts with ``{text}`` and ``[MASK]`` (``verbaliser``) or with ``{label}`` (``zero_shot``), joined
            by ``|``; empty: the method's own.
        image_size: pixels per side that images are brought to; 0: what the encoder was trained on, or the images' own.
        image_changes: how images are changed at random in training: some of ``shift``, ``rotate``, ``zoom``,
            ``brightness``, ``erase`` and ``flip`` (left and right, wrong for anatomy and writing), or ``none``.
        casing: tell a ``tag`` head which words were capitalised, for encoders that don't see it.
        validation: share of the training rows held out when the data set has no validation rows.
        refit: train once more on all rows, for as many epochs as did best, when those held out of the training rows
            have measured and calibrated. The methods for a few rows always do.
        patience: epochs without improvement before training stops; 0 never stops early.
        coverage: share of familiar inputs that must not be declined as "none of these".
        precision: ``auto``, ``fp32`` or ``bf16``.
        encoder: another base encoder than the platform's; empty for the shared one.
        together: heads trained in one pass on one shared body, as ``vertical/head``, joined by commas; empty: each
            alone.
        seed: of everything random.
    """

    method: str = "auto"
    epochs: int | None = None
    token_budget: int | None = None
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    batch_size: int = 32
    micro_batch: int = 0
    checkpointing: bool = False
    max_tokens: int = 128
    windows: int = 8
    warmup: float = 0.1
    schedule: str = "linear"
    weight_decay: float = 0.01
    layer_decay: float = 1.0
    frozen_layers: int = 0
    train_words: bool = False
    head_start: str = "fresh"
    dropout: float = 0.1
    encoder_dropout: float = 0.0
    max_grad_norm: float = 1.0
    averaging: float = 0.0
    adapter: str = ""
    lora_layers: str = ""
    lora_rank: int = 16
    lora_alpha: float = 32.0
    lora_scaling: str = "standard"
    lora_plus: float = 1.0
    dora: bool = False
    prompt_tokens: int = 16
    label_smoothing: float = 0.1
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    contrastive: float = 0.0
    anchor: float = 0.0
    class_weights: str = "none"
    sampling: str = "all"
    towers: str = "two"
    negatives: int = 0
    adversarial: str = "none"
    adversarial_size: float = 0.1
    adversarial_steps: int = 3
    fairness: float = 0.0
    fairness_by: str = ""
    start_from: str = ""
    replay: float = 0.0
    elastic: float = 0.0
    pseudo_labels: float = 0.0
    augment: int = 0
    translators: str = ""
    templates: str = ""
    image_size: int = 0
    image_changes: str = "shift rotate zoom brightness erase"
    casing: bool = False
    validation: float = 0.1
    refit: bool = False
    patience: int = 2
    coverage: float = 0.98
    precision: str = "auto"
    encoder: str = ""
    together: str = ""
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
        if self.fairness and not self.fairness_by:
            raise BadInput("recipe: fairness needs groups.", "Name the column that makes them: fairness_by=COLUMN.")

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
            kind = next(kind for kind in _KINDS if kind in str(fields[name].type))
            try:
                converted[name] = None if value is None else _KINDS[kind](value)
            except (TypeError, ValueError):
                raise BadInput(f"recipe: {name} is {value!r}.", f"It must be {_KIND_NAMES[kind]}.") from None
        return dataclasses.replace(self, **converted)

    @property
    def extent(self) -> Extent:
        """How much of a text is read."""
        return Extent(self.max_tokens, self.windows)

    def passes(self, rows: int) -> int:
        """The epochs for a number of training rows."""
        return self.epochs or min(20, max(3, math.ceil(_ROWS_SEEN / max(1, rows))))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self)


def _truth(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    known = words.get(str(value).strip().lower())
    if known is None:
        raise ValueError(value)
    return known


_KINDS: Mapping[str, Any] = {"str": str, "bool": _truth, "int": int, "float": float}
_KIND_NAMES = {"str": "text", "bool": "true or false", "int": "a whole number", "float": "a number"}
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, 1000),
    ("token_budget", 0, 10**15),
    ("learning_rate", 1e-8, 10),
    ("head_learning_rate", 1e-8, 10),
    ("batch_size", 1, 65536),
    ("micro_batch", 0, 65536),
    ("max_tokens", 4, 1_000_000),
    ("windows", 1, 1000),
    ("warmup", 0, 1),
    ("weight_decay", 0, 10),
    ("layer_decay", 0.1, 1),
    ("frozen_layers", 0, 1000),
    ("dropout", 0, 0.95),
    ("encoder_dropout", 0, 0.95),
    ("max_grad_norm", 1e-6, 1e6),
    ("averaging", 0, 0.99999),
    ("lora_rank", 1, 1024),
    ("lora_alpha", 1e-3, 1e5),
    ("lora_plus", 0.01, 1000),
    ("prompt_tokens", 1, 1000),
    ("label_smoothing", 0, 0.95),
    ("focal_gamma", 0, 10),
    ("contrastive", 0, 100),
    ("anchor", 0, 100),
    ("negatives", 0, 10_000),
    ("adversarial_size", 1e-4, 10),
    ("adversarial_steps", 1, 20),
    ("fairness", 0, 100),
    ("replay", 0, 0.95),
    ("elastic", 0, 1e9),
    ("pseudo_labels", 0, 1),
    ("augment", 0, 100),
    ("image_size", 0, 4096),
    ("validation", 0, 0.9),
    ("patience", 0, 1000),
    ("coverage", 0.5, 1),
    ("seed", 0, 2**32 - 1),
)
_CHOICES = {
    "schedule": ("linear", "cosine", "constant"),
    "precision": ("auto", "fp32", "bf16"),
    "head_start": ("fresh", "fitted"),
    "lora_scaling": ("standard", "rs"),
    "loss": ("cross_entropy", "focal"),
    "class_weights": ("none", "balanced", "sqrt"),
    "sampling": ("all", "balanced", "pairs"),
    "towers": ("two", "one"),
    "adversarial": ("none", "fgm", "pgd"),
}
