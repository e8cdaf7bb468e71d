"""`Outcomes` of the objectives that answer with one label, one number, or one of many candidates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from verticals.tuning.outcomes import Outcomes, Sums, macro_f1_of


def of_labels(probabilities: torch.Tensor, targets: torch.Tensor, labels: Sequence[str]) -> Outcomes:
    """One label per row.

    Args:
        probabilities: [rows, labels].
        targets: int64 [rows]; negative for a label that training never saw, which counts as an error.
    """
    known = targets >= 0
    truth = targets.clamp_min(0)
    confidence, said = probabilities.max(dim=-1)
    right = (said == targets) & known
    loss = -probabilities.gather(1, truth[:, None])[:, 0].clamp_min(1e-12).log()
    # An unseen label is as wrong as the head was sure of another one.
    loss = torch.where(known, loss, -(1 - confidence).clamp_min(1e-12).log())
    actual = functional.one_hot(truth, len(labels)) * known[:, None]
    answered = functional.one_hot(said, len(labels)) * known[:, None]
    statistics = {
        "rows": torch.ones(len(targets), 1), "right": right[:, None], "known": known[:, None],
        "loss": (loss * known)[:, None], "hits": actual * answered, "said": answered, "actual": actual,
    }  # fmt: skip
    return Outcomes(
        said=[labels[at] for at in said.tolist()], loss=loss, right=right, known=known, confidence=confidence,
        probabilities=probabilities, labels=tuple(labels), places=(targets, said), statistics=statistics,
        figures=_figures_of_labels,
    )  # fmt: skip


def _figures_of_labels(sums: Sums) -> dict[str, torch.Tensor]:
    return {
        "accuracy": (sums["right"] / sums["rows"])[..., 0],
        "macro_f1": macro_f1_of(sums["hits"], sums["said"], sums["actual"]),
        "log_loss": (sums["loss"] / sums["known"])[..., 0],
    }


def of_numbers(said: torch.Tensor, targets: torch.Tensor, mean: float, deviation: float) -> Outcomes:
    """One number per row.

    Args:
        said, targets: standardised, [rows].
        mean, deviation: that turn them back into the target's unit.
    """
    error = said - targets
    columns = {
        "rows": torch.ones_like(said), "squared": error.square(), "absolute": error.abs() * deviation,
        "said": said, "truth": targets, "said2": said.square(), "truth2": targets.square(), "both": said * targets,
    }  # fmt: skip

    def figures(sums: Sums) -> dict[str, torch.Tensor]:
        means = {name: (value / sums["rows"])[..., 0].double() for name, value in sums.items()}
        spread = (means["truth2"] - means["truth"].square()).clamp_min(0)
        own = (means["said2"] - means["said"].square()).clamp_min(0)
        shared = means["both"] - means["said"] * means["truth"]
        varies = (spread > 1e-9) & (own > 1e-9)
        return {
            "r2": 1 - means["squared"] / torch.where(spread > 1e-9, spread, torch.ones_like(spread)),
            "rmse": means["squared"].sqrt() * deviation,
            "mae": means["absolute"],
            "pearson": torch.where(varies, shared / (spread * own).clamp_min(1e-18).sqrt(), torch.zeros_like(spread)),
        }

    values = (said.double() * deviation + mean).tolist()
    statistics = {name: column[:, None] for name, column in columns.items()}
    return Outcomes(said=values, loss=error.abs() * deviation, statistics=statistics, figures=figures)


def of_ranks(ranks: torch.Tensor, said: Sequence[str]) -> Outcomes:
    """One candidate of many per row.

    Args:
        ranks: of the right candidate among all of the split, from 1, [rows].
        said: the text of the candidate that came first.
    """
    near = ranks <= 10
    statistics = {
        "rows": torch.ones(len(ranks), 1), "ndcg@10": (near / torch.log2(ranks + 1))[:, None],
        "hit_rate@10": near.float()[:, None], "mrr": (1 / ranks)[:, None],
    }  # fmt: skip

    def figures(sums: Sums) -> dict[str, torch.Tensor]:
        return {name: (sums[name] / sums["rows"])[..., 0] for name in ("ndcg@10", "hit_rate@10", "mrr")}

    return Outcomes(said=list(said), loss=ranks - 1, right=ranks == 1, statistics=statistics, figures=figures)
