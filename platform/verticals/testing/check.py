"""The conformance kit: what a plugin must do to be a good guest, as plain functions.

Each check takes the `Subject` and yields one `Result` per thing it looked at.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from verticals.contract import PlatformError, PluginError, TaskHead, resolve

from .result import Result, described
from .subject import Subject
from .worker import plain

SECONDS_TO_LOAD = 0.5
_ATTEMPTS = 3
_INPUTS = 8
_TOLERANCE = 1e-4


def check(target: str, plugins_dir: Path | None = None) -> list[Result]:
    """Every check on one plugin: by name, or by path of its file or folder.

    Args:
        target: what to check.
        plugins_dir: folder of one-file plugins, to check one of them by name.

    Raises:
        NotFound: there is no such plugin; the nearest is suggested.
    """
    return list(run(target, plugins_dir))


def run(target: str, plugins_dir: Path | None = None) -> Iterator[Result]:
    """The same, one result after the other as they come."""
    with Subject(target, plugins_dir) as subject:
        subject.state  # noqa: B018 - an unknown name is the caller's mistake, not the plugin's
        for name in CHECKS:
            results = run_one(name, subject)
            yield from results
            if name == "loads" and results[0].status == "failed":
                return


def run_one(name: str, subject: Subject) -> list[Result]:
    """One check by name; whatever the plugin raises becomes a failure."""
    try:
        found = list(CHECKS[name](subject))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        return [Result.of(name, "", error)]
    return found or [Result.skipped(name, "", "there is nothing to check")]


def loads(subject: Subject) -> Iterator[Result]:
    """The host loads it: hooks are spelt right, nouns are valid, names are unique."""
    state = subject.state
    if state.state == "loaded":
        yield Result.passed("loads", "", subject.place)
    else:
        yield Result.failed("loads", "", f"{state.state}: {state.cause}", state.remedy)


def light_import(subject: Subject) -> Iterator[Result]:
    """Loading it is quick and imports nothing heavy, for every command of the platform pays for it."""
    seconds, heavy = math.inf, list[str]()
    for _ in range(_ATTEMPTS):  # the best of a few, for another process may have been in the way
        measured = subject.in_fresh_process("load")
        seconds, heavy = min(seconds, measured["seconds"]), measured["heavy"]
        if heavy or seconds <= SECONDS_TO_LOAD:
            break
    if heavy:
        yield Result.failed(
            "light import",
            "",
            f"it imports {', '.join(heavy)}",
            "Import these inside functions, or in modules that only references ('package.module:name') lead to.",
        )
    elif seconds > SECONDS_TO_LOAD:
        yield Result.failed(
            "light import",
            "",
            f"loading takes {seconds:.2f} s; {SECONDS_TO_LOAD} s are allowed",
            "Move work out of the module and out of the register_… hooks, into functions that references lead to.",
        )
    else:
        yield Result.passed("light import", "", f"{seconds * 1000:.1f} ms")


def references(subject: Subject) -> Iterator[Result]:
    """Every reference leads to something of the right kind."""
    vertical = subject.vertical
    for dataset in vertical.datasets.values():
        yield _reference(f"row of data set {dataset.name}", dataset.row, _is_model, "a class of pydantic's BaseModel")
        yield _reference(f"load of data set {dataset.name}", dataset.load, callable, "a function")
    for head in vertical.heads.values():
        if head.prepare is not None:
            yield _reference(f"prepare of head {head.name}", head.prepare, callable, "a function")
    for index in vertical.indexes.values():
        yield _reference(f"documents of index {index.name}", index.documents, callable, "a function")
    for kind in vertical.event_kinds.values():
        if kind.payload is not None:
            wanted = "a class of pydantic's BaseModel"
            yield _reference(f"payload of event {kind.name}", kind.payload, _is_model, wanted)
    for endpoints in vertical.endpoints:
        yield _reference("router of endpoints", endpoints.router, _is_router, "a fastapi.APIRouter")
    for page in vertical.pages:
        yield _reference(f"render of page {page.path}", page.render, callable, "a function")
        if page.language:
            yield _reference(f"language of page {page.path}", page.language, callable, "a function")
    for command in vertical.commands.values():
        yield _reference(f"command {command.name}", command.command, _is_command, "a click command")


def starter_rows(subject: Subject) -> Iterator[Result]:
    """Every starter row fits its row model, keys are unique, and closed lists of labels hold."""
    from verticals.data.versions import starter_rows as checked_rows

    vertical = subject.vertical
    for dataset in vertical.datasets.values():
        name = f"data set {dataset.name}"
        try:
            rows = checked_rows(vertical.name, dataset)
        except PlatformError as error:
            yield Result.of("starter rows", name, error)
            continue
        unknown = {
            f"{label!r} (head {head.name})"
            for head in _plain_heads(vertical.heads.values(), dataset.name)
            for row in rows
            for label in _labels(head, row)
            if head.labels and label not in (None, "", *head.labels)
        }
        if unknown:
            remedy = "Add the labels to the head, or correct the rows."
            yield Result.failed("starter rows", name, f"unknown labels: {', '.join(sorted(unknown))}", remedy)
        elif not rows:
            yield Result.failed("starter rows", name, "there are none", "Let load yield some rows to start with.")
        else:
            yield Result.passed("starter rows", name, f"{len(rows):,} rows")


def splits(subject: Subject) -> Iterator[Result]:
    """What must stay together (``split_by``) stands in one split only."""
    from verticals.data import quality

    for dataset in subject.vertical.datasets.values():
        name = f"data set {dataset.name}"
        version = subject.vertical.dataset(dataset.name).current()
        leaks = quality(version.iterate(), dataset, ()).leaks
        if leaks.count:
            yield Result.failed(
                "splits are disjoint",
                name,
                f"{leaks.count} values of {dataset.split_by!r} stand in more than one split, as {leaks.examples[0]!r}",
                "Give all rows of one value the same split, or name no split and let the platform decide.",
            )
        else:
            shares = ", ".join(f"{count:,} {split}" for split, count in version.splits.items())
            yield Result.passed("splits are disjoint", name, shares)


def heads(subject: Subject) -> Iterator[Result]:
    """Each head trains two steps, and a fresh process gives the same predictions and labels from disk."""
    subject.make_encoder()
    asked: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for head in subject.vertical.heads.values():
        try:
            asked[head.name], before[head.name] = _trained(subject, head)
        except Exception as error:  # noqa: BLE001 - one head's fault is its own
            yield Result.of("heads train", f"head {head.name}", error)
    after = subject.in_fresh_process("predict", heads=asked) if asked else {}
    for name in asked:
        problem = _difference(subject.vertical.heads[name], before[name], after[name])
        if problem:
            yield Result.failed(
                "heads train", f"head {name}", problem, "Is a predict hook or a prepare function random?"
            )
        else:
            number = len(after[name]["predictions"])
            yield Result.passed("heads train", f"head {name}", f"{number} predictions, equal after reloading")


def endpoints(subject: Subject) -> Iterator[Result]:
    """Each endpoint answers its own example with what it declares."""
    if subject.vertical.endpoints:
        yield from _served(subject, "endpoints")


def pages(subject: Subject) -> Iterator[Result]:
    """Each page renders."""
    if subject.vertical.pages:
        yield from _served(subject, "pages")


CHECKS: dict[str, Callable[[Subject], Iterable[Result]]] = {
    "loads": loads,
    "light import": light_import,
    "references": references,
    "starter rows": starter_rows,
    "splits are disjoint": splits,
    "heads train": heads,
    "endpoints": endpoints,
    "pages": pages,
}


def _reference(what: str, reference: Any, fits: Callable[[Any], bool], wanted: str) -> Result:
    try:
        found = resolve(reference)
    except PluginError as error:
        return Result.of("references", what, error)
    if not fits(found):
        return Result.failed("references", what, f"{reference!r} is a {type(found).__name__}", f"It must be {wanted}.")
    return Result.passed("references", what, reference if isinstance(reference, str) else "")


def _is_model(found: Any) -> bool:
    from pydantic import BaseModel

    return inspect.isclass(found) and issubclass(found, BaseModel)


def _is_router(found: Any) -> bool:
    from fastapi import APIRouter

    return isinstance(found, APIRouter)


def _is_command(found: Any) -> bool:
    import click

    return isinstance(found, click.Command)


def _plain_heads(nouns: Iterable[TaskHead], dataset: str) -> list[TaskHead]:
    return [head for head in nouns if head.dataset == dataset and head.prepare is None]


def _labels(head: TaskHead, row: Mapping[str, Any]) -> list[Any]:
    """The labels that a row gives to a head, of tags and spans those within."""
    from verticals.encoder.heads.bio import label_of

    value = row.get(head.target)
    several = list(value) if isinstance(value, list | tuple) else [value]
    if head.objective != "tag":
        return several
    of_spans = [one["label"] for one in several if isinstance(one, Mapping) and "label" in one]
    return of_spans or [label_of(one) for one in several if isinstance(one, str)]


def _trained(subject: Subject, noun: TaskHead) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train a head for a moment; what to ask it again, and what it said."""
    head = subject.vertical.head(noun.name)
    learned_from = head.examples().splits["train"]
    changes = {"epochs": 1, "batch_size": math.ceil(len(learned_from) / 2), "max_tokens": 32}
    report = head.train(changes=changes)
    head.promote(report.version)  # what is served later need not be trained once more
    inputs = [] if noun.example is None else [noun.example]
    if noun.objective != "rank":
        inputs += [{name: row[name] for name in noun.inputs} for row in learned_from[:_INPUTS]]
    if not inputs:
        raise PluginError("It has no example.", "Give TaskHead(example=…) an input as predict takes it.")
    predictions = head.predict(inputs, version=report.version)
    labels = subject.host.registry.open(subject.name, noun.name, report.version).manifest.get("labels", [])
    asked = {"version": report.version, "inputs": inputs}
    return asked, {"labels": labels, "predictions": [plain(one) for one in predictions]}


