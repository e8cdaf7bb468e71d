"""What a plugin declares. Pure data: names, and references to code that are resolved on first use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import BadInput
from .names import check_name
from .recipe import Recipe
from .records import Document

Reference = str  # "package.module:attribute"
Weights = tuple[float, float]  # how much meaning and words count in a search


def check_weights(weights: Weights) -> Weights:
    """Return ``weights`` if a search can use them, else raise `BadInput`."""
    if len(weights) != 2 or not all(0 <= weight < math.inf for weight in weights):
        raise BadInput(f"weights is {weights!r}.", "Give two numbers from 0 up: of meaning and of words.")
    if not any(weights):
        raise BadInput("Both weights are 0.", "Give one of them, or both, above 0.")
    return weights


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows of one typed schema, with splits and versions.

    Args:
        name: unique within the plugin.
        row: the pydantic model of one row (or a reference to it); its field names are the columns.
        load: a function (or a reference to it) that yields the starter rows, as models or mappings.
        description: one sentence, shown in lists.
        key: the field that identifies a row; two rows with one key are an error. Empty: rows have no identity.
        split_by: rows with the same value of this field always fall into the same split. A row or file may
            name its split itself in a column ``split`` (``train``, ``validation`` or ``test``).
        licence: of the rows, as an SPDX identifier such as ``CC-BY-4.0``; it stands on the model cards.
    """

    name: str
    row: Any
    load: Reference | Callable[[], Iterable[Any]]
    description: str = ""
    key: str = ""
    split_by: str = "text"
    licence: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "data set name")


@dataclass(frozen=True, slots=True)
class TaskHead:
    """One trained task on top of the shared encoder.

    Args:
        name: unique within the plugin.
        dataset: the data set it learns from.
        objective: ``classify``, ``multilabel``, ``tag``, ``score``, ``rank``, ``embed``, ``generate``,
            ``classify_image``, or one that a plugin registered.
        inputs: the fields that are read; two make a pair of texts, or the prompt of ``generate``. For
            ``classify_image`` the one that holds a path, base64 or an array.
        target: the field that is predicted. For ``multilabel`` a list of labels, which may be empty; for ``tag`` a
            BIO tag for each word of a list of words, or the spans ``{start, end, label}`` of a text; for ``rank`` the
            text of the candidate that was chosen; for ``embed`` the text that belongs to the input (a row may have a
            field ``negative`` beside it: a text that only looks so); for ``generate`` the answer.
        labels: the closed, ordered list of labels; empty: all that occur in the data, sorted.
        label_texts: what labels mean in words, by label, for the methods that read it (``zero_shot``, ``few_shot``,
            ``verbaliser``); several texts of one label are joined by ``|``. A label without one is read as its name,
            ``card_arrival`` as "card arrival".
        prepare: a function (or reference) that turns the data set's rows into training examples,
            ``prepare(context: Preparation) -> Iterable[Mapping]``; an example may carry its ``split``.
        recipe: how it is trained unless the caller says otherwise.
        description: one sentence, shown in lists and on the model card.
        example: an input as `predict` takes it, for documentation and the conformance kit.
        optional: whether the vertical also serves without a live version of it; then none is trained when serving
            begins, and whoever asks it sees to what happens without.
    """

    name: str
    dataset: str
    objective: str = "classify"
    inputs: tuple[str, ...] = ("text",)
    target: str = "label"
    labels: tuple[str, ...] = ()
    label_texts: Mapping[str, str] = field(default_factory=dict)
    prepare: Reference | Callable[[Any], Iterable[Mapping[str, Any]]] | None = None
    recipe: Recipe = field(default_factory=Recipe)
    description: str = ""
    example: Any = None
    optional: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "head name")


@dataclass(frozen=True, slots=True)
class Index:
    """Searchable documents.

    Args:
        name: unique within the plugin.
        documents: a function (or reference) that yields the starter documents.
        description: one sentence, shown in lists.
        language: ISO 639-1 code that chooses the stemmer of the lexical part.
        head: a head of the objective ``embed`` whose live version makes the vectors; when another one goes live, they
            are computed anew in the background and take over if they answer no worse. Empty: the shared encoder makes
            them.
        reranker: a head of the objective ``rank``, or ``score`` with two inputs (query, document), whose live version
            orders the best hits anew where a search asks for it.
        kind: how the vectors are kept: ``auto`` by their number (exact up to 50,000, then ``ivf-sq8``), ``exact``,
            ``ivf-sq8`` (lists, 8 bits a number), ``ivf-pq`` (lists, 2 bits a number) or ``hnsw`` (a graph, 8 bits).
        weights: how much meaning and words count in a hybrid search that does not say; 0.6 and 0.4 when not given.
    """

    name: str
    documents: Reference | Callable[[], Iterable[Document]]
    description: str = ""
    language: str = "en"
    head: str = ""
    reranker: str = ""
    kind: str = "auto"
    weights: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "index name")
        if self.weights is not None:
            check_weights(self.weights)


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event the plugin writes; ``payload`` is the pydantic model (or reference) it must fit."""

    name: str
    payload: Any = None
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "event kind")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """A FastAPI router (a reference to it), mounted under ``/v1/<plugin>``.

    Args:
        router: the router.
        tenants: whether it keeps tenants apart: all that belongs to a customer comes from, and goes to, the indexes and
            events of ``CurrentVertical``, which are the asking tenant's own. Otherwise keys of other tenants than the
            default one are refused.
        public: whether it answers requests without a key, as the default tenant's: for what the browsers of your
            customers ask for, such as a chat on a page of your shop.
    """

    router: Any
    tenants: bool = False
    public: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A NiceGUI page, mounted under ``/<plugin><path>``.

    Args:
        title: shown in the navigation.
        render: a function (or reference) ``render(vertical) -> None``, plain or async, that builds the page.
        path: ``/`` or ``/something``; ``/order/{order}`` is a page for each order, which other pages link to: it has no
            place in the navigation, and ``ui.context.client.request.path_params`` says which one is asked for.
        icon: a Material icon name.
        tenants: whether it keeps tenants apart: all that belongs to a customer comes from, and goes to, the indexes and
            events of the vertical that it is given. Otherwise who signs in with a key of another tenant than the
            default one is refused.
        language: a function (or reference) ``language(vertical) -> str`` that says which language, ISO 639-1, the page
            speaks to who asks for it; the frame around it speaks that too, where it has the words. English by default.
    """

    title: str
    render: Any
    path: str = "/"
    icon: str = "article"
    tenants: bool = False
    language: Any = ""

    @property
    def in_navigation(self) -> bool:
        """Whether it is one page, and not one for each of many things."""
        return "{" not in self.path


@dataclass(frozen=True, slots=True)
class Command:
    """A click command (a reference to it), reached as ``platform <plugin> <name>``."""

    name: str
    command: Any
    help: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "command name")
