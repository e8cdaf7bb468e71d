"""What flows through the platform at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .recipe import Recipe

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text that a ``tag`` head found.

    Args:
        start, end: its first character and the one behind its last, counted in Unicode code points.
        label: what it is.
        confidence: calibrated probability of the least sure of its words, 0 to 1.
    """

    start: int
    end: int
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a head says of one input.

    Args:
        label: the best label (or candidate id); ``None`` for a head that gives none, and where no label applies.
        confidence: calibrated probability of the label, 0 to 1; for ``score`` the value itself is in ``value``; for
            ``tag`` that of the least sure word.
        ranking: ``(label or candidate id, probability)``, best first.
        abstained: the input resembles nothing the head was trained on: treat it as "none of these".
        familiarity: how near the input lies to the training data, -1 to 1; `None` where not measured.
        value: the number a ``score`` head gives.
        text: what a ``generate`` head has written.
        version: the version that answered, as ``head@v3``.
        tokens_cut: how many tokens at the end of the input were not read.
        labels: all labels that a ``multilabel`` head says apply, best first; `None` for other heads.
        spans: what a ``tag`` head found, in the order of the text; `None` for other heads. Where the input was a list
            of words, the text is these joined by single spaces.
        vector: of length 1, from an ``embed`` head; `None` for other heads.
    """

    label: str | None
    confidence: float
    ranking: tuple[tuple[str, float], ...] = ()
    abstained: bool = False
    familiarity: float | None = None
    value: float | None = None
    text: str | None = None
    version: str = ""
    tokens_cut: int = 0
    labels: tuple[str, ...] | None = None
    spans: tuple[Span, ...] | None = None
    vector: tuple[float, ...] | None = None


#: Key of a document's metadata under which a list of its other wordings stands.
ALSO = "also"


@dataclass(frozen=True, slots=True)
class Document:
    """One searchable document. ``metadata`` holds JSON values that filters can ask for.

    What is under ``also`` in it, a list of texts, are other wordings of the title: searches meet the document by them
    too.
    """

    id: str
    text: str
    title: str = ""
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wordings(self) -> tuple[str, ...]:
        """The other wordings of the title."""
        return wordings_in(self.metadata.get(ALSO))


def wordings_in(also: Any) -> tuple[str, ...]:
    """The wordings among what stands under ``also`` in a document's metadata."""
    return tuple(one for one in also if isinstance(one, str) and one.strip()) if isinstance(also, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result.

    Args:
        document: what was found.
        score: what it is ranked by, fused of both rankings; higher is better, comparable within one search only.
        similarity: cosine of query and document vectors, -1 to 1; `None` in a search by words only.
        dense_rank, lexical_rank: place in either list, from 1; `None` where it was not in it.
        span: ``(start, end)`` in ``document.text`` of the passage that matches best.
        marks: ``(start, end)`` of the query's words in that passage.
        relevance: what a head that re-ranks said of it; `None` where none was asked.
        duplicates: ids of documents with the same title and text, which were left out in its favour.
    """

    document: Document
    score: float
    similarity: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    span: tuple[int, int] | None = None
    marks: tuple[tuple[int, int], ...] = ()
    relevance: float | None = None
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an answer was given: one shape for hits, articles and items of a history.

    Args:
        kind, id: of the thing.
        text: what it says.
        source: where it comes from.
        score: how much it speaks for the answer; higher is better.
        span: ``(start, end)`` in ``text`` of the passage that matters.
        title: what to call it; the source, or the id, where it has none.
    """

    kind: str
    id: str
    text: str
    source: str = ""
    score: float | None = None
    span: tuple[int, int] | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact that happened. ``offset`` grows by one per vertical and tenant, from 1."""

    offset: int
    vertical: str
    kind: str
    payload: Mapping[str, Any]
    at: datetime
    key: str | None = None
    tenant: str = "default"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that whoever runs a vertical should know now.

    Args:
        told: what is so, in plain words.
        remedy: what to do about it, with the command to run; empty where there is nothing to do.
    """

    told: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.told} {self.remedy}".rstrip()


class Preparation(Protocol):
    """What a head's ``prepare`` function sees: the rows of the vertical's data sets at their current versions."""

    def rows(self, dataset: str | None = None) -> Iterator[dict[str, Any]]:
        """Rows of a data set (the head's own by default) as plain mappings; each carries its ``split``."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work has come.

    Args:
        stage: what is done now, as ``training`` or ``encoding``.
        done, total: in ``unit``.
        rate: units per second, over the stage so far.
        seconds_left: of the stage.
        metrics: the newest figures, by name.
    """

    stage: str
    done: int
    total: int
    unit: str = "rows"
    rate: float = 0.0
    seconds_left: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartFrom:
    """The version that a training job goes on from.

    Args:
        reference: as ``support/intent@v3``.
        folder: with its files, checked.
        manifest: of the version.
        examples: per split, what it learned from and was measured on.
    """

    reference: str
    folder: Path
    manifest: Mapping[str, Any]
    examples: Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class FitJob:
    """One training job, as the ``fit`` hook sees it.

    Args:
        vertical, head: names.
        objective: as the head declares it.
        examples: per split, the prepared examples.
        labels: ordered label names; empty where the objective has none.
        label_texts: what labels mean in words, as the head declares it.
        unlabelled: training examples whose target is empty.
        recipe: how to train, already completed by the caller's choices.
        dataset_version: of the data set it learns from.
        run: id of the run that keeps the log and the checkpoint.
        resume: whether to go on from the run's checkpoint.
        progress: called now and then with a `Progress`.
        start: the version to go on from; `None` to start from the pretrained weights.
    """

    vertical: str
    head: str
    objective: str
    examples: Mapping[str, list[dict[str, Any]]]
    labels: tuple[str, ...]
    recipe: Recipe
    dataset_version: str
    run: str
    inputs: tuple[str, ...] = ("text",)
    target: str = "label"
    label_texts: Mapping[str, str] = field(default_factory=dict)
    unlabelled: Sequence[dict[str, Any]] = ()
    resume: bool = False
    progress: Callable[[Progress], None] | None = None
    start: StartFrom | None = None


@dataclass(frozen=True, slots=True)
class FitReport:
    """What training gave.

    Args:
        version: the saved version, as ``v3``.
        metrics: of the validation rows, by name.
        history: one mapping per epoch.
        seconds: wall time of training, loading and saving left out.
        stopped: ``done``, ``early`` (patience) or ``interrupted``.
    """

    version: str
    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0
    stopped: str = "done"
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Batch:
    """Inputs of one head, as the ``predict`` hook sees them."""

    vertical: str
    head: str
    version: str
    inputs: list[Any]


@dataclass(slots=True)
class Predictions:
    """What the ``predict`` hook returns: one prediction per input, in the same order."""

    predictions: list[Prediction]
