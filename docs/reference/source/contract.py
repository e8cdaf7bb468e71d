"""The pages of what an author and a notebook use: hooks, nouns, records, the host, recipes."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import Any

import verticals
from verticals.contract import Hooks, Recipe, hooks, resolve

from . import docstrings
from .markdown import page, table


def hook_page() -> str:
    """Every hook, from the specifications' docstrings."""
    parts = []
    for name, function in vars(Hooks).items():
        if name.startswith("_"):
            continue
        signature = _signature(function, skip_self=True).replace(
            "AbstractAsyncContextManager[None]", "async context manager"
        )
        options = getattr(function, f"{hooks.PROJECT}_spec", {})
        kind = " The first result that is not `None` counts." if options.get("firstresult") else ""
        parts.append(f"## {name}\n\n```python\ndef {name}{signature}\n```\n\n{docstrings.markdown(function)}{kind}")
    introduction = (
        "A plugin is a module whose functions carry `@hookimpl` and the name of a hook. A function with a hook's mark "
        "and another name is an error. The `register_…` hooks declare nouns: they are called once, when the plugin is "
        "loaded. `lifespan`, `fit` and `predict` wrap what the host does: they are called each time. The nouns and "
        "records are described under [Python](python.md)."
    )
    return page("Hooks", introduction, parts)


