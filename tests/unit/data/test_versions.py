"""Versions: starter rows, additions, types that survive, damage that is noticed."""

from __future__ import annotations

import json
import math
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from verticals import BadInput, BadRows, Conflict, Dataset, NotFound, PluginError, StorageError
from verticals.contract import Damaged
from verticals.data import DatasetStore


class Typed(BaseModel):
    text: str
    count: int | None = None
    share: float = 0.0
    flag: bool = False
    tags: list[str] = []
    at: datetime | None = None
    day: date | None = None
    extra: dict[str, Any] = {}


def dataset(load=list, **options) -> Dataset:
    return Dataset(name="typed", row=Typed, load=load, **options)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aé\n\"'\\☃", max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)},
        optional={
            "count": st.none() | st.integers(-(2**63), 2**63 - 1),
            "share": st.floats(allow_nan=False),
            "flag": st.booleans(),
            "tags": st.lists(st.text("ab,☃", max_size=3), max_size=3),
            "at": st.datetimes() | st.datetimes(timezones=st.just(UTC)),
            "day": st.dates(),
            "extra": st.dictionaries(st.text("ab", max_size=2), PLAIN, max_size=2),
        },
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@example(rows=[{"text": "", "extra": {"": math.inf}}])
@given(rows=ROWS)
def test_values_of_every_type_survive(rows, tmp_path_factory):
    store = DatasetStore(tmp_path_factory.mktemp("datasets"))
    version = store.add("v", dataset(), [(row, "train") for row in rows], source="test", base=None)
    expected = [{**Typed(**row).model_dump(), "split": "train"} for row in rows]
    assert version.read() == expected
    assert [type(row["count"]) for row in version.iterate()] == [type(row["count"]) for row in expected]
    moments = [(row["at"], row["at"] and row["at"].utcoffset()) for row in expected]
    assert [(row["at"], row["at"] and row["at"].utcoffset()) for row in version.iterate()] == moments


def test_other_tools_see_typed_columns(store):
    at = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    rows = [({"text": "a", "at": at, "day": "2026-03-01", "tags": ["x"]}, None)]
    version = store.add("v", dataset(), rows, source="test", base=None)
    schema = pyarrow.parquet.read_schema(version.path / "rows.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert types == {
        "text": "large_string", "count": "int64", "share": "double", "flag": "bool", "tags": types["tags"],
        "at": "timestamp[us, tz=UTC]", "day": "date32[day]", "extra": "large_string", "split": "large_string",
    }  # fmt: skip
    assert types["tags"].startswith("list<")
    assert version.read()[0]["at"] == at


def test_the_starter_rows_become_the_first_version_once(store, intents):
    assert store.list("support", intents) == []
    first = store.current("support", intents)
    assert (first.version, first.source, first.rows) == ("v1", "starter", 2)
    assert first.read()[1] == {"text": "Where is my parcel?", "intent": "delivery", "split": "test"}
    assert store.current("support", intents) == first == store.get("support", intents)
    assert DatasetStore(store.folder).current("support", intents) == first


def test_changed_starter_rows_give_a_new_version_until_something_is_imported(store):
    one, two, three = (dataset(load=lambda n=n: [{"text": f"row {i}"} for i in range(n)]) for n in (1, 2, 3))
    assert store.current("v", one).version == "v1"
    second = store.current("v", two)
    assert (second.version, second.rows) == ("v2", 2)
    added = store.add("v", two, [({"text": "mine"}, None)], source="mine.csv", base=second)
    assert (added.version, added.rows) == ("v3", 3)
    assert store.current("v", three) == added


def test_many_threads_at_the_first_start_make_one_version(store, intents):
    found = []
    threads = [threading.Thread(target=lambda: found.append(store.current("support", intents))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {version.version for version in found} == {"v1"}
    assert len(found) == 8


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: 1 / 0, "do not load: ZeroDivisionError"),
        (lambda: None, "do not load: TypeError"),
        (lambda: [{"text": 1}, {"text": "a"}, {}], "row 1, text: must be text (got '1'); row 3, text: is missing"),
        (lambda: [{"text": "a"}, {"text": "a"}], "row 2, text: repeats the key of row 1"),
        (lambda: [Typed(text="a\0")], "row 1, text: contains a NUL byte"),
        ("nowhere.at_all:load", "does not import"),
    ],
)
def test_bad_starter_rows_are_the_plugins_fault(store, load, message):
    with pytest.raises(PluginError) as caught:
        store.current("v", dataset(load=load, key="text"))
    assert message in str(caught.value)
    assert not list(store.folder.rglob("rows.parquet"))


