"""One row against the row model: typed values, or one short sentence for each field that does not fit."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from verticals.contract import SPLITS, Dataset, RowProblem

from .schema import ABSENT, Field, Parse, fields_of, row_model

MEBIBYTE = 1 << 20
_SHOWN = 200
_PYTHON_KINDS = ("number", "list of number", "datetime", "date")
_SPLIT_WORDS = {"val": "validation", "valid": "validation", "dev": "validation", "training": "train", "testing": "test"}
_SENTENCES = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_unicode": "contains half of a surrogate pair, which is no character",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "none_required": "must be empty",
}
_STEMS = {
    "datetime_": "must be a date and time such as 2026-03-01T12:00:00Z",
    "date_": "must be a date such as 2026-03-01",
    "time_": "must be a time such as 12:00:00",
    "decimal_": "must be a decimal number",
    "uuid_": "must be a UUID",
    "url_": "must be a URL",
}


class RowCheck:
    """Checks the rows of one data set.

    Args:
        dataset: whose row model the values must fit.
        labels: per field the labels that are allowed; an empty collection allows any label but an empty one.
            Fields that the row model does not have are passed over (a head may compute its target).
        cell_limit: bytes that one value may have in UTF-8.
        finite: fields whose numbers must be finite.
    """

    def __init__(
        self,
        dataset: Dataset,
        labels: Mapping[str, Sequence[str]] | None = None,
        cell_limit: int = MEBIBYTE,
        finite: Collection[str] = (),
    ) -> None:
        self.model: type[BaseModel] = row_model(dataset)
        self.fields: dict[str, Field] = fields_of(self.model)
        self.labels = {name: list(allowed) for name, allowed in (labels or {}).items() if name in self.fields}
        self.cell_limit, self.finite = cell_limit, frozenset(finite)
        self._allowed = {name: set(allowed) for name, allowed in self.labels.items()}
        self._as_python = {name for name, field in self.fields.items() if field.kind in _PYTHON_KINDS}
        self._as_json = set(self.fields) - self._as_python
        self._splits_itself = "split" in self.model.model_fields
        self._suggestions: dict[tuple[str, str], str] = {}

    def check(
        self, number: int, values: Mapping[str, Any], *, parse: Parse | None = None
    ) -> tuple[dict[str, Any], str | None] | list[RowProblem]:
        """The typed values of a row and the split it names, or its problems, one per field.

        Args:
            number: of the row, for the problems.
            values: by field; ``split`` may be among them.
            parse: turns a text of the file into the value of a field; left out, texts are values already.
        """
        problems: dict[str, RowProblem] = {}

        def problem(field: str, sentence: str, value: Any = "") -> None:
            problems.setdefault(field, RowProblem(number, field, sentence, _shown(value)))

        split = values.get("split") or None
        if split is not None and split not in SPLITS:
            problem("split", _unknown_split(split), split)
        for name, value in values.items():
            if sentence := self._unstorable(value):
                problem(name, sentence, value)
        if any("cell may hold" in each.problem for each in problems.values()):
            return list(problems.values())
        given = self._parsed(values, parse)
        if self._splits_itself and split is not None:
            given["split"] = split
        try:
            row = self.model.model_validate(given, by_alias=False, by_name=True)
        except ValidationError as error:
            for name, sentence, value in _sentences(error):
                problem(name, sentence, value)
            return list(problems.values())
        except Exception as error:  # noqa: BLE001 - validators are a plugin's and may raise anything
            problem("", f"the row model fails on it: {type(error).__name__}: {error}")
            return list(problems.values())
        checked = self.plain(row)
        for name, sentence, value in self._misfits(checked):
            problem(name, sentence, value)
        return list(problems.values()) or (checked, split)

    def check_model(self, number: int, row: BaseModel) -> tuple[dict[str, Any], str | None] | list[RowProblem]:
        """The same for a row that is a model already."""
        checked = self.plain(row)
        found = [(name, sentence, value) for name, value in checked.items() if (sentence := self._unstorable(value))]
        found += self._misfits(checked)
        split = getattr(row, "split", None)
        if found:
            return [RowProblem(number, name, sentence, _shown(value)) for name, sentence, value in found]
        return checked, split if split in SPLITS else None

    def _misfits(self, checked: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """What is wrong with values that have the right type: ``(field, sentence, value)``."""
        for name, field in self.fields.items():
            if not field.fits(checked[name]):
                yield name, "is too large a number; 64 bits can be stored", checked[name]
        for name in self.finite & self.fields.keys():
            if isinstance(checked[name], float) and not math.isfinite(checked[name]):
                yield name, _SENTENCES["finite_number"], checked[name]
        for name in self.labels:
            for label in _each(checked[name]):
                if sentence := self._wrong_label(name, label):
                    yield name, sentence, label

    def plain(self, row: BaseModel) -> dict[str, Any]:
        """The values of a model: numbers, texts, dates and lists as they are, everything else as JSON would have it."""
        found = row.model_dump(include=self._as_python, by_alias=False) if self._as_python else {}
        if self._as_json:
            # Not by mode="json", which makes an infinite number within a mapping nothing at all.
            found |= to_jsonable_python(row.model_dump(include=self._as_json, by_alias=False), inf_nan_mode="constants")
        return {name: found.get(name) for name in self.fields}

    def _parsed(self, values: Mapping[str, Any], parse: Parse | None) -> dict[str, Any]:
        given = {}
        for name, value in values.items():
            field = self.fields.get(name)
            if field is None:
                continue
            typed = parse(field, value) if parse and isinstance(value, str) else value
            if typed is not ABSENT:
                given[name] = typed
        return given

    def _unstorable(self, value: Any) -> str:
        size = 0
        for text in _texts(value):
            try:
                size += len(text.encode())
            except UnicodeEncodeError:
                return _SENTENCES["string_unicode"]
            if "\0" in text:
                return "contains a NUL byte; remove it"
        if size > self.cell_limit:
            return f"has {_amount(size)}; a cell may hold at most {_amount(self.cell_limit)}"
        return ""

    def _wrong_label(self, field: str, label: Any) -> str:
        if label == "":
            return "is empty; every row needs a label"
        if label is None or not self._allowed[field] or label in self._allowed[field]:
            return ""
        return self._label_suggestion(field, str(label))

    def _label_suggestion(self, field: str, label: str) -> str:
        """Looked up once per unknown label, and only for so many: a column of texts mapped by mistake has thousands."""
        found = self._suggestions.get((field, label))
        if found is None:
            if len(self._suggestions) >= 100 or len(label) > _SHOWN:
                return "is not a known label"
            found = self._suggestions[field, label] = f"is not a known label; {_nearest(label, self.labels[field])}"
        return found


def _sentences(error: ValidationError) -> list[tuple[str, str, Any]]:
    """One ``(field, sentence, value)`` per field; the branches of a union become alternatives."""
    found: dict[str, tuple[list[str], Any]] = {}
    for each in error.errors(include_url=False):
        path = each["loc"]
        field = str(path[0]) if path else ""
        sentence = _sentence(each["type"], each["msg"], each.get("ctx", {}))
        places = [place + 1 for place in path[1:] if isinstance(place, int)]
        if places:
            sentence = f"item {places[0]} {sentence}"
        sentences, _ = found.setdefault(field, ([], "" if each["type"] == "missing" else each["input"]))
        if sentence not in sentences:
            sentences.append(sentence)
    joined = []
    for field, (sentences, value) in found.items():
        others = [sentence.removeprefix("must be ") for sentence in sentences[1:]]
        joined.append((field, " or ".join([sentences[0], *others]), value if field else ""))
    return joined


def _sentence(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(context)
    for stem, sentence in _STEMS.items():
        if kind.startswith(stem):
            return sentence
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should", "should").rstrip(".")


def _unknown_split(split: Any) -> str:
    meant = _SPLIT_WORDS.get(str(split).strip().casefold())
    return f"must be {', '.join(SPLITS[:-1])} or {SPLITS[-1]}" + (f"; did you mean {meant!r}?" if meant else "")


def _nearest(label: str, known: Sequence[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(label.strip().casefold(), folded, n=1, cutoff=0.55)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    return f"known are {', '.join(known[:8])}{more}"


def _texts(value: Any) -> Iterable[str]:
    """Every string inside a value."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            pending += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            pending += each


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _shown(value: Any) -> str:
    return (value if isinstance(value, str) else "" if value is None else repr(value))[:_SHOWN]


def _amount(size: int) -> str:
    for unit, factor in (("MiB", MEBIBYTE), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
