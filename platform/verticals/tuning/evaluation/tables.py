"""Tables that are made of outcomes: by label, by pair of labels, by confidence."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from verticals.tuning.outcomes import Outcomes

from .record import CalibrationBin

_BINS = 15


def by_label(outcomes: Outcomes) -> tuple[tuple[str, float, float, float, int], ...]:
    """``(label, precision, recall, f1, support)`` in label order; a figure without any row is 0."""
    if not outcomes.labels or "hits" not in outcomes.statistics:
        return ()
    sums = outcomes.sums()
    hits, said, actual = (sums[name].double() for name in ("hits", "said", "actual"))
    precision, recall = hits / said.clamp_min(1), hits / actual.clamp_min(1)
    f1 = 2 * hits / (said + actual).clamp_min(1)
    columns = (precision.tolist(), recall.tolist(), f1.tolist(), [int(count) for count in actual.tolist()])
    return tuple(zip(outcomes.labels, *columns, strict=True))


def confusion_matrix(outcomes: Outcomes) -> tuple[tuple[int, ...], ...]:
    """Rows by true label and, within, by answered label; rows whose label the head does not know are left out."""
    if outcomes.places is None:
        return ()
    truth, said = outcomes.places
    known, size = truth >= 0, len(outcomes.labels)
    counts = torch.bincount(truth[known] * size + said[known], minlength=size * size).view(size, size)
    return tuple(tuple(row) for row in counts.tolist())


def confusions(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> tuple[tuple[str, str, int], ...]:
    """``(true label, said label, count)`` of the errors, most frequent first."""
    pairs = [
        (labels[at], labels[to], count)
        for at, row in enumerate(matrix)
        for to, count in enumerate(row)
        if count and at != to
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair[2], pair)))


def calibration(outcomes: Outcomes) -> tuple[tuple[CalibrationBin, ...], float | None]:
    """Confidence against accuracy in 15 equal bins, and the expected calibration error.

    The error is the mean over the rows of their bin's distance between the two (Naeini et al., AAAI 2015; Guo et
    al., 2017, arXiv:1706.04599). Rows whose label the head cannot know are left out.
    """
    if outcomes.confidence is None or outcomes.right is None:
        return (), None
    kept = outcomes.known if outcomes.known is not None else torch.ones_like(outcomes.right)
    confidence, right = outcomes.confidence[kept], outcomes.right[kept].float()
    places = (confidence * _BINS).long().clamp(max=_BINS - 1)
    bins = []
    for place in places.unique().tolist():
        members = places == place
        bins.append(
            CalibrationBin(
                place / _BINS, (place + 1) / _BINS, int(members.sum()),
                float(confidence[members].mean()), float(right[members].mean()),
            )
        )  # fmt: skip
    error = sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / max(1, len(confidence))
    return tuple(bins), error