def test_an_addition_keeps_the_old_rows_where_they_are(store):
    first = store.add("v", dataset(), [({"text": f"t{n}"}, None) for n in range(50)], source="one", base=None)
    more = [({"text": f"T{n} "}, None) for n in range(25, 75)]
    second = store.add("v", dataset(), more, source="two", base=first)
    assert second.read()[:50] == first.read()
    splits = {}
    for row in second.iterate():
        splits.setdefault(row["text"].strip().lower(), set()).add(row["split"])
    assert {len(found) for found in splits.values()} == {1}
    assert (second.rows, sum(second.splits.values()), second.source) == (100, 100, "two")


def test_no_base_begins_anew(store):
    first = store.add("v", dataset(), [({"text": "a"}, None)], source="one", base=None)
    second = store.add("v", dataset(), [({"text": "b"}, None)], source="two", base=None)
    assert [row["text"] for row in second.iterate()] == ["b"]
    assert store.list("v", dataset()) == [first, second]
    assert [row["text"] for row in first.iterate()] == ["a"]


def test_a_base_that_is_no_longer_the_newest_is_a_conflict(store):
    first = store.add("v", dataset(), [({"text": "a"}, None)], source="one", base=None)
    store.add("v", dataset(), [({"text": "b"}, None)], source="two", base=first)
    with pytest.raises(Conflict, match="moved from v1 to v2 meanwhile"):
        store.add("v", dataset(), [({"text": "c"}, None)], source="three", base=first)
    assert len(store.list("v", dataset())) == 2


def test_bad_rows_are_reported_together_and_nothing_is_written(store):
    keyed = dataset(key="text")
    first = store.add("v", keyed, [({"text": "a"}, None)], source="one", base=None)
    rows = [({"text": 1}, None), ({"text": "a"}, None), ({"text": "b"}, "dev"), ({"text": "c"}, None)] * 2
    with pytest.raises(BadRows) as caught:
        store.add("v", keyed, rows, source="corrections", base=first)
    assert [problem.row for problem in caught.value.problems] == [1, 2, 3, 5, 6, 7, 8]
    assert store.list("v", keyed) == [first]


def test_a_row_model_that_grew_takes_the_old_rows_along(store):
    class Before(BaseModel):
        text: str
        other: str = ""

    old = store.add("v", Dataset(name="typed", row=Before, load=list), [({"text": "a"}, "test")], source="x", base=None)
    new = store.add("v", dataset(), [({"text": "b", "count": 2}, "train")], source="y", base=old)
    assert [(row["text"], row["count"], row["split"]) for row in new.iterate()] == [
        ("a", None, "test"),
        ("b", 2, "train"),
    ]

    class After(BaseModel):
        text: str
        needed: int

    with pytest.raises(BadRows, match="row 1, needed: is missing") as caught:
        store.add(
            "v", Dataset(name="typed", row=After, load=list), [({"text": "c", "needed": 1}, None)], source="z", base=new
        )
    assert "--replace" in caught.value.remedy


def test_equal_rows_have_the_same_checksum_and_others_do_not(store):
    one, two, three = (
        store.add("v", dataset(), [({"text": text}, "train")], source="x", base=None) for text in ("a", "a", "b")
    )
    assert one.sha256 == two.sha256 != three.sha256


def test_an_unknown_version_suggests_the_nearest(store, intents):
    store.current("support", intents)
    with pytest.raises(NotFound, match=r"Data set support/intents has no version 'v11'\. Did you mean 'v1'"):
        store.get("support", intents, "v11")
    with pytest.raises(NotFound):
        store.get("support", intents, "../../etc")


def test_a_vertical_that_is_no_name_reaches_no_path(store, intents):
    with pytest.raises(BadInput, match="not a valid vertical name"):
        store.current("../outside", intents)


def test_rows_that_were_changed_behind_our_back_are_refused(store, intents):
    version = store.current("support", intents)
    path = version.path / "rows.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"rows\.parquet does not match its checksum"):
        version.read()
    path.unlink()
    with pytest.raises(Damaged):
        version.read()


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", json.dumps({"rows": 1, "created": "never"})])
def test_a_broken_manifest_is_named(store, intents, content):
    version = store.current("support", intents)
    (version.path / "manifest.json").write_text(content)
    with pytest.raises(Damaged, match=r"v1/manifest\.json cannot be read"):
        store.list("support", intents)


def test_a_folder_that_cannot_be_written(tmp_path, intents):
    (tmp_path / "datasets").write_text("")
    with pytest.raises(StorageError):
        DatasetStore(tmp_path / "datasets").current("support", intents)