def _difference(noun: TaskHead, before: dict[str, Any], after: dict[str, Any]) -> str:
    """What is not the same after reloading; empty when all is."""
    if before["labels"] != after["labels"]:
        return f"its labels were {before['labels']} and are {after['labels']} after reloading"
    if noun.labels and tuple(after["labels"]) != noun.labels:
        return f"it declares the labels {noun.labels}, but keeps {tuple(after['labels'])}"
    for number, (old, new) in enumerate(zip(before["predictions"], after["predictions"], strict=True), 1):
        same_kind = all(old[name] == new[name] for name in ("label", "abstained", "labels", "spans"))
        if not same_kind or not all(map(_close, _numbers(old), _numbers(new))):
            return f"input {number} gave {_shown(old)}, and {_shown(new)} after reloading"
    return ""


def _numbers(prediction: dict[str, Any]) -> list[float]:
    return [
        prediction["confidence"],
        prediction["value"] or 0.0,
        *(prediction["vector"] or ()),
        *(dict(prediction["ranking"])[key] for key in sorted(dict(prediction["ranking"]))),
    ]


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= _TOLERANCE * max(1.0, abs(one))


def _shown(prediction: dict[str, Any]) -> str:
    said = next((prediction[name] for name in ("labels", "spans") if prediction[name] is not None), None)
    return f"{said or prediction['label'] or prediction['value']} ({prediction['confidence']:.4f})"


def _served(subject: Subject, part: str) -> list[Result]:
    try:
        return [Result(**result) for result in subject.served()[part]]
    except PlatformError as error:
        return [Result.failed(part, "", f"the vertical does not start: {error.message}")]


__all__ = ["CHECKS", "Result", "Subject", "check", "described", "run", "run_one"]
