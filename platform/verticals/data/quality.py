"""What a look at the rows tells before anything is trained on them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verticals.contract import SPLITS, Dataset

from .splits import normalise

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """How often something was found, and the first examples of it."""

    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The state of a data set.

    Args:
        rows: how many there are.
        splits: rows per split.
        labels: per label field, per label, rows per split.
        duplicates: rows that repeat an earlier one, label included.
        conflicts: inputs that occur with different labels.
        leaks: values of ``split_by`` that occur in more than one split; whole inputs where it is
            empty.
        empty: rows without any text in their inputs.
        longest: characters of the longest input.
    """

    rows: int
    splits: Mapping[str, int]
    labels: Mapping[str, Mapping[str, Mapping[str, int]]]
    duplicates: Finding
    conflicts: Finding
    leaks: Finding
    empty: Finding
    longest: int

    @property
    def warnings(self) -> list[str]:
        """One sentence for everything a person should know before training."""
        missing = [f"The split {split} has no rows." for split in SPLITS if not self.splits.get(split)]
        return [*missing, *self.of_rows]

    @property
    def of_rows(self) -> list[str]:
        """The same, without what only says which splits there are."""
        found = []
        for field, labels in self.labels.items():
            found += [f"{field}: {told}" for told in self._spellings(labels)]
            trained = [label for label, counts in labels.items() if counts.get("train")]
            if len(trained) == 1:
                found.append(f"{field}: all training rows have the one label {trained[0]!r}; a head needs two or more.")
            unseen = [label for label in labels if label not in trained]
            if unseen:
                found.append(f"{field}: no training row has {_some(unseen)}.")
            rare = [label for label in trained if labels[label]["train"] == 1]
            if rare:
                found.append(f"{field}: only one training row has {_some(rare)}.")
        sentences = (
            (self.duplicates, "row repeats an earlier one", "rows repeat an earlier one"),
            (self.conflicts, "input occurs with different labels", "inputs occur with different labels"),
            (self.leaks, "value occurs", "values occur"),
            (self.empty, "row has no text: correct it or leave it out", "rows have no text: correct or leave them out"),
        )
        for finding, one, several in sentences:
            if finding.count:
                example = f", for example {finding.examples[0]!r}" if finding.examples[0] else ""
                where = " in more than one split, so the figures will flatter" if finding is self.leaks else ""
                found.append(f"{finding.count:,} {one if finding.count == 1 else several}{where}{example}.")
        return found

    @staticmethod
    def _spellings(labels: Mapping[str, Mapping[str, int]]) -> list[str]:
        """A sentence for each label that is written in several ways, which a head would learn as several labels."""
        written: dict[str, list[str]] = {}
        for label in labels:
            written.setdefault(normalise(label), []).append(label)
        return [
            f"{_listed([_with_rows(label, labels[label]) for label in ways])} are the same but for case or spaces, and "
            "count as different labels: write them alike."
            for ways in written.values()
            if len(ways) > 1
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**dataclasses.asdict(self), "warnings": self.warnings}


def quality(
    rows: Iterable[Mapping[str, Any]], dataset: Dataset, label_fields: Iterable[str], inputs: Sequence[str] = ()
) -> QualityReport:
    """Judge ``rows``, each with its ``split``.

    Args:
        rows: of a version, as it iterates them.
        dataset: for ``key`` and ``split_by``.
        label_fields: what heads predict; lists count each of their labels.
        inputs: the fields that heads read. Left out: ``text`` where the rows have it, else every field that is
            neither a label nor the key.
    """
    fields = sorted(set(label_fields))
    labels: dict[str, dict[str, Counter[str]]] = {field: {} for field in fields}
    splits: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    answers: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    shown: dict[str, str] = {}
    empty: list[str] = []
    longest = 0
    for row in rows:
        split = row["split"]
        splits[split] += 1
        for field in fields:
            for label in _labels(row.get(field)):
                labels[field].setdefault(label, Counter())[split] += 1
        names = [name for name in inputs or _inputs(row, dataset, fields) if row.get(name) is not None]
        whole = " | ".join(str(row[name]) for name in names)
        same = normalise(whole)
        shown.setdefault(same, whole[:120])
        answer = json.dumps([row.get(field) for field in fields], default=str)
        seen[same, answer] += 1
        answers.setdefault(same, set()).add(answer)
        longest = max(longest, len(whole))
        if not same.replace("|", "").strip():
            empty.append("")
        whose = row.get(dataset.split_by) if dataset.split_by else whole
        if whose is not None:
            group = normalise(whose) if dataset.split_by else same
            places.setdefault(group, set()).add(split)
            shown.setdefault(group, str(whose)[:120])
    return QualityReport(
        rows=splits.total(),
        splits={split: splits[split] for split in SPLITS},
        labels={field: {label: dict(labels[field][label]) for label in sorted(labels[field])} for field in fields},
        duplicates=_finding(seen.total() - len(seen), [shown[same] for (same, _), count in seen.items() if count > 1]),
        conflicts=_counted([shown[same] for same, found in answers.items() if len(found) > 1]),
        leaks=_counted([shown[group] for group, found in places.items() if len(found) > 1]),
        empty=_counted(empty),
        longest=longest,
    )


def _inputs(row: Mapping[str, Any], dataset: Dataset, label_fields: Sequence[str]) -> list[str]:
    if "text" in row:
        return ["text"]
    return [name for name in row if name not in (dataset.key, "split", *label_fields)]


def _labels(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    named = [one.get("label") if isinstance(one, Mapping) else one for one in values]  # a span carries its label
    return [str(label) for label in named if label is not None]


def _counted(examples: list[str]) -> Finding:
    return _finding(len(examples), examples)


def _finding(count: int, examples: list[str]) -> Finding:
    return Finding(count, tuple(examples[:_EXAMPLES]))


def _with_rows(label: str, splits: Mapping[str, int]) -> str:
    rows = sum(splits.values())
    return f"{label!r} ({rows:,} row{'s' if rows != 1 else ''})"


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _some(labels: list[str]) -> str:
    named = ", ".join(repr(label) for label in labels[:5])
    return f"{named} and {len(labels) - 5} more" if len(labels) > 5 else named
