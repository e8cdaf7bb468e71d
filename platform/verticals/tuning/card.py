"""The model card: the ``README.md`` of a version (Mitchell et al., Model Cards for Model Reporting, 2019)."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from verticals.contract import FitJob, Recipe

from .evaluation import Evaluation, summary
from .evaluation.measure import Answers
from .evaluation.page import markdown_table
from .evaluation.report import figure_rows, label_rows, number, slice_rows, slice_sentence, span

_LISTED = 100  # labels whose figures stand on the card; above it the hardest of them
Manifest = Mapping[str, Any]


def card_facts(job: FitJob, answers: Answers) -> dict[str, Any]:
    """What the manifest says for the card, beyond how the version was made.

    Args:
        job: that the version comes from.
        answers: of the trained, calibrated head on the held-out rows.

    Returns:
        ``evaluation``: intervals of the figures, the table of labels and the calibration error on the held-out rows;
        ``data``: rows per split and, where there are labels, rows per label and split.
    """
    found = summary(answers)
    kept = ("intervals", "resamples", "per_label", "calibration_error")
    labels: dict[str, dict[str, int]] = {}
    if answers.objective.labels:
        for split, examples in job.examples.items():
            for label, count in _label_counts(examples, job.target).items():
                labels.setdefault(label, {})[split] = count
    rows = {split: len(examples) for split, examples in job.examples.items()}
    return {
        "evaluation": {name: found[name] for name in kept if name in found},
        "data": {"rows": rows, "labels": {label: labels[label] for label in sorted(labels)}},
    }


def model_card(manifest: Manifest, history: Sequence[Mapping[str, float]], evaluation: Evaluation | None = None) -> str:
    """Markdown that says what the version is, what it learned from, how well, for whom, and how to make it again.

    Args:
        manifest: of the version.
        history: figures after each epoch; empty where they are not at hand.
        evaluation: a later one, whose figures and slices then stand on the card instead of those of the training.
    """
    name = f"{manifest['vertical']}/{manifest['head']}"
    parts = [
        _front_matter(manifest),
        f"# {name}",
        f"A `{manifest['objective']}` head on `{manifest['encoder']['name']}`, trained by the method "
        f"`{manifest['method']}` on data set version `{manifest['dataset_version']}`.",
        *_figures(name, manifest, evaluation),
        *_slices(name, evaluation),
        *_data(manifest),
        "## Training",
        f"{manifest['rows']['train']} rows, {manifest['seconds']} s, seed {manifest['seed']}.",
        "\n".join(f"- {note}" for note in manifest["notes"]),
        _history(history),
        *_labels(manifest, evaluation),
        "## Licence",
        _licence(manifest),
        "## Make it again",
        f"```sh\nplatform train {name} {_data_version(manifest)}{_changes(manifest['recipe'])}\n"
        f"platform evaluate {name} --report report\n```",
        "## Limits",
        _limits(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(manifest: Manifest) -> str:
    """What hubs and search engines read."""
    lines = [f"base_model: {manifest['encoder']['name']}", f"tags: [verticals, {manifest['objective']}]"]
    if manifest.get("licence"):
        lines.insert(0, f"license: {manifest['licence']}")
    return "\n".join(["---", *lines, "---"])


def _figures(name: str, manifest: Manifest, evaluation: Evaluation | None) -> list[str]:
    head = ("figure", "value", "95 % interval")
    if evaluation is not None:
        told = f"Measured on {evaluation.rows:,} rows of the split `{evaluation.split}`."
        return ["## Figures", told, markdown_table(head, figure_rows(evaluation)), _reach(evaluation.resamples)]
    held = manifest["rows"]["held_out"]
    own = manifest.get("evaluation", {})
    ends = own.get("intervals", {})
    told = (
        f"Measured on {held} held-out rows that also chose the epoch and the calibration, so they flatter a little; "
        f"`platform evaluate {name}` measures on the test split."
    )
    rows = [[key, f"{value:.4f}", span(ends.get(key))] for key, value in manifest["metrics"].items()]
    return ["## Figures", told, markdown_table(head, rows), _reach(own.get("resamples", 0)) if ends else ""]


def _reach(resamples: int) -> str:
    return (
        f"The intervals say how far chance in the choice of rows reaches ({resamples:,} bootstrap draws); another seed "
        "is not in them."
    )


def _slices(name: str, evaluation: Evaluation | None) -> list[str]:
    if evaluation is None or not evaluation.slices:
        return [
            "## Groups",
            "Not measured. `platform evaluate " + name + " --slice COLUMN` says whom this version serves worse.",
        ]
    parts = ["## Groups"]
    for one in evaluation.slices:
        parts += [f"By `{one.column}`: {slice_sentence(one)}"]
        parts += [markdown_table(("group", "rows", one.metric, "95 % interval", "counts"), slice_rows(one))]
    return parts


def _data(manifest: Manifest) -> list[str]:
    data = manifest.get("data", {})
    source = f"{manifest['vertical']}/{manifest['dataset']}" if manifest.get("dataset") else "the data set"
    read = ", ".join(f"`{field}`" for field in manifest["inputs"])
    told = f"Version `{manifest['dataset_version']}` of `{source}`; it reads {read} and gives `{manifest['target']}`."
    parts = ["## Data", told]
    if data:
        parts.append(markdown_table(("split", "rows"), [[split, f"{rows:,}"] for split, rows in data["rows"].items()]))
        counts = [splits.get("train", 0) for splits in data["labels"].values()]
        if counts:
            parts.append(
                f"{len(counts)} labels, with {min(counts):,} to {max(counts):,} training rows each "
                f"(median {statistics.median(counts):g})."
            )
    return parts


def _labels(manifest: Manifest, evaluation: Evaluation | None) -> list[str]:
    labels = manifest["labels"]
    if not labels:
        return ["## Labels", "This objective has no labels."]
    parts = ["## Labels", ", ".join(f"`{label}`" for label in labels)]
    train = {label: splits.get("train", 0) for label, splits in manifest.get("data", {}).get("labels", {}).items()}
    if evaluation is not None:
        rows = label_rows(evaluation)
    else:
        rows = [
            [label, *map(number, figures), f"{support:,}"]
            for label, *figures, support in manifest.get("evaluation", {}).get("per_label", ())
        ]
    if len(rows) > _LISTED:
        rows = sorted(rows, key=lambda row: row[3])[:_LISTED]
        parts.append(f"The {_LISTED} hardest:")
    table = [[*row, f"{train[row[0]]:,}" if row[0] in train else ""] for row in rows]
    head = ("label", "precision", "recall", "F1", "rows measured", "training rows")
    return [*parts, markdown_table(head, table)] if table else parts


def _licence(manifest: Manifest) -> str:
    licence = manifest.get("licence")
    told = f"The data's licence is `{licence}`." if licence else "The data set names no licence: ask whoever gave it."
    return f"{told} The encoder `{manifest['encoder']['name']}` has a licence of its own."


def _limits(manifest: Manifest) -> str:
    recipe, rare = manifest["recipe"], []
    for label, splits in manifest.get("data", {}).get("labels", {}).items():
        if splits.get("train", 0) < 10:
            rare.append(label)
    told = [
        "It knows only what its rows show. Inputs unlike them are answered with `abstained: true`; for the rest the "
        "confidence is calibrated on the held-out rows, and is only as right as those are like yours.",
        f"Inputs are read up to {manifest.get('max_tokens', recipe['max_tokens'])} tokens; what follows is cut off.",
    ]
    if rare:
        shown = ", ".join(f"`{label}`" for label in rare[:10]) + (", …" if len(rare) > 10 else "")
        one = len(rare) == 1
        told.append(
            f"{'One label has' if one else f'{len(rare)} labels have'} fewer than 10 training rows, and "
            f"{'its' if one else 'their'} figures say little: {shown}."
        )
    return "\n\n".join(told)


def _label_counts(examples: Sequence[Mapping[str, Any]], target: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for example in examples:
        value = example[target]
        counts.update(map(str, value) if isinstance(value, list | tuple) else [str(value)])
    return counts


def _data_version(manifest: Manifest) -> str:
    """The option that names it; of heads trained together on several there is none for all."""
    versions = {manifest["dataset_version"], *manifest.get("together", {}).values()}
    return "" if len(versions) > 1 else f"--data-version {manifest['dataset_version']} "


def _changes(recipe: Mapping[str, Any]) -> str:
    """The options that make this recipe of the usual one."""
    usual = Recipe().to_dict()
    always = ("method", "epochs", "seed")
    changed = {key: value for key, value in recipe.items() if key in always or value != usual.get(key)}
    return " ".join(f"--set {key}={value}" for key, value in changed.items() if value is not None)


def _history(history: Sequence[Mapping[str, float]]) -> str:
    if not history:
        return ""
    rows = [[_short(row.get(key)) for key in history[0]] for row in history]
    return markdown_table(tuple(history[0]), rows)


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) >= 1 else f"{value:.4f}"
