"""Training of `RankHead` and `CrossHead`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, Extent, Recipe
from verticals.encoder import Encoder
from verticals.encoder.heads import CrossHead, Head, RankHead, texts_of
from verticals.encoder.tokens import Text
from verticals.tuning.losses import contrast
from verticals.tuning.outcomes import Outcomes
from verticals.tuning.prepared import Prepared
from verticals.tuning.ranks import first_of_each, ndcg, ranks_in_blocks, ranks_of, reciprocal, share_within
from verticals.tuning.solvers import LBFGS

from .base import Example, Objective, of_each
from .outcomes import of_ranks

_SHARPNESS = 20.0  # cosines times this are the logits of the contrastive loss
_WRONG = 4  # wrong candidates per row that one tower learns from where the recipe names none
_WRONG_HELD_OUT = 9  # and is measured against


class Rank(Objective):
    """Which candidate belongs to a query; compared by NDCG@10.

    Two towers: the loss is symmetric cross entropy over the candidates of the batch (InfoNCE, van den Oord et al.,
    2018, arXiv:1807.03748) and those drawn at random; a candidate that is the right one of another row is not held
    against it. They are measured among all candidates of the split.

    One tower: cross entropy over the right candidate and some drawn at random (Nogueira and Cho, 2019,
    arXiv:1901.04085, read each pair for itself), and measured among as many.

    Features are [rows, 2 + negatives, dimension] of the query, its candidate and the wrong ones, or with one tower
    [rows, 1 + negatives, dimension] of pairs. Targets are the numbers of the candidates, [rows, 1 + negatives].
    """

    metric = "ndcg@10"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._candidates: dict[str, int] = {}
        self._one = False
        self._negatives = 0

    @property
    def compared(self) -> bool:  # type: ignore[override]
        """With two towers each row's candidate is a wrong one of the others."""
        return not self._one

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        self._one = self.recipe.towers == "one"
        self._negatives = self.recipe.negatives or (_WRONG if self._one else 0)
        if len({str(example[self.target]) for example in examples}) < 2:
            raise BadInput(
                f"{self.target}: every training row has the same candidate.", "Ranking needs rows of at least two."
            )

    def adopt(self, head: Head) -> None:
        """See `Objective.adopt`."""
        self._one = isinstance(head, CrossHead)

    def head(self, dimension: int, recipe: Recipe) -> Head:
        """See `Objective.head`."""
        kind = CrossHead if self._one else RankHead
        return kind(dimension, fields=self.inputs, dropout=recipe.dropout)

    def texts(self, example: Example) -> list[Text]:
        """Query and candidate; the wrong ones are drawn in `prepare`."""
        return [self._query(example), self._candidate(example)]

    def target_of(self, example: Example) -> int:
        """A number for each distinct candidate text."""
        return self._candidates.setdefault(str(example[self.target]), len(self._candidates))

    @property
    def windowed(self) -> bool:
        """See `Objective.windowed`: one tower reads pairs."""
        return not self._one and super().windowed

    def _query(self, example: Example) -> Text:
        return texts_of(example, self.inputs)

    def _candidate(self, example: Example) -> Text:
        return texts_of(example, (self.target,))

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> Prepared:
        """See `Objective.prepare`."""
        queries, candidates = of_each(examples, split, self._query), of_each(examples, split, self._candidate)
        right = np.array(of_each(examples, split, self.target_of))
        training = split == "train"
        wanted = self._negatives if training else _WRONG_HELD_OUT if self._one else 0
        texts = dict(zip(right.tolist(), candidates, strict=True))
        numbers = np.column_stack([right, wrong_ones(queries, right, wanted, self.recipe.seed if training else 0)])
        if self._one:
            rows: list[Any] = [
                (_joined(query), texts[at]) for query, own in zip(queries, numbers, strict=True) for at in own
            ]
        else:
            rows = [
                text
                for query, own in zip(queries, numbers, strict=True)
                for text in (query, *(texts[at] for at in own))
            ]
        views = numbers.shape[1] + (not self._one)
        targets = torch.from_numpy(numbers)
        return Prepared(encoder.tokens(rows, extent), targets if wanted else targets[:, 0], views)

    def losses(self, head: Any, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Contrastive loss; with two towers both ways."""
        own = targets if targets.ndim == 1 else targets[:, 0]
        if self._one:
            return contrast_of_rows(head(features), targets == own[:, None], recipe)
        candidates = torch.cat([features[:, 1], features[:, 2:].flatten(0, 1)])
        numbers = torch.cat([own, targets[:, 1:].flatten()]) if targets.ndim > 1 else own
        logits = head(features[:, 0], candidates) * _SHARPNESS
        same = own[:, None] == numbers[None, :]
        forth = contrast(logits, same, recipe)
        return (forth + contrast(logits[:, : len(own)].T, same[:, : len(own)], recipe)) / 2

    def metrics(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """NDCG and hit rate at 10, hit rate at 1, and mean reciprocal rank, of the right one among the candidates.

        Of candidates with equal scores the right one has the middle rank, so telling none apart gains nothing.
        """
        ranks, among = self._ranks(head, features, targets)
        return {
            "ndcg@10": ndcg(ranks), "hit_rate@1": share_within(ranks, 1), "hit_rate@10": share_within(ranks, 10),
            "mrr": reciprocal(ranks), "candidates": among,
        }  # fmt: skip

    def outcomes(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> Outcomes | None:
        """See `Objective.outcomes`; with one tower each row has candidates of its own, which have no names here."""
        if self._one:
            return None
        ranks, _ = self._ranks(head, features, targets)
        own = targets if targets.ndim == 1 else targets[:, 0]
        distinct, _ = first_of_each(own)
        texts, candidates = list(self._candidates), features[distinct, 1]
        first = torch.cat([head(block[:, 0], candidates).argmax(dim=1) for block in features.split(1024)])
        return of_ranks(ranks, [texts[at] for at in own[distinct[first]].tolist()])

    def _ranks(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Rank of each row's right candidate, [rows], and among how many."""
        own = targets if targets.ndim == 1 else targets[:, 0]
        if self._one:
            repeated = (targets == own[:, None]) & (torch.arange(targets.shape[1]) > 0)
            scores = head(features).masked_fill(repeated, float("-inf"))
            ranks = ranks_of(scores, torch.zeros(len(own), dtype=torch.long))
            return ranks, float((~repeated).sum(dim=1).float().mean())
        distinct, places = first_of_each(own)
        candidates = features[distinct, 1]
        return ranks_in_blocks(lambda block: head(features[block, 0], candidates), places), float(len(distinct))

    def calibrate(self, head: Any, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Fit the logistic curve on each row's right candidate against one random other."""
        if len(targets) < 2:
            return
        own = targets if targets.ndim == 1 else targets[:, 0]
        if self._one:
            scores = head(features).detach()
            right, wrong = scores[:, 0], scores[:, 1][targets[:, 1] != own]
        else:
            other = torch.roll(torch.arange(len(own)), 1)
            queries, candidates = head.towers(features[:, 0], features[:, 1])
            right = (queries * candidates).sum(dim=1).detach()
            wrong = (queries * candidates[other]).sum(dim=1).detach()[own != own[other]]
        head.slope, head.offset = _curve(right, wrong, (1.0, 0.0) if self._one else (10.0, -5.0))


def wrong_ones(queries: Sequence[Text], right: np.ndarray, count: int, seed: int) -> np.ndarray:
    """For each row the numbers of ``count`` candidates drawn at random of those that never go with its query.

    Where there are fewer, the row's own fills up. Int64 [rows, count].
    """
    known: dict[Text, set[int]] = {}
    for query, number in zip(queries, right.tolist(), strict=True):
        known.setdefault(query, set()).add(number)
    every = np.unique(right)
    random = np.random.default_rng([seed, 1])
    drawn = np.repeat(right[:, None], count, axis=1)
    for at, query in enumerate(queries if count else ()):
        others = every[~np.isin(every, list(known[query]))]
        some = min(count, len(others))
        drawn[at, :some] = random.choice(others, size=some, replace=False)
    return drawn


def contrast_of_rows(logits: torch.Tensor, same: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Cross entropy of each row's first candidate against its others, [rows]; those that are the same don't count."""
    excluded = same.clone()
    excluded[:, 0] = False
    chances = functional.log_softmax(logits.masked_fill(excluded, float("-inf")), dim=1)
    if not recipe.label_smoothing:
        return -chances[:, 0]
    spread = chances.masked_fill(excluded, 0.0).sum(dim=1) / (~excluded).sum(dim=1)
    return -(1 - recipe.label_smoothing) * chances[:, 0] - recipe.label_smoothing * spread


def _joined(query: Text) -> str:
    return query if isinstance(query, str) else " ".join(query)


def _curve(right: torch.Tensor, wrong: torch.Tensor, start: tuple[float, float]) -> tuple[float, float]:
    """Slope and offset of the logistic curve that tells right matches from wrong ones (Platt, 1999)."""
    matches = torch.cat([right, wrong]).double()
    truth = torch.cat([torch.ones(len(right)), torch.zeros(len(wrong))]).double()
    usual = torch.tensor(start, dtype=torch.double)
    curve = usual.clone().requires_grad_()
    solver = LBFGS([curve], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        # A little pull towards the start keeps the curve finite when the two sides separate perfectly.
        value = functional.binary_cross_entropy_with_logits(matches * curve[0] + curve[1], truth)
        value = value + 1e-4 * (curve - usual).square().sum()
        value.backward()
        return value

    solver.step(closure)
    slope, offset = curve.tolist()
    return slope, offset
