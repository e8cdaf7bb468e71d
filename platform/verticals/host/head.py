"""One head of one vertical: train, evaluate, predict, promote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from verticals.contract import (
    BadInput,
    Batch,
    FitReport,
    PluginError,
    Prediction,
    Progress,
    Recipe,
    TaskHead,
    Unavailable,
    suggest,
)

from . import training
from .examples import Examples, Rows, prepare

if TYPE_CHECKING:
    from verticals.data import DatasetVersion
    from verticals.store import VersionRecord
    from verticals.tuning import Evaluation

    from .vertical import Vertical


class Head:
    """A head bound to its vertical.

    Args:
        vertical: that declares it.
        noun: the declaration.
    """

    def __init__(self, vertical: Vertical, noun: TaskHead) -> None:
        self.vertical, self.noun, self.name = vertical, noun, noun.name
        self._host = vertical.host

    def train(
        self,
        recipe: Recipe | None = None,
        changes: Mapping[str, Any] | None = None,
        dataset_version: str | None = None,
        resume: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FitReport:
        """Train a new version; it is a candidate until it is promoted.

        Args:
            recipe: instead of the one the plugin declares.
            changes: to the recipe, by name; values may be strings.
            dataset_version: as ``v2``; the current one when not given.
            resume: id of an interrupted run to go on with, by its own recipe and data set version.
            progress: called now and then with how far it is.

        Raises:
            BadInput: the rows cannot be learned from, or a change is not one of the recipe's.
            NotFound: no such data set version or run.
            Conflict: the run to resume has not been interrupted.
        """
        return training.train(self, recipe, changes, dataset_version, resume, progress)

    def examples(self, version: DatasetVersion | None = None) -> Examples:
        """What the head learns from in a version of its data set, the current one when not given."""
        datasets = self.vertical.datasets
        own = version or self.vertical.dataset(self.noun.dataset).current()
        return prepare(self.noun, Rows(self._host.datasets, self.vertical.name, datasets, own))

    def evaluate(self, version: str = "live", split: str = "test", dataset_version: str | None = None) -> Evaluation:
        """Measure a version on one split of a data set version (the current one when not given).

        Raises:
            NotFound: no such version or data set version.
            BadInput: the split has no rows.
        """
        record = self._record(version)
        rows = self.vertical.dataset(self.noun.dataset).get(dataset_version)
        splits = self.examples(rows).splits
        if split not in splits:
            raise BadInput(f"There is no split {split!r}.", suggest(split, splits))
        if not splits[split]:
            raise BadInput(
                f"{self.vertical.name}/{self.noun.dataset} {rows.version} has no rows in the split {split!r}.",
                f"Import some: platform data import {self.vertical.name}/{self.noun.dataset} FILE --split {split}.",
            )
        return self._host.evaluate(self, record, splits[split], split)

    def predict(self, inputs: Any, version: str = "live") -> list[Prediction]:
        """Answer inputs, in their order.

        Args:
            inputs: a list of inputs; anything else (a text, a tuple of two texts, a mapping of fields) is one
                input and gives a list of one prediction.
            version: as ``v3``, ``live`` or ``latest``.

        Raises:
            NotFound: there is no such version.
            Unavailable: no version is live.
        """
        many = inputs if isinstance(inputs, list) else [inputs]
        if not many:
            return []
        return self.answer(self._record(version), many)

    def stream(self, input: Any, version: str = "live") -> Iterator[str]:  # noqa: A002 - the field's word
        """The answer of a ``generate`` head to one input, piece by piece; plugins' ``predict`` hooks don't see it.

        Args:
            input: a text, or a mapping of the head's fields, to which ``max_new_tokens``, ``temperature`` (0: the
                likeliest token each time), ``top_p`` and ``seed`` may be added.
            version: as ``v3``, ``live`` or ``latest``.

        Raises:
            BadInput: the input does not fit the head, or the head writes no text.
        """
        record = self._record(version)
        return self._host.engine.stream(record.vertical, record.head, record.version, input)

    def answer(self, record: VersionRecord, inputs: list[Any]) -> list[Prediction]:
        """Answer by one version, through the ``predict`` hook, so that plugins' wrappers see the batch."""
        batch = Batch(self.vertical.name, self.name, record.version, list(inputs))
        answered = self._host.manager.hook.predict(batch=batch)
        predictions = getattr(answered, "predictions", None)
        if not isinstance(predictions, list) or len(predictions) != len(inputs):
            given = len(predictions) if isinstance(predictions, list) else "no"
            raise PluginError(
                f"A plugin's predict hook gave {given} predictions for {len(inputs)} inputs of "
                f"{self.vertical.name}/{self.name}.",
                "Return Predictions with one prediction per input.",
            )
        return predictions

    @property
    def live(self) -> VersionRecord | None:
        """The version that answers, if there is one."""
        return self._host.registry.live(self.vertical.name, self.name)

    def versions(self) -> list[VersionRecord]:
        """All versions, newest first."""
        return self._host.registry.list(self.vertical.name, self.name)

    def promote(self, version: str, why: str = "") -> VersionRecord:
        """Make a version the live one."""
        return self._host.registry.promote(self.vertical.name, self.name, version, why=why)

    def rollback(self, why: str = "") -> VersionRecord:
        """Make the version live that was live before."""
        return self._host.registry.rollback(self.vertical.name, self.name, why=why)

    def _record(self, version: str) -> VersionRecord:
        if version == "live":
            record = self.live
            if record is None:
                raise self.not_live()
            return record
        return self._host.registry.get(self.vertical.name, self.name, version)

    def not_live(self) -> Unavailable:
        """That no version answers yet, to be raised."""
        name = f"{self.vertical.name}/{self.name}"
        return Unavailable(f"No version of {name} is live.", f"Train and promote one: platform train {name} --promote.")

    def __repr__(self) -> str:
        return f"Head({self.vertical.name}/{self.name})"
