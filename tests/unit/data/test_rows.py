"""A row that does not fit is told so in one short sentence per field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from verticals import Dataset, PluginError
from verticals.data.rows import RowCheck
from verticals.data.schema import fields_of


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Everything(BaseModel):
    text: Annotated[str, Field(min_length=2, max_length=9)] = "text"
    count: int = 0
    share: float = Field(0.0, ge=0, le=1)
    flag: bool = False
    at: datetime | None = None
    day: date | None = None
    mood: Mood = Mood.GOOD
    side: Literal["buy", "sell"] = "buy"
    tags: list[str] = []
    numbers: tuple[int, ...] = ()
    price: Decimal = Decimal(1)
    either: int | bool | None = None
    anything: Any = None
    code: str = Field("A1", pattern="^[A-Z][0-9]$")

    @field_validator("anything")
    @classmethod
    def not_thirteen(cls, value: Any) -> Any:
        if value == 13:
            raise ValueError("thirteen brings bad luck.")
        if value == 14:
            return value.nothing
        return value


@pytest.fixture
def check() -> RowCheck:
    return RowCheck(Dataset(name="everything", row=Everything, load=list))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("text", 5, "must be text"),
        ("text", "x", "must have at least 2 characters"),
        ("text", "x" * 10, "must have at most 9 characters"),
        ("count", "three", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("count", 2**63, "is too large a number; 64 bits can be stored"),
        ("count", None, "must be a whole number"),
        ("share", "much", "must be a number"),
        ("share", 2, "must be at most 1.0"),
        ("share", -1, "must be at least 0.0"),
        ("flag", "perhaps", "must be true or false"),
        ("at", "yesterday", "must be a date and time such as 2026-03-01T12:00:00Z"),
        ("day", "31.12.2026", "must be a date such as 2026-03-01"),
        ("mood", "fine", "must be 'good' or 'bad'"),
        ("side", "hold", "must be 'buy' or 'sell'"),
        ("tags", "a|b", "must be a list"),
        ("tags", ["a", 2], "item 2 must be text"),
        ("numbers", [1, -(2**63) - 1], "is too large a number; 64 bits can be stored"),
        ("price", "cheap", "must be a decimal number"),
        ("either", "x", "must be a whole number or true or false"),
        ("code", "xx", "must match the pattern ^[A-Z][0-9]$"),
        ("anything", 13, "thirteen brings bad luck"),
    ],
)
def test_each_kind_of_misfit_has_its_sentence(check, field, value, sentence):
    (problem,) = check.check(7, {field: value})
    assert (problem.row, problem.field, problem.problem) == (7, field, sentence)


def test_a_validator_that_fails_is_a_problem_of_the_row(check):
    (problem,) = check.check(3, {"anything": 14})
    assert str(problem) == "row 3: the row model fails on it: AttributeError: 'int' object has no attribute 'nothing'"


def test_all_fields_that_do_not_fit_are_reported(check):
    problems = check.check(1, {"count": "x", "share": "y", "split": "z", "text": "a\0b"})
    assert sorted(problem.field for problem in problems) == ["count", "share", "split", "text"]


def test_values_keep_their_types(check):
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    given = {"at": now, "day": date(2026, 3, 1), "mood": "bad", "numbers": [1, 2], "price": "1.50", "split": "test"}
    values, split = check.check(1, given)
    assert split == "test"
    assert values["at"] == now
    assert values["day"] == date(2026, 3, 1)
    assert values["mood"] == "bad"
    assert list(values["numbers"]) == [1, 2]
    assert values["price"] == "1.50"
    assert values["share"] == 0.0


def test_kinds_follow_the_annotations():
    kinds = {name: field.kind for name, field in fields_of(Everything).items()}
    assert kinds == {
        "text": "text", "count": "integer", "share": "number", "flag": "boolean", "at": "datetime", "day": "date",
        "mood": "text", "side": "text", "tags": "list of text", "numbers": "list of integer", "price": "json",
        "either": "json", "anything": "json", "code": "text",
    }  # fmt: skip


def test_an_empty_cell_is_none_or_absent_or_an_empty_text():
    fields = fields_of(Everything)
    parsed = {name: fields[name].from_cell("") for name in ("at", "text")}
    assert parsed == {"at": None, "text": ""}
    check = RowCheck(Dataset(name="everything", row=Everything, load=list))
    values, _ = check.check(1, {"count": "", "tags": ""}, parse=lambda field, cell: field.from_cell(cell))
    assert (values["count"], values["tags"]) == (0, [])


def test_aliases_of_a_row_model_do_not_matter():
    class Aliased(BaseModel):
        text: str = Field(alias="Utterance")

    check = RowCheck(Dataset(name="aliased", row=Aliased, load=list))
    assert check.check(1, {"text": "Hello"}) == ({"text": "Hello"}, None)


def test_a_row_that_is_no_model_is_the_plugins_fault():
    with pytest.raises(PluginError, match=r"Declare a subclass of pydantic\.BaseModel"):
        RowCheck(Dataset(name="odd", row=dict, load=list))


def test_several_wrong_labels_of_a_list_are_looked_at():
    check = RowCheck(Dataset(name="everything", row=Everything, load=list), {"tags": ["red", "green"]})
    (problem,) = check.check(1, {"tags": ["red", "gren"]})
    assert problem.problem == "is not a known label; did you mean 'green'?"