def _signature(function: Any, *, skip_self: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if skip_self:
        parameters = [one for one in parameters if one.name not in ("self", "cls")]
    shown = [_shown_parameter(one) for one in parameters]
    returns = signature.return_annotation
    arrow = "" if returns is inspect.Signature.empty else f" -> {_annotation(returns)}"
    for place, one in enumerate(parameters):
        if one.kind is inspect.Parameter.KEYWORD_ONLY:
            if not any(other.kind is inspect.Parameter.VAR_POSITIONAL for other in parameters):
                shown.insert(place, "*")
            break
    return f"({', '.join(shown)}){arrow}"


def _shown_parameter(one: inspect.Parameter) -> str:
    star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
    annotation = "" if one.annotation is inspect.Parameter.empty else f": {_annotation(one.annotation)}"
    default = "" if one.default is inspect.Parameter.empty else f"{' = ' if annotation else '='}{one.default!r}"
    return f"{star}{one.name}{annotation}{default}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


_GROUPS = {
    "Nouns, which a plugin declares": ("Dataset", "TaskHead", "Index", "EventKind", "Endpoints", "Page", "Command"),
    "Records, which flow at run time": (
        "Prediction", "Document", "Hit", "Evidence", "Event", "Preparation", "FitJob", "FitReport", "Progress", "Batch",
        "Predictions",
    ),
}  # fmt: skip
_CLASSES = {
    "The host": ("verticals.host:Host", "verticals.host:Vertical", "verticals.host.head:Head",
                 "verticals.host.datasets:DatasetHandle", "verticals.host.indexes:IndexHandle",
                 "verticals.host.events:VerticalEvents"),
    "While it serves": ("verticals.host:ServedVertical", "verticals.host.served_head:ServedHead",
                        "verticals.host.served_index:ServedIndex", "verticals.host.served_events:ServedEvents"),
}  # fmt: skip


# What these do for other rooms of the host is no part of what one calls by hand.
_WITHIN_THE_HOST = frozenset(
    {
        "Host.fit", "Host.predict", "Host.computing_by", "Host.own_hook", "Host.predict_is_wrapped",
        "Host.new_queue", "Vertical.close", "Head.answer", "Head.not_live", "Head.record",
        "IndexHandle.close", "ServedVertical.start", "ServedHead.start",
    }
)  # fmt: skip


def python() -> str:
    """The public names of ``import verticals``."""
    parts = []
    for title, names in _GROUPS.items():
        parts.append(f"## {title}")
        parts += [_data(getattr(verticals, name)) for name in names]
    for title, references in _CLASSES.items():
        parts.append(f"## {title}")
        parts += [_class(resolve(reference)) for reference in references]
    blocks = importlib.import_module("verticals.web.ui")
    parts.append(f"## Building blocks of pages\n\n{_functions(blocks)}")
    parts += [_data(one) for one in _own(blocks) if inspect.isclass(one)]
    parts.append(f"## For tests of plugins\n\n{docstrings.markdown(importlib.import_module('verticals.testing'))}")
    introduction = (
        "Plugins and notebooks use these names and no others: those of `import verticals`, the building blocks in "
        "`verticals.web.ui`, and `verticals.testing`. The recipe has [its own page](recipe.md), and so have the "
        "[hooks](hooks.md) and the [errors](errors.md). An endpoint of a plugin takes its vertical as a parameter of "
        "the type `CurrentVertical`; what it is given is a `ServedVertical`. "
        "`host[name]` gives a vertical."
    )
    return page("Python", introduction, parts)


def _data(thing: Any) -> str:
    before = docstrings.inline(docstrings.sections(thing)[0])
    return f"### {thing.__name__}\n\n{before}\n\n{_fields(thing)}"


def _fields(thing: Any) -> str:
    if not dataclasses.is_dataclass(thing):
        methods = [member for name, member in vars(thing).items() if inspect.isfunction(member) and name[0] != "_"]
        return "\n".join(
            f"- `{one.__name__}{_signature(one, skip_self=True)}`: {docstrings.summary(one)}" for one in methods
        )
    told = docstrings.arguments(thing)
    rows = [
        (f"`{one.name}`", f"`{one.type}`", _default(one), told.get(one.name, "")) for one in dataclasses.fields(thing)
    ]
    if any(row[3] for row in rows):
        return table(["field", "type", "default", "meaning"], rows)
    return table(["field", "type", "default"], [row[:3] for row in rows])


def _default(one: dataclasses.Field[Any]) -> str:
    if one.default is not dataclasses.MISSING:
        return f"`{one.default!r}`"
    if one.default_factory is dataclasses.MISSING:
        return ""
    made = one.default_factory()
    return f"`{made.__class__.__name__}()`" if dataclasses.is_dataclass(made) else f"`{made!r}`"


def _class(thing: Any) -> str:
    before = docstrings.inline(docstrings.sections(thing)[0])
    rows = []
    for name, member in vars(thing).items():
        if name.startswith("_") or f"{thing.__name__}.{name}" in _WITHIN_THE_HOST:
            continue
        function = member.__func__ if isinstance(member, classmethod) else member
        if isinstance(member, property):
            rows.append((f"`{name}`", docstrings.summary(member)))
        elif inspect.isfunction(function):
            asynchronous = (
                "await " if inspect.iscoroutinefunction(function)
                else "async for … in " if inspect.isasyncgenfunction(function)
                else ""
            )  # fmt: skip
            rows.append((f"`{asynchronous}{name}{_signature(function, skip_self=True)}`", docstrings.summary(function)))
    return f"### {thing.__name__}\n\n{before}\n\n{table(['', 'what it does'], rows)}"


def _functions(module: Any) -> str:
    found = filter(inspect.isfunction, _own(module))
    rows = [(f"`{one.__name__}{_signature(one)}`", docstrings.summary(one)) for one in found]
    return f"{docstrings.markdown(module)}\n\n{table(['', 'what it does'], rows)}"


def _own(module: Any) -> list[Any]:
    """What a module itself defines and hands out."""
    return [
        one for name, one in vars(module).items()
        if getattr(one, "__module__", "") == module.__name__ and name[0] != "_"
    ]  # fmt: skip


def recipe() -> str:
    """Every field of a recipe."""
    told = docstrings.arguments(Recipe)
    rows = [
        (f"`{one.name}`", f"`{one.type}`", f"`{one.default!r}`", told[one.name]) for one in dataclasses.fields(Recipe)
    ]
    introduction = (
        "How a head is trained. A plugin gives a recipe with its `TaskHead`; `platform train` changes any value with "
        '`--set name=value`, in Python it is `head.train(changes={"epochs": 3})`.'
    )
    return page("Recipe", introduction, [table(["field", "type", "default", "meaning"], rows)])
