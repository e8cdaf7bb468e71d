"""The model card: the ``README.md`` of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from verticals.contract import Recipe


def model_card(manifest: Mapping[str, Any], history: Sequence[Mapping[str, float]]) -> str:
    """Markdown that says what the version is, what it learned from, how well, and how to make it again."""
    name = f"{manifest['vertical']}/{manifest['head']}"
    recipe, rows, metrics = manifest["recipe"], manifest["rows"], manifest["metrics"]
    labels = manifest["labels"]
    parts = [
        f"# {name}",
        f"A `{manifest['objective']}` head on `{manifest['encoder']['name']}`, trained by the method "
        f"`{manifest['method']}` on data set version `{manifest['dataset_version']}`.",
        "## Figures",
        f"Measured on {rows['held_out']} held-out rows that also chose the epoch and the calibration, so they flatter "
        f"a little; `platform evaluate {name}` measures on the test split.",
        _table(("figure", "value"), [(key, f"{value:.4f}") for key, value in metrics.items()]),
        "## Training",
        f"{rows['train']} rows, {manifest['seconds']} s, seed {manifest['seed']}.",
        "\n".join(f"- {note}" for note in manifest["notes"]),
        _table(tuple(history[0]), [[_number(row.get(key)) for key in history[0]] for row in history])
        if history
        else "",
        "## Labels",
        ", ".join(f"`{label}`" for label in labels) if labels else "This objective has no labels.",
        "## Make it again",
        f"```sh\nplatform train {name} --data-version {manifest['dataset_version']} {_changes(recipe)}\n```",
        "## Limits",
        "It knows only what its rows show. Inputs unlike them are answered with `abstained: true`; for the rest the "
        "confidence is calibrated on the held-out rows, and is only as right as those are like yours.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _changes(recipe: Mapping[str, Any]) -> str:
    """The options that make this recipe of the usual one."""
    usual = Recipe().to_dict()
    always = ("method", "epochs", "seed")
    changed = {key: value for key, value in recipe.items() if key in always or value != usual[key]}
    return " ".join(f"--set {key}={value}" for key, value in changed.items() if value is not None)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) >= 1 else f"{value:.4f}"
