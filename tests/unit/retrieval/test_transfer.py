"""Documents as files and as lines that come in."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals import BadInput, Document, StorageError
from verticals.contract import BadRows
from verticals.retrieval import Changes, LineLoader, export_file, json_line, load_file, loading, transfer
from verticals.retrieval.transfer import read_file

UGLY = [
    Document(
        "a/b c",
        'Two\nlines, "quotes" and\ttabs\r\n',
        "Title",
        "x/y.md",
        {"n": 1, "list": [1, None, "é"], "o": {"p": {}}},
    ),
    Document("Ünï", "\u2028 line separator, \x00 nothing, 🎉", metadata={"": ""}),
    Document("空", ""),
]


class Memory:
    """An index as far as loading goes."""

    def __init__(self):
        self.documents, self.batches = {}, []

    def upsert(self, documents):
        self.batches.append([one.id for one in documents])
        new = {one.id: one for one in documents}
        added = [name for name in new if name not in self.documents]
        unchanged = [name for name in new if self.documents.get(name) == new[name]]
        self.documents |= new
        return Changes(len(added), len(new) - len(added) - len(unchanged), len(unchanged))


@pytest.fixture
def memory():
    return Memory()


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet", "X.JSONL"])
def test_what_was_written_is_read_back(tmp_path, name):
    path = tmp_path / "new" / name
    assert export_file(iter(UGLY), path) == 3
    assert list(read_file(path)) == UGLY
    assert [one.name for one in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_an_index_without_documents_is_a_file_without_rows(tmp_path, ending, memory):
    path = tmp_path / f"none{ending}"
    assert export_file([], path) == 0
    with pytest.raises(BadInput, match=r"no row|is empty"):
        load_file(path, memory.upsert)


def test_a_large_parquet_file_is_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_ROWS_AT_ONCE", 10)
    documents = [Document(f"{n:03}", "x" * n) for n in range(25)]
    path = tmp_path / "x.parquet"
    export_file(iter(documents), path)
    assert pa.parquet.ParquetFile(path).num_row_groups == 3
    assert list(read_file(path)) == documents


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"older")

    def broken():
        yield UGLY[0]
        raise StorageError("The disk is gone.")

    with pytest.raises(StorageError):
        export_file(broken(), path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["x.csv", "x", "x.jsonl.gz", "x.json"])
def test_other_endings_are_refused(tmp_path, name, memory):
    for act in (lambda: export_file(UGLY, tmp_path / name), lambda: load_file(tmp_path / name, memory.upsert)):
        with pytest.raises(BadInput, match="hold no documents"):
            act()


def test_a_parquet_file_of_another_program_may_hold_metadata_as_a_structure(tmp_path):
    path = tmp_path / "x.parquet"
    rows = [
        {"id": "a", "text": "x", "metadata": {"topic": "t", "year": None}},
        {"id": "b", "text": "y", "metadata": None},
    ]
    pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    assert [one.metadata for one in read_file(path)] == [{"topic": "t", "year": None}, {}]


def test_values_of_other_types_are_named_row_by_row(tmp_path, memory):
    path = tmp_path / "x.parquet"
    table = pa.table({"id": [1, 2], "text": ["x", None], "metadata": ["{}", "no json"]})
    pa.parquet.write_table(table, path)
    with pytest.raises(BadRows) as caught:
        load_file(path, memory.upsert)
    told = [(one.row, one.field, one.problem) for one in caught.value.problems]
    assert told == [(1, "id", "is not a text"), (2, "id", "is not a text"), (2, "text", "is missing"),
                    (2, "metadata", "is not a JSON object")]  # fmt: skip


def test_a_file_is_stored_only_if_all_of_it_is_good(tmp_path, memory):
    path = tmp_path / "x.jsonl"
    path.write_text(json_line(UGLY[0]) + '{"id": "", "text": "x"}\n{"id": "n", "text": "x", "metadata": {"a": NaN}}\n')
    with pytest.raises(BadRows, match="row 2, id: is empty\n  row 3, metadata: is not JSON"):
        load_file(path, memory.upsert)
    assert memory.batches == []


def test_reading_ends_after_a_thousand_bad_rows(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(loading, "MOST_PROBLEMS", 10)
    path = tmp_path / "x.jsonl"
    path.write_text("no\n" * 500)
    with pytest.raises(BadRows, match="reading ended at row 10") as caught:
        load_file(path, memory.upsert)
    assert len(caught.value.problems) == 10


def test_giant_lines_are_bad_rows_and_are_never_held(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(transfer, "LONGEST_LINE", 1000)
    path = tmp_path / "x.jsonl"
    fits = json.dumps({"id": "a", "text": ""})
    fits = json.dumps({"id": "a", "text": "x" * (1000 - len(fits))})
    path.write_text(f"{fits}\n{'y' * 5000}\n{fits}\r\n{'z' * 1001}")
    with pytest.raises(BadRows) as caught:
        load_file(path, memory.upsert)
    assert [(one.row, one.problem) for one in caught.value.problems] == [
        (2, "has more than 1,000 characters"), (4, "has more than 1,000 characters"),
    ]  # fmt: skip


def test_loading_tells_how_far_it_is_and_what_it_did(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 4)
    path, told = tmp_path / "x.jsonl", []
    export_file([Document(f"{n}", "x") for n in range(10)], path)
    memory.upsert([Document(f"{n}", "x") for n in range(4)])
    loaded = load_file(path, memory.upsert, progress=told.append)
    assert (loaded.rows, loaded.added, loaded.updated, loaded.unchanged, loaded.repeated) == (10, 6, 0, 4, 0)
    assert [(one.done, one.total) for one in told] == [(4, 10), (8, 10), (10, 10)]
    assert told[0].rate == 0, "what was there already says nothing about the time that is left"
    assert told[1].seconds_left > 0


def test_of_rows_with_one_id_the_last_counts_and_they_are_counted(tmp_path, memory):
    path = tmp_path / "x.jsonl"
    export_file([Document("a", "1"), Document("b", "1"), Document("a", "2"), Document("a", "3")], path)
    assert load_file(path, memory.upsert).repeated == 2
    assert memory.documents["a"].text == "3"


def test_what_is_stored_is_told_when_a_batch_cannot_be(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 4)
    path = tmp_path / "x.jsonl"
    export_file([Document(f"{n}", "x") for n in range(10)], path)

    def upsert(documents):
        if len(memory.documents) == 8:
            raise StorageError("The disk is full.", "Free some space.")
        return memory.upsert(documents)

    with pytest.raises(
        StorageError, match=r"The disk is full\. 8 documents are stored \(8 added, .*\)\. Free some space"
    ):
        load_file(path, upsert)


@given(st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_lines_are_the_same_however_they_are_cut(sizes, ended):
    memory = Memory()
    body = "\n".join(json_line(one).rstrip("\n") for one in UGLY).encode() + (b"\n" if ended else b"")
    loader = LineLoader(memory.upsert)
    for size in sizes:
        loader.take(body[:size])
        body = body[size:]
    loader.take(body)
    loaded = loader.end()
    assert (loaded.rows, loaded.added, loaded.problems) == (3, 3, [])
    assert list(memory.documents.values()) == UGLY


def test_a_loader_holds_one_batch(memory, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 3)
    monkeypatch.setattr(loading, "BATCH_CHARACTERS", 100)
    loader = LineLoader(memory.upsert)
    for length in (1, 1, 1, 1, 200, 1):
        loader.take(
            json_line(Document(f"{len(memory.documents)}-{length}-{loader.loaded.rows}", "x" * length)).encode()
        )
    assert [len(batch) for batch in memory.batches] == [3, 2]
    loader.end()
    assert [len(batch) for batch in memory.batches] == [3, 2, 1]


def test_a_line_without_an_end_is_not_held_beyond_the_limit(memory, monkeypatch):
    monkeypatch.setattr(loading, "LONGEST_LINE", 1000)
    loader = LineLoader(memory.upsert)
    for _ in range(50):
        loader.take(b"x" * 400)
        assert len(loader._rest) <= 1400
    loader.take(b'\n{"id": "a", "text": "x"}')
    loaded = loader.end()
    assert [(one.row, one.problem) for one in loaded.problems] == [(1, "has more than 1,000 bytes")]
    assert (loaded.rows, loaded.added) == (2, 1)


@pytest.mark.parametrize("written", ["NaN", "-Infinity", "1" + "0" * 5000], ids=["nan", "infinite", "huge"])
def test_numbers_that_no_metadata_can_have_are_refused(memory, written):
    loader = LineLoader(memory.upsert)
    loader.take(f'{{"id": "a", "text": "x", "metadata": {{"n": {written}}}}}\n'.encode())
    assert loader.end().bad == 1


def test_deep_nesting_is_a_bad_line(memory):
    loader = LineLoader(memory.upsert)
    loader.take(b'{"id": "a", "text": "x", "metadata": ' + b'{"a":' * 100_000 + b"\n")
    assert "cannot be read as JSON" in loader.end().problems[0].problem
