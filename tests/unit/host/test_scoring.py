"""A file of inputs answered row by row: right, in order, told what is wrong, and on from where it stopped."""

import csv
import json
import resource

import pyarrow
import pyarrow.parquet
import pytest

from verticals.contract import BadInput, BadRows, Conflict, NotFound
from verticals.files import FileLock
from verticals.host import scoring


@pytest.fixture
def head(sarcasm, open_small_host, trained_home):
    return open_small_host(trained_home)["sarcasm"].head("sarcasm")


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(scoring, "_ROWS", 4)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(number):
    return [f"row {place}{' and more' * (place % 7)} “quoted”, with a comma" for place in range(number)]


def written(path, rows):
    """The rows as a file of the kind that its ending names."""
    kind = path.suffix
    if kind == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif kind == ".jsonl":
        path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif kind == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if kind == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_every_row_gets_its_answer_in_its_place(head, tmp_path, few_at_once, kind, ending):
    rows = [{"id": str(place), "text": text} for place, text in enumerate(texts(21))]
    source, out = written(tmp_path / f"asked.{kind}", rows), tmp_path / f"answers.{ending}"
    told = []
    scored = head.predict_file(source, out, progress=told.append)
    assert (scored.version, scored.rows, scored.before, scored.refused) == ("sarcasm/sarcasm@v1", 21, 0, 0)
    assert [(one.done, one.total) for one in told] == [(4, 21), (8, 21), (12, 21), (16, 21), (20, 21), (21, 21)]
    expected = head.predict([row["text"] for row in rows])
    if ending == "jsonl":
        found = lines_of(out)
        assert [line["input"] for line in found] == rows
    else:
        with out.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert [line["text"] for line in found] == [row["text"] for row in rows]
        own = ["id", "text"] if kind not in ("json", "jsonl") else ["text"]
        assert list(found[0]) == [*own, "label", "confidence", "abstained", "version", "error"]
    assert [line["label"] for line in found] == [one.label for one in expected]
    assert [float(line["confidence"]) for line in found] == pytest.approx(
        [one.confidence for one in expected], abs=1e-5
    )
    assert sorted(path.name for path in tmp_path.glob("a*")) == sorted([source.name, out.name]), "nothing is left over"


def test_bare_texts_and_other_column_names(head, tmp_path):
    source = tmp_path / "asked.jsonl"
    source.write_text('"Sunny"\n{"text": "Rainy", "id": 7}\n', encoding="utf-8")
    head.predict_file(source, tmp_path / "answers.jsonl")
    assert [line["input"] for line in lines_of(tmp_path / "answers.jsonl")] == [
        {"text": "Sunny"}, {"text": "Rainy", "id": 7},
    ]  # fmt: skip
    source = written(tmp_path / "mails.csv", [{"subject": "a", "body": "where is it"}])
    with pytest.raises(BadInput, match=r"no column 'text'; it has subject, body\. Name the column.*--map COLUMN=text"):
        head.predict_file(source, tmp_path / "mails.jsonl")
    head.predict_file(source, tmp_path / "mails.jsonl", columns={"body": "text"})
    assert lines_of(tmp_path / "mails.jsonl")[0]["input"] == {"subject": "a", "text": "where is it"}


