"""Tables, figures and JSON."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals.cli.output import count, duration, facts, figure, json_line, size, table
from verticals.cli.pairs import pairs
from verticals.contract import Prediction


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_columns_are_aligned_and_numbers_stand_right(capsys) -> None:
    table(["name", "rows"], [["a", "1,200"], ["a longer name", "7"]])
    assert lines(capsys) == ["name            rows", "a              1,200", "a longer name      7"]


def test_wide_characters_take_two_columns(capsys) -> None:
    table(["name", "x"], [["日本", "a"], ["abc", "b"]])
    assert lines(capsys) == ["name  x", "日本  a", "abc   b"]


def test_line_breaks_in_cells_do_not_break_the_table(capsys) -> None:
    table(["text", "label"], [["two\nlines", "x"]])
    assert lines(capsys)[1] == "two lines  x"


def test_an_empty_table_is_its_heading(capsys) -> None:
    table(["name", "rows"], [])
    assert lines(capsys) == ["name  rows"]


def test_on_a_terminal_the_widest_column_yields(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    table(["name", "text"], [["a", "x" * 100]])
    assert all(len(line) <= 60 for line in lines(capsys))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_text_can_be_shown(rows) -> None:
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        table(["one", "other"], rows)
        shown = sys.stdout.getvalue()
    finally:
        sys.stdout = out
    assert shown.count("\n") == len(rows) + 1


def test_facts_leave_out_what_is_empty(capsys) -> None:
    facts([("a", 1), ("none", None), ("longer", "x")])
    assert lines(capsys) == ["a       1", "longer  x"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.42, "0.4 s"), (12.3, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations(seconds, shown) -> None:
    assert duration(seconds) == shown


def test_small_words() -> None:
    assert count(1, "row") == "1 row"
    assert count(10003, "row") == "10,003 rows"
    assert count(2, "index", "indexes") == "2 indexes"
    assert size(1536) == "1.5 KiB"
    assert figure(0.93711) == "0.9371"
    assert figure(1200) == "1,200"


def test_json_knows_dataclasses_times_and_paths() -> None:
    value = {"prediction": Prediction("a", 0.5), "at": datetime(2026, 1, 1, tzinfo=UTC), "path": Path("x")}
    shown = json.loads(json_line(value))
    assert shown["prediction"]["label"] == "a"
    assert shown["at"] == "2026-01-01T00:00:00+00:00"
    assert shown["path"] == "x"


def test_pairs() -> None:
    assert pairs(["a=1", "b=x=y"], "--set") == {"a": "1", "b": "x=y"}
    with pytest.raises(Exception, match="--set 'a' is not of the form KEY=VALUE"):
        pairs(["a"], "--set")
