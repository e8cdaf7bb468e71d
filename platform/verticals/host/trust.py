"""What a head's versions and rows are worth: evaluation, comparison, explanation, suspected labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from verticals.contract import SPLITS, BadInput, Progress, suggest

from .examples import Examples

if TYPE_CHECKING:
    from verticals.data import DatasetVersion
    from verticals.tuning import Comparison, Evaluation, Explanation, SuspectReport

    from .head import Head


def evaluate(
    head: Head,
    version: str,
    split: str,
    dataset_version: str | None,
    slices: Sequence[str],
    least: int,
    nearest: int,
) -> Evaluation:
    """See `Head.evaluate`."""
    from verticals.tuning import evaluate as measure

    record = head.record(version)
    examples = _examples(head, split, dataset_version)
    with head.vertical.host.engine.using(record.vertical, record.head, record.version) as loaded:
        return measure(
            loaded.head,
            loaded.encoder,
            loaded.slot,
            record.version,
            head.noun,
            examples.splits[split],
            split,
            loaded.extent,
            rows=examples.rows[split],
            numbers=examples.numbers[split],
            slices=slices,
            least=least,
            train=examples.splits["train"] if nearest else (),
            train_numbers=examples.numbers["train"],
            nearest=nearest,
        )


def compare(head: Head, first: str, second: str, split: str, dataset_version: str | None) -> Comparison:
    """See `Head.compare`."""
    from verticals.tuning import compare as measure

    old, new = head.record(first), head.record(second)
    examples = _examples(head, split, dataset_version)
    engine = head.vertical.host.engine
    with (
        engine.using(old.vertical, old.head, old.version) as one,
        engine.using(new.vertical, new.head, new.version) as other,
    ):
        return measure(
            one,
            other,
            (old.version, new.version),
            head.noun,
            examples.splits[split],
            split,
            numbers=examples.numbers[split],
        )


def explain(head: Head, value: Any, label: str, version: str) -> Explanation:
    """See `Head.explain`."""
    from verticals.tuning import explain as take_apart

    record = head.record(version)
    with head.vertical.host.engine.using(record.vertical, record.head, record.version) as loaded:
        return take_apart(
            loaded.head, loaded.encoder, loaded.slot, record.reference, head.noun, value, label, loaded.extent
        )


def suspects(
    head: Head,
    split: str | None,
    dataset_version: str | None,
    folds: int,
    progress: Callable[[Progress], None] | None,
) -> SuspectReport:
    """See `Head.suspects`."""
    from verticals.tuning import LabelledRow, find_label_errors

    if folds < 2:
        raise BadInput(f"{folds} folds leave nothing to learn from.", "Ask for 2 or more.")
    examples = _examples(head, split, dataset_version)
    key = head.vertical.datasets[head.noun.dataset].key
    rows = [
        LabelledRow(example, part, number, row.get(key) if key else None)
        for part in ([split] if split else SPLITS)
        for example, row, number in zip(examples.splits[part], examples.rows[part], examples.numbers[part], strict=True)
    ]
    return find_label_errors(head.noun, rows, head.vertical.host.encoder, head.noun.recipe, folds, progress)


def _examples(head: Head, split: str | None, dataset_version: str | None) -> Examples:
    """The head's examples in a data set version, some of them in ``split``."""
    if split is not None and split not in SPLITS:
        raise BadInput(f"There is no split {split!r}.", suggest(split, SPLITS))
    rows: DatasetVersion = head.vertical.dataset(head.noun.dataset).get(dataset_version)
    examples = head.examples(rows)
    if split is not None and not examples.splits[split]:
        name = f"{head.vertical.name}/{head.noun.dataset}"
        raise BadInput(
            f"{name} {rows.version} has no rows in the split {split!r}.",
            f"Import some: platform data import {name} FILE --split {split}.",
        )
    return examples
