"""What the home page shows, gathered in one go and off the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from verticals.web.api.datasets import DatasetSummary, list_datasets
from verticals.web.api.heads import HeadSummary, Version, list_heads, list_versions
from verticals.web.api.runs import Run, list_runs
from verticals.web.api.verticals import VerticalSummary, list_verticals
from verticals.web.site import Site

_MAIN_METRICS = ("accuracy", "macro_f1", "f1", "ndcg@10", "ndcg", "mrr", "auc", "pearson", "spearman")
_RUNS = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the home page."""

    served: list[VerticalSummary]
    others: list[VerticalSummary]
    heads: list[HeadSummary]
    versions: list[Version]
    datasets: list[DatasetSummary]
    runs: list[Run]


def gather(site: Site) -> Overview:
    """Read the store and the registry."""
    summaries = list_verticals(site)
    return Overview(
        served=[one for one in summaries if one.served],
        others=[one for one in summaries if not one.served],
        heads=list_heads(site),
        versions=list_versions(site),
        datasets=list_datasets(site),
        runs=list_runs(site, limit=_RUNS),
    )


def main_metric(metrics: Mapping[str, Any]) -> str:
    """The one figure that says most, as ``accuracy 0.941``; empty where nothing was measured."""
    figures = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    for name in (*_MAIN_METRICS, *figures):
        if name in figures:
            return f"{name.replace('_', ' ')} {figures[name]:.3f}"
    return ""


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that fits: ``4 minutes ago``."""
    seconds = ((now or datetime.now(UTC)) - _aware(moment)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def duration(started: datetime, ended: datetime) -> str:
    """How long something took: ``1 min 42 s``."""
    seconds = (_aware(ended) - _aware(started)).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
