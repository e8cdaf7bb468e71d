"""One head of one vertical: train, evaluate, predict, promote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import Batch, FitReport, PluginError, Prediction, Progress, Recipe, TaskHead, Unavailable

from . import search, together, training, trust
from .examples import Examples, Rows, prepare

if TYPE_CHECKING:
    from verticals.data import DatasetVersion
    from verticals.store import VersionRecord
    from verticals.tuning import Comparison, Evaluation, Explanation, SuspectReport
    from verticals.tuning.search import Trial

    from .scoring import Scored
    from .search import SearchReport
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

        Where the recipe names heads to train ``together``, a version of each comes out; the report is this head's.

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
        heads = together.partners(self, recipe, changes, resume)
        if len(heads) == 1:
            return training.train(self, recipe, changes, dataset_version, resume, progress)
        if resume is None:
            recipe = recipe or self.noun.recipe
        reports = together.train(heads, recipe, changes, dataset_version, resume, progress)
        return reports[heads.index(self)]

    def tune(
        self,
        trials: int | None = None,
        seconds: float | None = None,
        space: Mapping[str, str] | None = None,
        recipe: Recipe | None = None,
        changes: Mapping[str, Any] | None = None,
        dataset_version: str | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
        each: Callable[[Trial], None] | None = None,
    ) -> SearchReport:
        """Search for a better recipe. The best trial becomes a candidate version; the others leave none.

        The recipe itself is the first trial. Trials are compared on the validation rows; the test rows have no part
        in it. Ctrl-C ends a search with what was found so far.

        Args:
            trials: how many, 20 when not given; of a search that is resumed, those it has had included.
            seconds: begin no trial after so long, and stop the one under way; the first is always finished.
            space: what to search, ``{"learning_rate": "1e-4..1e-2", "lora_rank": "4,8,16"}``; what suits the method
                when not given. A range of a factor of ten or more is searched by factors.
            recipe: instead of the one the plugin declares.
            changes: to the recipe, by name, in every trial; values may be strings.
            dataset_version: as ``v2``; the current one when not given.
            resume: go on with the newest search of this head; it keeps its recipe, space and rows.
            progress: called now and then with how far a trial is.
            each: called with each trial that has ended.

        Raises:
            BadInput: a name or a range that a recipe cannot have, or there is no search to resume.
            Conflict: another process is at this search.
        """
        return search.tune(
            self, trials=trials, seconds=seconds, space=space, recipe=recipe, changes=changes,
            dataset_version=dataset_version, resume=resume, progress=progress, each=each,
        )  # fmt: skip

    def examples(self, version: DatasetVersion | None = None) -> Examples:
        """What the head learns from in a version of its data set, the current one when not given."""
        datasets = self.vertical.datasets
        own = version or self.vertical.dataset(self.noun.dataset).current()
        return prepare(self.noun, Rows(self._host.datasets, self.vertical.name, datasets, own))

    def evaluate(
        self,
        version: str = "live",
        split: str = "test",
        dataset_version: str | None = None,
        *,
        slices: Sequence[str] = (),
        least: int = 10,
        nearest: int = 0,
    ) -> Evaluation:
        """Measure a version on one split of a data set version (the current one when not given).

        Args:
            version: as ``v3``, ``live`` or ``latest``.
            split: ``test``, ``validation`` or ``train``.
            dataset_version: as ``v2``.
            slices: columns of the rows to measure group by group; ``length`` for quartiles of the inputs' characters.
            least: rows that a group needs to count in the gap between the best and the worst.
            nearest: training rows to find for each error; they are encoded for it, which takes its time.

        Raises:
            NotFound: no such version or data set version.
            BadInput: the split has no rows, or they have no such column.
        """
        return trust.evaluate(self, version, split, dataset_version, slices, least, nearest)

    def compare(self, first: str, second: str, split: str = "test", dataset_version: str | None = None) -> Comparison:
        """Measure a second version against a first one on the same rows, and say whether chance explains the rest.

        Args:
            first, second: as ``v3``, ``live`` or ``latest``.
            split: ``test``, ``validation`` or ``train``.
            dataset_version: as ``v2``; the current one when not given.

        Raises:
            NotFound: no such version or data set version.
            BadInput: the split has no rows.
        """
        return trust.compare(self, first, second, split, dataset_version)

    def explain(self, input: Any, label: str = "", version: str = "live") -> Explanation:  # noqa: A002 - as in predict
        """Which words of one input an answer rests on, by integrated gradients.

        Plugins that wrap predictions are not asked: the input goes to the head as it is given.

        Args:
            input: as `predict` takes it.
            label: to explain; the answered one when empty.
            version: as ``v3``, ``live`` or ``latest``.

        Raises:
            NotFound: there is no such version.
            BadInput: the input does not fit, there is no such label, or the head's answers cannot be taken apart.
        """
        return trust.explain(self, input, label, version)

    def suspects(
        self,
        split: str | None = None,
        dataset_version: str | None = None,
        folds: int = 5,
        progress: Callable[[Progress], None] | None = None,
    ) -> SuspectReport:
        """Rows whose label is probably wrong, by cross-validated confidence; no version is needed.

        Args:
            split: to judge; all when not given.
            dataset_version: as ``v2``; the current one when not given.
            folds: parts that the rows are dealt into.
            progress: called now and then with how far it is.

        Raises:
            BadInput: the head does not give each row one label, or there are too few rows.
        """
        return trust.suspects(self, split, dataset_version, folds, progress)

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
        return self.answer(self.record(version), many)

    def predict_file(
        self,
        source: Path,
        out: Path,
        version: str = "live",
        *,
        columns: Mapping[str, str] | None = None,
        encoding: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Scored:
        """Answer every row of a file of any size, in its order and in bounded memory.

        What was answered before the process ended, however it ended, is kept beside ``out``: the same call goes on
        from there. The file is read through once before, so that bad rows are told before anything is computed; a
        row that can be read but not answered (an empty text) has its error in its line.

        Args:
            source: CSV, TSV, JSON, JSON lines (objects, or bare texts) or Parquet.
            out: ``.jsonl`` or ``.csv``; it appears when it is whole.
            version: as ``v3``, ``live`` or ``latest``.
            columns: column of the file to the head's field, where they are named differently.
            encoding: of the file; UTF-8 when not given.
            progress: called after every thousand rows.

        Raises:
            NotFound: there is no such version.
            BadInput: the file cannot be read, or has no column that the head needs.
            BadRows: rows that cannot be read, all together.
            Conflict: another process writes ``out``.
            StorageError: ``out`` cannot be written.
        """
        from .scoring import score_file

        return score_file(self, source, out, version=version, columns=columns, encoding=encoding, progress=progress)

    def stream(self, input: Any, version: str = "live") -> Iterator[str]:  # noqa: A002 - the field's word
        """The answer of a ``generate`` head to one input, piece by piece; plugins' ``predict`` hooks don't see it.

        Args:
            input: a text, or a mapping of the head's fields, to which ``max_new_tokens``, ``temperature`` (0: the
                likeliest token each time), ``top_p`` and ``seed`` may be added.
            version: as ``v3``, ``live`` or ``latest``.

        Raises:
            BadInput: the input does not fit the head, or the head writes no text.
        """
        record = self.record(version)
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

    def record(self, version: str) -> VersionRecord:
        """The registry's record of a version.

        Raises:
            NotFound: there is no such version.
            Unavailable: no version is live.
        """
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
