"""From the rows of a data set to the examples a head learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verticals.contract import SPLITS, BadInput, Dataset, NotFound, PluginError, TaskHead, resolve, suggest

if TYPE_CHECKING:
    from verticals.data import DatasetStore, DatasetVersion

# An example, all columns of its row, and the row's number in its data set version.
Made = tuple[dict[str, Any], Mapping[str, Any], int | None]
_LABELLED = frozenset({"classify", "classify_image", "multilabel"})


@dataclass(frozen=True, slots=True)
class Examples:
    """What a head learns from.

    Args:
        splits: per split its examples: the head's inputs and target.
        labels: in order; empty where there are none.
        rows: per split, in the same order, all columns of the row that each example was made of. Where a ``prepare``
            function made the examples, these are the examples as it gave them, with whatever fields it added.
        numbers: per split, the number of that row in its data set version, from 1; `None` for prepared examples.
        unlabelled: examples for training whose target is empty.
    """

    splits: Mapping[str, list[dict[str, Any]]]
    labels: tuple[str, ...]
    rows: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    numbers: Mapping[str, list[int | None]] = field(default_factory=dict)
    unlabelled: tuple[dict[str, Any], ...] = ()


class Rows:
    """The rows a head's ``prepare`` function may read (`verticals.Preparation`).

    Args:
        store: of all data sets.
        vertical: its name.
        datasets: those the vertical declares.
        own: the version the head learns from; other data sets are read at their current versions.
    """

    def __init__(
        self, store: DatasetStore, vertical: str, datasets: Mapping[str, Dataset], own: DatasetVersion
    ) -> None:
        self._store, self._vertical, self._datasets, self._own = store, vertical, datasets, own

    def rows(self, dataset: str | None = None) -> Iterator[dict[str, Any]]:
        """Rows of a data set (the head's own by default) as plain mappings; each carries its ``split``.

        Raises:
            NotFound: the vertical declares no such data set.
        """
        if dataset is None or dataset == self._own.name:
            return self._own.iterate()
        if dataset not in self._datasets:
            raise NotFound.named("data set", dataset, self._datasets, of=self._vertical)
        return self._store.current(self._vertical, self._datasets[dataset]).iterate()


def prepare(head: TaskHead, rows: Rows) -> Examples:
    """The examples of ``head``, by split.

    Without a ``prepare`` function an example holds the head's input fields and its target. Examples whose target is
    empty are not labelled yet: those for training are kept apart, others are left out. An example that names no split
    is for training.

    Raises:
        BadInput: no example to train on and no declared labels, only one label, or a label outside the head's closed
            list.
        PluginError: the head asks for fields the rows don't have, or its ``prepare`` function fails.
    """
    made = _by_function(head, rows) if head.prepare is not None else _by_fields(head, rows.rows())
    splits: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    whole: dict[str, list[Mapping[str, Any]]] = {split: [] for split in SPLITS}
    numbers: dict[str, list[int | None]] = {split: [] for split in SPLITS}
    unlabelled = []
    for example, row, number in made:
        split = example.pop("split", None) or "train"
        if split not in splits:
            raise PluginError(f"Head {head.name!r}: an example has the split {split!r}.", suggest(str(split), SPLITS))
        if example[head.target] not in (None, ""):
            splits[split].append(example)
            whole[split].append(row)
            numbers[split].append(number)
        elif split == "train":
            unlabelled.append(example)
    if not splits["train"] and not head.labels:
        raise BadInput(
            f"Head {head.name!r} has no rows to train on in the data set {head.dataset!r}.",
            "Import some: platform data import. A head that declares its labels can do without (method zero_shot).",
        )
    return Examples(splits, _labels(head, splits), whole, numbers, tuple(unlabelled))


def _by_fields(head: TaskHead, rows: Iterable[Mapping[str, Any]]) -> Iterator[Made]:
    wanted = (*head.inputs, head.target)
    more = ("split", "negative") if head.objective == "embed" else ("split",)
    for number, row in enumerate(rows, 1):
        for name in wanted:
            if name not in row:
                raise PluginError(
                    f"Head {head.name!r} reads {name!r}, which rows of {head.dataset!r} don't have.", suggest(name, row)
                )
        yield {name: row[name] for name in (*wanted, *more) if name in row}, row, number


def _by_function(head: TaskHead, rows: Rows) -> Iterator[Made]:
    wanted = (*head.inputs, head.target)
    try:
        for example in resolve(head.prepare)(rows):
            if missing := [name for name in wanted if name not in example]:
                raise PluginError(f"prepare of head {head.name!r} gave an example without {', '.join(missing)}.")
            yield dict(example), example, None
    except (PluginError, NotFound, BadInput):
        raise
    except Exception as error:
        raise PluginError(f"prepare of head {head.name!r} failed: {type(error).__name__}: {error}.") from error


def _labels(head: TaskHead, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[str, ...]:
    if head.objective == "tag" or (head.objective not in _LABELLED and not head.labels):
        return head.labels  # a tag head's stand within tags or spans, which its objective checks
    counts: Counter[str] = Counter()
    for examples in splits.values():
        for example in examples:
            value = example[head.target]
            counts.update(map(str, value) if isinstance(value, list | tuple) else [str(value)])
    if head.labels:
        for label, count in counts.items():
            if label not in head.labels:
                plural = "s" if count > 1 else ""
                raise BadInput(
                    f"{count} row{plural} of {head.dataset!r} carry the label {label!r}, which head {head.name!r} "
                    "does not know.",
                    suggest(label, head.labels),
                )
        return head.labels
    if head.objective in ("classify", "classify_image") and len(counts) < 2:
        raise BadInput(
            f"All rows of {head.dataset!r} carry the one label {next(iter(counts))!r}; head {head.name!r} cannot learn "
            "to tell labels apart.",
            "Import rows of at least one other label.",
        )
    return tuple(sorted(counts))