def test_a_column_called_like_an_answer_is_kept(head, tmp_path):
    source = written(tmp_path / "asked.csv", [{"text": "a", "label": "mine"}])
    head.predict_file(source, tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["label"] == "mine"
    assert row["predicted_label"] in ("sarcastic", "plain")


def test_a_row_that_cannot_be_answered_has_its_error_in_its_place(head, tmp_path, few_at_once):
    rows = [{"text": "" if place in (3, 5, 6) else text} for place, text in enumerate(texts(9))]
    for ending in ("jsonl", "csv"):
        out = tmp_path / f"answers.{ending}"
        assert head.predict_file(written(tmp_path / "asked.csv", [{"n": "1", **row} for row in rows]), out).refused == 3
    found = lines_of(tmp_path / "answers.jsonl")
    assert [place for place, line in enumerate(found) if "error" in line] == [3, 5, 6]
    assert found[3]["error"].startswith("'text' is empty")
    with out.open(encoding="utf-8", newline="") as file:
        assert [bool(row["error"]) for row in csv.DictReader(file)] == ["error" in line for line in found]


def test_bad_files_are_told_before_anything_is_computed(head, tmp_path, monkeypatch):
    monkeypatch.setattr(head, "answer", lambda *_: pytest.fail("something was computed"))
    source, out = tmp_path / "asked.jsonl", tmp_path / "answers.jsonl"
    source.write_text('{"txt": "x"}\nnot json\n3\n{"text": "good"}\n', encoding="utf-8")
    with pytest.raises(BadRows) as told:
        head.predict_file(source, out)
    assert [problem.row for problem in told.value.problems] == [1, 2, 3]
    for content, wanted in (
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"text\n", "no row"),
        (b"\xff\xfe\x00", "UTF-8"),
    ):
        path = tmp_path / ("asked.csv" if b"text" in content else "asked.jsonl")
        path.write_bytes(content)
        with pytest.raises(BadInput, match=wanted):
            head.predict_file(path, out)
    with pytest.raises(BadInput, match="there is no such file"):
        head.predict_file(tmp_path / "none.jsonl", out)
    with pytest.raises(BadInput, match=r"written as \.jsonl or \.csv"):
        head.predict_file(source, tmp_path / "answers.xlsx")
    with pytest.raises(NotFound):
        head.predict_file(written(source, [{"text": "a"}]), out, "v9")
    assert not out.exists()


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_stopped_call_goes_on_and_gives_what_one_would_have_given(head, tmp_path, few_at_once, monkeypatch, ending):
    source = written(tmp_path / "asked.csv", [{"text": text} for text in texts(30)])
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"answers.{ending}"
    head.predict_file(source, whole)

    def stop(progress):
        if progress.done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        head.predict_file(source, out, progress=stop)
    partial = tmp_path / f"answers.{ending}.partial"
    assert not out.exists()
    with partial.open("a") as file:
        file.write('{"torn": ')  # what was being written when the power went
    asked = []
    monkeypatch.setattr(
        head, "answer", lambda record, inputs, original=head.answer: asked.extend(inputs) or original(record, inputs)
    )
    scored = head.predict_file(source, out)
    assert (scored.before, scored.rows, len(asked)) == (12, 30, 18)
    assert out.read_bytes() == whole.read_bytes()


def test_another_file_or_version_or_a_lost_part_begins_anew(head, tmp_path, few_at_once):
    source, out = tmp_path / "asked.csv", tmp_path / "answers.jsonl"

    def stop(progress):
        raise KeyboardInterrupt

    def stopped():
        written(source, [{"text": text} for text in texts(10)])
        with pytest.raises(KeyboardInterrupt):
            head.predict_file(source, out, progress=stop)

    stopped()
    written(source, [{"text": text} for text in texts(11)])
    assert head.predict_file(source, out).before == 0
    stopped()
    (tmp_path / "answers.jsonl.partial").write_bytes(b"")
    assert head.predict_file(source, out).before == 0
    stopped()
    (tmp_path / "answers.jsonl.partial.json").write_text("{")
    assert head.predict_file(source, out).before == 0
    stopped()
    head.train()
    head.promote("v2")
    assert head.predict_file(source, out).before == 0
    assert {line["version"] for line in lines_of(out)} == {"sarcasm/sarcasm@v2"}


def test_two_processes_do_not_write_one_file(head, tmp_path):
    source = written(tmp_path / "asked.csv", [{"text": "a"}])
    lock = FileLock(tmp_path / "answers.jsonl.lock", "it")
    with lock, pytest.raises(Conflict, match=r"answers\.jsonl is in use by process"):
        head.predict_file(source, tmp_path / "answers.jsonl")


def test_memory_does_not_grow_with_the_file(head, tmp_path, monkeypatch):
    def answered(record, inputs):
        return [prediction] * len(inputs)

    prediction = head.predict("warm up")[0]
    monkeypatch.setattr(head, "answer", answered)

    def grown(rows):
        source = tmp_path / "asked.csv"
        with source.open("w", encoding="utf-8") as file:
            file.write("text\n")
            file.writelines(f"row {place} {'of much text' * 40}\n" for place in range(rows))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        head.predict_file(source, tmp_path / "answers.jsonl")
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    grown(2_000)
    assert grown(40_000) < 10, "20 MB of text were read and written"
