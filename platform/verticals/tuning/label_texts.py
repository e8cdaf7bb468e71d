"""Labels in words, for the methods that read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from verticals.contract import BadInput, Extent
from verticals.encoder import Encoder

_FIELD = "{label}"
_MAX_TOKENS = 64


def readable(label: str) -> str:
    """A label's name as words: ``card_arrival``, ``card-arrival`` and ``cardArrival`` give "card arrival"."""
    spaced = re.sub(r"(?<=[a-z0-9])[A-Z](?=[a-z])", lambda found: f" {found[0].lower()}", label)
    return " ".join(re.sub(r"[_\-./]+", " ", spaced).split()) or label


def alternatives(label: str, texts: Mapping[str, str]) -> list[str]:
    """The texts that stand for a label: those given, else its readable name."""
    return split(texts.get(label, "")) or [readable(label)]


def split(joined: str) -> list[str]:
    """What is joined by ``|``."""
    return [part.strip() for part in joined.split("|") if part.strip()]


def label_vectors(
    encoder: Encoder, labels: Sequence[str], texts: Mapping[str, str], templates: Sequence[str]
) -> torch.Tensor:
    """The direction of each label: the mean of those of its texts in all templates, [labels, dimension].

    Args:
        encoder: bare.
        labels: in order.
        texts: what they mean, where that is told.
        templates: each with ``{label}``.

    Raises:
        BadInput: a template has no ``{label}``.
    """
    for template in templates:
        if _FIELD not in template:
            raise BadInput(f"recipe: the template {template!r} has no {_FIELD}.", f"Write {_FIELD} where it belongs.")
    several = [alternatives(label, texts) for label in labels]
    written = [template.replace(_FIELD, text) for own in several for text in own for template in templates]
    directions = functional.normalize(encoder.encode(encoder.tokens(written, Extent(_MAX_TOKENS))), dim=-1)
    sizes = [len(own) * len(templates) for own in several]
    return functional.normalize(torch.stack([part.mean(dim=0) for part in directions.split(sizes)]), dim=-1)
