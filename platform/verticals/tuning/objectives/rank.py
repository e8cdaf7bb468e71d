"""Training of `RankHead`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from verticals.contract import BadInput, Recipe
from verticals.encoder.heads import RankHead, texts_of
from verticals.encoder.tokens import Text
from verticals.tuning.outcomes import Outcomes

from .base import Example, Objective
from .outcomes import of_ranks

_SHARPNESS = 20.0  # cosines times this are the logits of the contrastive loss


class Rank(Objective):
    """Which candidate belongs to a query; compared by NDCG@10 among all candidates of the split.

    The loss is symmetric cross entropy over the candidates of the batch (InfoNCE, van den Oord et al., 2018,
    arXiv:1807.03748); a candidate that is the right one of another row is not held against it.
    """

    metric = "ndcg@10"
    views = 2
    compared = True

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._candidates: dict[str, int] = {}

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        if len({str(example[self.target]) for example in examples}) < 2:
            raise BadInput(
                f"{self.target}: every training row has the same candidate.", "Ranking needs rows of at least two."
            )

    def adopt(self, head: RankHead) -> None:
        """See `Objective.adopt`; there is nothing to take."""

    def head(self, dimension: int, recipe: Recipe) -> RankHead:
        """See `Objective.head`."""
        return RankHead(dimension, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Text]:
        """Query and candidate."""
        return [texts_of(example, self.inputs), texts_of(example, (self.target,))]

    def target_of(self, example: Example) -> int:
        """A number for each distinct candidate text."""
        return self._candidates.setdefault(str(example[self.target]), len(self._candidates))

    def losses(self, head: RankHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """In-batch contrastive loss, both ways."""
        logits = head(features[:, 0], features[:, 1]) * _SHARPNESS
        same = targets[:, None] == targets[None, :]
        same.fill_diagonal_(False)
        logits = logits.masked_fill(same, float("-inf"))
        right = torch.arange(len(targets), device=logits.device)
        return (_contrast(logits, right, recipe) + _contrast(logits.T, right, recipe)) / 2

    def metrics(self, head: RankHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Hit rate and NDCG at 10, and mean reciprocal rank, of the right one among the split's distinct candidates.

        Of candidates with equal scores the right one has the middle rank, so telling none apart gains nothing.
        """
        ranks, scores = self._ranks(head, features, targets)
        near = ranks <= 10
        return {
            "ndcg@10": float((near / torch.log2(ranks + 1)).mean()),
            "hit_rate@10": float(near.float().mean()),
            "mrr": float((1 / ranks).mean()),
            "candidates": float(scores.shape[1]),
        }

    def outcomes(self, head: RankHead, features: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """See `Objective.outcomes`."""
        ranks, scores = self._ranks(head, features, targets)
        texts = list(self._candidates)
        return of_ranks(ranks, [texts[at] for at in targets.unique()[scores.argmax(dim=1)].tolist()])

    def _ranks(
        self, head: RankHead, features: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Rank of each row's right candidate, [rows], and all scores, [rows, distinct candidates]."""
        distinct, places = _first_of_each(targets)
        scores = head(features[:, 0], features[distinct, 1])
        own = scores.gather(1, places[:, None])
        return (scores > own).sum(dim=1) + ((scores == own).sum(dim=1) + 1.0) / 2, scores

    def calibrate(self, head: RankHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Fit the logistic curve on each row's right candidate against one random other."""
        if len(targets) < 2:
            return
        scores = head(features[:, 0], features[:, 1]).detach()
        other = torch.roll(torch.arange(len(targets)), 1)
        different = targets != targets[other]
        matches = torch.cat([scores.diag(), scores[torch.arange(len(targets)), other][different]]).double()
        truth = torch.cat([torch.ones(len(targets)), torch.zeros(int(different.sum()))]).double()
        curve = torch.tensor([head.slope, head.offset], dtype=torch.double, requires_grad=True)
        solver = torch.optim.LBFGS([curve], max_iter=100, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            solver.zero_grad()
            # A little pull towards the start keeps the curve finite when the two sides separate perfectly.
            value = functional.binary_cross_entropy_with_logits(matches * curve[0] + curve[1], truth)
            value = value + 1e-4 * (curve - torch.tensor([10.0, -5.0])).square().sum()
            value.backward()
            return value

        solver.step(closure)
        head.slope, head.offset = curve.tolist()


def _contrast(logits: torch.Tensor, right: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Cross entropy in which smoothing spreads over the candidates that count, which the excluded ones do not."""
    chances = functional.log_softmax(logits, dim=1)
    loss = functional.nll_loss(chances, right, reduction="none")
    if recipe.label_smoothing:
        counted = logits.isfinite()
        spread = chances.masked_fill(~counted, 0.0).sum(dim=1) / counted.sum(dim=1)
        loss = (1 - recipe.label_smoothing) * loss - recipe.label_smoothing * spread
    return loss


def _first_of_each(targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The first row of each distinct target, and for every row the place of its target among them."""
    values, places = targets.unique(return_inverse=True)
    first = torch.full((len(values),), len(targets), dtype=torch.long)
    first.scatter_reduce_(0, places, torch.arange(len(targets)), reduce="amin")
    return first, places
