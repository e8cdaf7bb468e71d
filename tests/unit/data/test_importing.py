"""Good files: every form, splits, real data, and the way back out."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from verticals import BadInput, Dataset
from verticals.contract import SPLITS
from verticals.data import DatasetStore, export_file, import_file

BANKING77 = Path(__file__).parents[3] / "../shared/data/banking77/train.csv"
ROWS = [{"text": "Hello, you", "intent": "greeting"}, {"text": 'Say "bye"\nnow', "intent": "farewell"}]


class Rich(BaseModel):
    text: str
    note: str = ""
    count: int | None = None
    share: float = 0.0
    flag: bool = False
    tags: list[str] = []
    at: datetime | None = None
    extra: int | str | dict[str, int] | None = None


RICH = Dataset(name="rich", row=Rich, load=list)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.text(
    ",\t\"'\r\n;\\ \ufeff\u2028\x85", max_size=6
)
RICH_ROWS = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {"text": TEXT},
            optional={
                "note": TEXT,
                "count": st.none() | st.integers(-(2**63), 2**63 - 1),
                "share": st.floats(),
                "flag": st.booleans(),
                "tags": st.lists(TEXT, max_size=3),
                "at": st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC)),
                "extra": st.none() | st.integers() | TEXT | st.dictionaries(TEXT, st.integers(), max_size=2),
            },
        ),
        st.sampled_from(SPLITS),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet"])
@settings(max_examples=25, deadline=None)
@given(rows=RICH_ROWS)
def test_an_export_reads_back_to_the_same_rows(kind, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    store = DatasetStore(folder / "datasets")
    version = store.add("v", RICH, rows, source="test", base=None)
    path = folder / f"rows.{kind}"
    export_file(version, path)
    again = import_file(store, "v", RICH, path, replace=True).version
    assert repr(again.read()) == repr(version.read())
    assert again.sha256 == version.sha256


def write_as(folder: Path, kind: str) -> Path:
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif kind == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n\n" for row in ROWS))
    elif kind == "json":
        path.write_text(json.dumps(ROWS, indent=2))
    else:
        separator = "," if kind == "csv" else "\t"
        path.write_text(
            f'text{separator}intent\n"Hello, you"{separator}greeting\n"Say ""bye""\nnow"{separator}farewell'
        )
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_every_form_gives_the_same_rows(importing, tmp_path, kind):
    report = importing.run(write_as(tmp_path, kind), replace=True)
    assert [{k: row[k] for k in ("text", "intent")} for row in report.version.iterate()] == ROWS
    assert (report.added, report.skipped, report.base) == (2, (), None)
    assert report.version.source == f"rows.{kind}"


def test_an_extension_in_capitals_is_fine(importing, write):
    assert importing.run(write("ROWS.CSV", "text,intent\nHello,a\n")).added == 1


def test_rows_are_added_to_those_there_are(importing, write, store, intents):
    report = importing.run(write("a.csv", "text,intent\nHello,a\n"))
    assert report.base == store.get("support", intents, "v1")
    assert report.base.source == "starter"
    assert (report.version.version, report.version.rows, report.added) == ("v2", 3, 1)
    assert report.quality.rows == 3


def test_columns_can_be_mapped_and_the_mapped_one_wins(importing, write):
    path = write("a.csv", "text,intent,category,part\nHello,ignored,greeting,test\n")
    report = importing.run(path, columns={"category": "intent", "part": "split"}, replace=True)
    assert report.version.read() == [{"text": "Hello", "intent": "greeting", "split": "test"}]


def test_white_space_around_column_names_does_not_matter(importing, write):
    assert importing.run(write("a.csv", "text, intent \nHello,a\n")).added == 1


def test_one_split_can_be_given_to_the_whole_file(importing, write):
    rows = "".join(f"row {number},a,test\n" for number in range(50))
    report = importing.run(write("a.csv", "text,intent,split\n" + rows), split="train", replace=True)
    assert report.version.splits == {"train": 50, "validation": 0, "test": 0}


def test_texts_that_are_put_into_two_splits_are_shown_as_leaks(importing, write):
    path = write("a.csv", "text,intent,split\nHello,a,train\nhello ,a,test\nBye,b,\n")
    report = importing.run(path, replace=True, labels={"intent": ()})
    assert (report.quality.leaks.count, report.quality.leaks.examples) == (1, ("Hello",))
    assert any("more than one split" in warning for warning in report.quality.warnings)


def test_nanoseconds_of_a_parquet_file_become_microseconds(tmp_path, store):
    at = pyarrow.array([1_772_366_400_000_000_001], pyarrow.timestamp("ns", "UTC"))
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "at": at}), tmp_path / "a.parquet")
    report = import_file(store, "v", RICH, tmp_path / "a.parquet", replace=True)
    assert report.version.read()[0]["at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_text_in_json_that_looks_like_a_number_stays_a_text(importing, write, store):
    report = import_file(store, "v", RICH, write("a.jsonl", '{"text": "1", "extra": "2"}'), replace=True)
    assert (report.version.read()[0]["text"], report.version.read()[0]["extra"]) == ("1", "2")


def test_an_export_replaces_a_file_in_one_step_and_makes_its_folder(store, intents, tmp_path):
    version = store.current("support", intents)
    path = tmp_path / "new" / "rows.csv"
    for _ in range(2):
        export_file(version, path)
    assert path.read_bytes().startswith(b"text,intent,split\r\nHello there,greeting,")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"), [("rows.xlsx", "Use .csv"), ("rows", "Use .csv"), ("a.csv", "is a folder")]
)
def test_an_export_that_cannot_be(store, intents, tmp_path, name, message):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(BadInput, match=message):
        export_file(store.current("support", intents), tmp_path / name)


def test_banking77_is_imported(store, intents):
    if not BANKING77.exists():
        pytest.skip("../shared/data/banking77 is not here")
    report = import_file(
        store, "support", intents, BANKING77, columns={"category": "intent"}, labels={"intent": ()}, replace=True
    )
    assert report.added == report.version.rows == 10_003
    assert len(report.quality.labels["intent"]) == 77
    assert report.quality.leaks.count == 0
    assert abs(report.version.splits["train"] / 10_003 - 0.8) < 0.02


def test_the_room_loads_nothing_heavy():
    code = "import sys, verticals.data; print({'torch', 'pyarrow', 'charset_normalizer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
