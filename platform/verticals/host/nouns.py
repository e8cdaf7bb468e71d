"""A plugin's nouns: collected hook by hook, then checked as a whole."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verticals.contract import (
    PROJECT,
    Command,
    Dataset,
    Endpoints,
    EventKind,
    Hooks,
    Index,
    Page,
    PluginError,
    Recipe,
    TaskHead,
    check_name,
    suggest,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

HOOKS = tuple(name for name in vars(Hooks) if not name.startswith("_"))
_REFERENCE = re.compile(r"^[^\W\d][\w.]*:[^\W\d][\w.]*$")


@dataclass(frozen=True, slots=True)
class Nouns:
    """What one plugin declares, in the order it declares it."""

    settings: type[BaseModel] | str | None = None
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    heads: Mapping[str, TaskHead] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    event_kinds: Mapping[str, EventKind] = field(default_factory=dict)
    endpoints: Sequence[Endpoints] = ()
    pages: Sequence[Page] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)


def collect(call: Callable[[str], list[Any]]) -> Nouns:
    """Collect and check all nouns of one plugin.

    Args:
        call: calls one hook of this plugin alone and returns its results.

    Raises:
        PluginError: a hook gave the wrong thing, two nouns have one name, or one refers to another that is not there.
        Exception: whatever the plugin's own code raises.
    """
    datasets = _named("data sets", _drain(call, "register_datasets", Dataset))
    heads = _named("heads", _drain(call, "register_heads", TaskHead))
    indexes = _named("indexes", _drain(call, "register_indexes", Index))
    kinds = _named("event kinds", _drain(call, "register_events", EventKind))
    endpoints = _drain(call, "register_endpoints", Endpoints)
    pages = _drain(call, "register_pages", Page)
    commands = _named("commands", _drain(call, "register_commands", Command))
    for dataset in datasets.values():
        _check_reference(f"row of data set {dataset.name!r}", dataset.row, a_class=True)
        _check_reference(f"load of data set {dataset.name!r}", dataset.load)
    for head in heads.values():
        _check_head(head, datasets)
    for index in indexes.values():
        _check_reference(f"documents of index {index.name!r}", index.documents)
        _check_index(index, heads)
    for endpoint in endpoints:
        _check_reference("router of its endpoints", endpoint.router, callable_=False)
    _check_pages(pages)
    for command in commands.values():
        _check_reference(f"command {command.name!r}", command.command)
    return Nouns(_settings(call), datasets, heads, indexes, kinds, endpoints, pages, commands)


def _check_index(index: Index, heads: Mapping[str, TaskHead]) -> None:
    fitting = {
        "head": [name for name, head in heads.items() if head.objective == "embed"],
        "reranker": [
            name
            for name, head in heads.items()
            if head.objective == "rank" or (head.objective == "score" and len(head.inputs) == 2)
        ],
    }
    does = {
        "head": "takes its vectors from {!r}, which is no head that embeds",
        "reranker": "is re-ranked by {!r}, which is no head that ranks, or scores two inputs",
    }
    for kind, names in fitting.items():
        wanted = getattr(index, kind)
        if wanted and wanted not in names:
            raise PluginError(f"Index {index.name!r} {does[kind].format(wanted)}.", suggest(wanted, names))


def check_hook_names(plugin: Any) -> None:
    """Refuse a function that is marked as a hook but is named like none.

    Raises:
        PluginError: with the nearest hook suggested.
    """
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        options = getattr(function, f"{PROJECT}_impl", None) if inspect.isroutine(function) else None
        hook = (options.get("specname") or name) if isinstance(options, dict) else None
        if hook is not None and hook not in HOOKS:
            raise PluginError(f"There is no hook {hook!r}.", suggest(hook, HOOKS))


def _drain(call: Callable[[str], list[Any]], hook: str, kind: type) -> list[Any]:
    drained = []
    for result in call(hook):
        if isinstance(result, str | Mapping) or not isinstance(result, Iterable):
            raise PluginError(
                f"{hook} gave {_shown(result)}, not several {kind.__name__}s.", "Use yield, or return a list."
            )
        for noun in result:
            if not isinstance(noun, kind):
                raise PluginError(f"{hook} gave {_shown(noun)}.", f"It must give objects of type {kind.__name__}.")
            drained.append(noun)
    return drained


def _settings(call: Callable[[str], list[Any]]) -> type[BaseModel] | str | None:
    for model in call("register_settings"):
        if isinstance(model, str):
            _check_reference("settings", model)
            return model
        from pydantic import BaseModel

        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError(
                f"register_settings gave {_shown(model)}.",
                "It must return a class of pydantic's BaseModel, or a reference to one.",
            )
        return model
    return None


def _named(kind: str, nouns: Iterable[Any]) -> dict[str, Any]:
    by_name: dict[str, Any] = {}
    for noun in nouns:
        if noun.name in by_name:
            raise PluginError(f"Two {kind} are called {noun.name!r}.", "Rename one of them.")
        by_name[noun.name] = noun
    return by_name


def _check_head(head: TaskHead, datasets: Mapping[str, Dataset]) -> None:
    if head.dataset not in datasets:
        raise PluginError(
            f"Head {head.name!r} learns from the data set {head.dataset!r}, which there is not.",
            suggest(head.dataset, datasets),
        )
    for name in ("inputs", "labels"):
        value = getattr(head, name)
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise PluginError(f"Head {head.name!r}: {name} is {value!r}.", "It must be a tuple of texts.")
    if repeated := {label for label in head.labels if head.labels.count(label) > 1}:
        raise PluginError(
            f"Head {head.name!r} has labels twice: {', '.join(sorted(repeated))}.", "Remove the repetitions."
        )
    if not isinstance(head.label_texts, Mapping) or not all(
        isinstance(text, str) for text in head.label_texts.values()
    ):
        raise PluginError(f"Head {head.name!r}: label_texts is {head.label_texts!r}.", "It must map labels to texts.")
    for label in head.label_texts:
        if head.labels and label not in head.labels:
            raise PluginError(
                f"Head {head.name!r}: label_texts has {label!r}, which is none of its labels.",
                suggest(label, head.labels),
            )
    if not isinstance(head.recipe, Recipe):
        raise PluginError(f"Head {head.name!r}: recipe is {_shown(head.recipe)}.", "It must be a Recipe.")
    check_name(head.objective, f"objective of head {head.name!r}")
    if head.prepare is not None:
        _check_reference(f"prepare of head {head.name!r}", head.prepare)


def _check_pages(pages: Sequence[Page]) -> None:
    paths: set[str] = set()
    for page in pages:
        _check_reference(f"render of page {page.title!r}", page.render)
        if page.language:
            _check_reference(f"language of page {page.title!r}", page.language)
        if not isinstance(page.path, str) or not page.path.startswith("/"):
            raise PluginError(f"Page {page.title!r} has the path {page.path!r}.", "A path begins with '/'.")
        if page.path in paths:
            raise PluginError(f"Two pages have the path {page.path!r}.", "Give each its own.")
        paths.add(page.path)


def _check_reference(what: str, value: Any, *, a_class: bool = False, callable_: bool = True) -> None:
    """A reference is only looked at here; it is resolved when it is needed."""
    if isinstance(value, str):
        if not _REFERENCE.match(value):
            raise PluginError(f"The {what} is {value!r}.", "Write a reference as 'package.module:attribute'.")
    elif value is None or (a_class and not isinstance(value, type)) or (callable_ and not callable(value)):
        wanted = "a class" if a_class else "a function" if callable_ else "an object"
        raise PluginError(f"The {what} is {_shown(value)}.", f"It must be {wanted}, or a reference to one.")


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"an object of type {type(value).__name__}"
