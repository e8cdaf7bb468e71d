"""Tags of words in the BIO scheme: a `B-` begins an entity, an `I-` goes on with it, `O` is outside of all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from verticals.contract import BadInput

OUTSIDE = "O"
Entity = tuple[int, int, int]  # first word, word behind the last, place of the label


def tags_of(labels: Sequence[str]) -> tuple[str, ...]:
    """All tags: ``O``, then ``B-`` and ``I-`` of each label in turn."""
    return (OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI"))


def label_of(tag: str) -> str:
    """The label of a tag; empty for ``O``.

    Raises:
        BadInput: it is no tag.
    """
    if tag == OUTSIDE:
        return ""
    prefix, dash, label = tag.partition("-")
    if prefix not in ("B", "I") or not dash or not label:
        raise BadInput(f"{tag!r} is not a BIO tag.", "Write B-<label> where one begins, I-<label> inside, O elsewhere.")
    return label


def entities(tags: Sequence[int]) -> list[Entity]:
    """The entities of a text, as the CoNLL-2000 scorer reads tags (Tjong Kim Sang and Buchholz, 2000).

    An ``I-`` that follows no tag of its own label begins an entity too.

    Args:
        tags: places among `tags_of`; -100 counts as ``O``.
    """
    found: list[Entity] = []
    start, label = 0, -1
    for at, tag in enumerate([*tags, 0]):
        now, begins = ((tag - 1) // 2, tag % 2 == 1) if tag > 0 else (-1, False)
        if begins or now != label:
            if label >= 0:
                found.append((start, at, label))
            start, label = at, now
    return found


def decode(chances: torch.Tensor) -> torch.Tensor:
    """The likeliest legal tags of texts (Viterbi, 1967): no ``I-`` without a tag of its label before it.

    Args:
        chances: log probabilities [texts, words, tags].

    Returns:
        int64 [texts, words].
    """
    texts, words, tags = chances.shape
    if not words:
        return torch.empty(texts, 0, dtype=torch.long)
    likeliest = chances.argmax(dim=-1)
    if _legal(likeliest):  # as most are: then there is nothing to look for
        return likeliest
    labels = (tags - 1) // 2
    score = chances[:, 0].clone()
    score[:, 2::2] = float("-inf")
    came: list[torch.Tensor] = []
    for at in range(1, words):
        best, best_from = score.max(dim=1)
        inside = torch.stack([score[:, 1::2], score[:, 2::2]])  # before an I- come the B- and the I- of its label
        own, which = inside.max(dim=0)
        before = best_from[:, None].expand(-1, tags).clone()
        before[:, 2::2] = 1 + 2 * torch.arange(labels, device=chances.device) + which
        reached = best[:, None].expand(-1, tags).clone()
        reached[:, 2::2] = own
        score = reached + chances[:, at]
        came.append(before)
    last = score.argmax(dim=1)
    path = [last]
    for before in reversed(came):
        last = before.gather(1, last[:, None])[:, 0]
        path.append(last)
    return torch.stack(path[::-1], dim=1)


def _legal(tags: torch.Tensor) -> bool:
    """Whether each ``I-`` among ``tags`` [texts, words] follows a tag of its label."""
    before = functional.pad(tags[:, :-1], (1, 0))
    inside = (tags > 0) & (tags % 2 == 0)
    return not bool((inside & (before != tags) & (before != tags - 1)).any())
