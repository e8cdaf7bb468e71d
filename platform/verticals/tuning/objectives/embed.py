"""Training of `EmbedHead`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from verticals.contract import BadInput, Extent, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import EmbedHead, texts_of
from verticals.encoder.tokens import Text
from verticals.tuning.losses import contrast
from verticals.tuning.prepared import Prepared
from verticals.tuning.ranks import first_of_each, ndcg, ranks_in_blocks, reciprocal, share_within

from .base import Example, Objective, of_each

_SHARPNESS = 20.0  # one over the temperature of the contrastive loss
NEGATIVE = "negative"  # the field of a text that looks right and is not


class Embed(Objective):
    """Vectors for search; compared by NDCG@10 of each held-out text's partner among all texts of the split.

    An example has a text, the text that belongs to it (the target), and may have a ``negative``: one that looks as if
    it did. The loss is the multiple negatives ranking loss: symmetric cross entropy over the partners of the batch
    (Henderson et al., 2017, arXiv:1705.00652), with the negatives among the wrong ones.

    Features are [rows, 2 or 3, dimension]; targets the numbers of the partner and the negative, [rows, 2], the
    partner's own again where a row has no negative.
    """

    metric = "ndcg@10"
    compared = True

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._numbers: dict[str, int] = {}

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        if len(self.inputs) != 1:
            raise BadInput(f"An embed head reads one field, not {len(self.inputs)}.", "Declare one: inputs=('text',).")
        of_each(examples, "train", self.texts)
        if len({str(example[self.target]) for example in examples}) < 2:
            raise BadInput(
                f"{self.target}: every training row has the same text.", "Contrast needs rows of at least two."
            )

    def adopt(self, head: EmbedHead) -> None:
        """See `Objective.adopt`; there is nothing to take."""

    def head(self, dimension: int, recipe: Recipe) -> EmbedHead:
        """See `Objective.head`."""
        return EmbedHead(dimension, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Text]:
        """The text, its partner, and the negative where there is one."""
        names = (*self.inputs, self.target, *((NEGATIVE,) if _negative(example) else ()))
        return [texts_of({name: example.get(name)}, (name,)) for name in names]

    def target_of(self, example: Example) -> list[int]:
        """Numbers of the partner and the negative."""
        partner = str(example[self.target])
        return [self._numbers.setdefault(text, len(self._numbers)) for text in (partner, _negative(example) or partner)]

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> Prepared:
        """See `Objective.prepare`."""
        views = 3 if any(_negative(example) for example in examples) else 2
        every = of_each(examples, split, self.texts)
        texts = [text for texts in every for text in (texts if len(texts) == views else [*texts, texts[1]])]
        targets = torch.tensor(of_each(examples, split, self.target_of))
        return Prepared(encoder.tokens(texts, extent), targets, views)

    def losses(self, head: EmbedHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Multiple negatives ranking loss, both ways."""
        vectors = head(features)
        texts, partners = vectors[:, 0], vectors[:, 1]
        numbers, negatives = targets[:, 0], vectors[:, 2:].flatten(0, 1)
        of_negatives = targets[:, 1].repeat_interleave(vectors.shape[1] - 2)
        forth = texts @ torch.cat([partners, negatives]).T * _SHARPNESS
        same = numbers[:, None] == torch.cat([numbers, of_negatives])[None, :]
        back = partners @ texts.T * _SHARPNESS
        return (contrast(forth, same, recipe) + contrast(back, same[:, : len(texts)], recipe)) / 2

    def metrics(self, head: EmbedHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """NDCG@10, recall@1, recall@10 and mean reciprocal rank among the split's distinct partners and negatives."""
        vectors = head(features)
        views = vectors.shape[1] - 1
        first, places = first_of_each(targets[:, :views].flatten())
        candidates = vectors[:, 1:].flatten(0, 1)[first]
        texts, right = vectors[:, 0], places.view(-1, views)[:, 0]
        ranks = ranks_in_blocks(lambda block: texts[block] @ candidates.T, right)
        return {
            "ndcg@10": ndcg(ranks), "recall@1": share_within(ranks, 1), "recall@10": share_within(ranks, 10),
            "mrr": reciprocal(ranks), "candidates": float(len(candidates)),
        }  # fmt: skip

    def calibrate(self, head: EmbedHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """See `Objective.calibrate`; vectors have no probability."""


def _negative(example: Example) -> str:
    return example.get(NEGATIVE) or ""
