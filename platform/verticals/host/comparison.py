"""Runs beside each other: where their recipes differ, and what each reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verticals.store import Curves, RunRecord


def differences(runs: Sequence[RunRecord]) -> dict[str, tuple[Any, ...]]:
    """What the runs do not share of their heads, data and recipes: by name, one value per run."""
    shown: list[dict[str, Any]] = [
        {"head": f"{run.vertical}/{run.head}", "data": run.dataset_version, **run.recipe} for run in runs
    ]
    names = dict.fromkeys(name for values in shown for name in values)
    columns = {name: tuple(values.get(name) for values in shown) for name in names}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def figures(runs: Sequence[RunRecord]) -> dict[str, tuple[float | None, ...]]:
    """What each run reached on its held-out rows: by name, one figure per run."""
    names = dict.fromkeys(name for run in runs for name, value in run.metrics.items() if _number(value))
    return {
        name: tuple(run.metrics.get(name) if _number(run.metrics.get(name)) else None for run in runs) for name in names
    }


def series(curves: Curves) -> dict[str, list[tuple[int, float]]]:
    """The curves of a run by name, each as ``(at, figure)``.

    ``training loss`` and ``learning rate`` count training rows; all others are of the held-out rows, by epoch.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for point in curves.steps:
        for name in ("loss", "learning_rate"):
            if (value := point.figures.get(name)) is not None:
                found.setdefault("training loss" if name == "loss" else "learning rate", []).append((point.at, value))
    for point in curves.epochs:
        for name, value in point.figures.items():
            if value is not None:
                found.setdefault("mean training loss" if name == "loss" else name, []).append((point.at, value))
    return found


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
