"""Each ugly file gives one message with file, row and remedy, and nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from verticals.contract import BadInput, BadRows, StorageError

GOOD = "text,intent\nHello,greeting\nBye,farewell\n"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
def test_an_empty_file(importing, write, name):
    message = importing.refused(write(name, ""))
    assert "row 1: the file is empty" in message
    assert "at least one row" in message


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_file_of_blank_lines(importing, write, name):
    message = importing.refused(write(name, "\n\n  \n" if name == "a.jsonl" else "\n\n\n"))
    assert "row 1" in message
    assert "at least one row" in message


def test_an_empty_json_list(importing, write):
    assert "row 1: the file has no rows" in importing.refused(write("a.json", "[]"))


def test_a_header_without_rows(importing, write):
    message = importing.refused(write("a.csv", "text,intent\r\n"))
    assert "row 1: there is a header but no row after it" in message
    assert "at least one row" in message


def test_a_parquet_file_without_rows(importing, write, tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": [], "intent": []}), tmp_path / "a.parquet")
    assert "columns but no row" in importing.refused(tmp_path / "a.parquet")


def test_a_missing_column_names_those_there_are_and_the_exact_option(importing, write):
    message = importing.refused(write("a.csv", "text,category\nHello,greeting\n"))
    assert "row 1: no column for the required field 'intent'; the columns are 'text', 'category'" in message
    assert "--map category=intent" in message


def test_a_misspelt_column_is_found_as_well(importing, write):
    assert "--map intents=intent" in importing.refused(write("a.csv", "text,intents,x\nHello,greeting,1\n"))


def test_two_missing_columns_give_two_options(importing, write):
    message = importing.refused(write("a.csv", "utterance,category\nHello,greeting\n"))
    assert "--map utterance=text --map category=intent" in message


def test_no_option_is_guessed_where_two_columns_would_do(importing, write):
    message = importing.refused(write("a.csv", "text,category,label\nHello,greeting,a\n"))
    assert "--map COLUMN=intent" in message


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_field_missing_in_all_json_rows_is_one_error(importing, write, name):
    rows = ['{"text": "Hello", "category": "greeting"}', '{"text": "Bye", "category": "farewell"}']
    content = "\n".join(rows) if name == "a.jsonl" else f"[{','.join(rows)}]"
    message = importing.refused(write(name, content))
    assert "no column for the required field 'intent'" in message
    assert "--map category=intent" in message


def test_a_field_missing_in_one_json_row_is_a_bad_row(importing, write):
    message = importing.refused(write("a.jsonl", '{"text": "Hello", "intent": "greeting"}\n{"text": "Bye"}\n'))
    assert "row 2, intent: is missing" in message
    assert "--skip-bad" in message


def test_a_file_with_another_separator(importing, write):
    message = importing.refused(write("a.csv", "text;intent\nHello;greeting\n"))
    assert "row 1" in message
    assert "separated by semicolons" in message


def test_an_option_that_maps_a_column_that_is_not_there(importing, write):
    message = importing.refused(write("a.csv", GOOD), columns={"categry": "intent"})
    assert "row 1: there is no column 'categry'" in message


def test_an_option_that_maps_to_a_field_that_is_not_there(importing, write, store, intents):
    with pytest.raises(BadInput, match=r"--map category=intnt: the rows have no field 'intnt'. Did you mean 'intent'"):
        importing.run(write("a.csv", GOOD), columns={"category": "intnt"})
    assert not store.folder.exists()


def test_two_columns_that_are_mapped_to_one_field(importing, write):
    with pytest.raises(BadInput, match="--map gives 'intent' the columns 'a' and 'b'"):
        importing.run(write("a.csv", "text,a,b\nHello,x,y\n"), columns={"a": "intent", "b": "intent"})


def test_a_column_that_is_there_twice(importing, write):
    message = importing.refused(write("a.csv", "text,intent,intent\nHello,a,b\n"))
    assert "row 1: the column 'intent' is there twice" in message


def test_an_unknown_column_is_fine(importing, write):
    report = importing.run(write("a.csv", "remark,text,intent\nx,Hello,greeting\n"), replace=True)
    assert report.version.read() == [
        {"text": "Hello", "intent": "greeting", "split": report.version.read()[0]["split"]}
    ]


def test_wrong_encoding_names_byte_row_and_option(importing, write):
    rows = ["text,intent", "Hello,greeting", *["Où est le café près de l'hôtel déjà réservé ?,délai"] * 20]
    content = "\n".join(rows).encode("cp1252")
    message = importing.refused(write("a.csv", content))
    assert f"row 3: byte 0xF9 at offset {content.index(0xF9)} is not UTF-8" in message
    assert 'It may be cp1252, then this row reads "Où est le café' in message
    assert "add --encoding cp1252" in message
    report = importing.run(write("a.csv", content), encoding="cp1252", replace=True)
    assert report.version.read()[1]["text"] == "Où est le café près de l'hôtel déjà réservé ?"


@pytest.mark.parametrize(
    ("encoding", "text", "suggested"),
    [
        ("cp1252", "Café", "cp1252"),
        ("cp1252", "¿Dónde está el paquete que pedí mañana?", "cp1252"),
        ("cp1252", "Ich möchte die Überweisung zurück", "cp1252"),
        ("cp1251", "Где моя посылка? Заказ не пришёл вовремя", "cp1251"),
        ("gb18030", "我的包裹在哪里？还没有收到。", "gb18030"),
        ("shift_jis", "荷物はどこですか。まだ届いていません。", "cp932"),
    ],
)
def test_the_suggested_encoding_reads_the_file(importing, write, encoding, text, suggested):
    path = write("a.csv", ("text,intent\nHello,greeting\n" + f"{text},x\n" * 5).encode(encoding))
    assert f"add --encoding {suggested}" in importing.refused(path)
    assert importing.run(path, encoding=suggested, replace=True).version.read()[1]["text"] == text


def test_wrong_encoding_far_into_a_file_with_long_lines(importing, write):
    content = b"text,intent\r\n" + b'"Hello\r\nyou",greeting\r\n' * 100_000 + "Été,x\r\n".encode("cp1252")
    message = importing.refused(write("a.csv", content))
    assert "row 200002: byte 0xC9" in message


def test_utf_16_is_recognised_by_its_mark(importing, write):
    content = GOOD.encode("utf-16")
    assert "try --encoding utf-16" in importing.refused(write("a.csv", content))
    assert importing.run(write("a.csv", content), encoding="utf-16").added == 2


def test_utf_16_without_mark(importing, write):
    message = importing.refused(write("a.csv", GOOD.encode("utf-16-le")))
    assert "row 1: the header contains NUL bytes" in message
    assert "--encoding utf-16-le" in message


def test_the_encoding_named_is_the_wrong_one(importing, write):
    message = importing.refused(write("a.csv", "text,intent\nCafé,x\n"), encoding="ascii")
    assert "row 2: byte 0xC3 at offset 15 is not ASCII" in message
    assert "--encoding" in message


@pytest.mark.parametrize("name", ["klingon", "base64"])
def test_an_encoding_that_does_not_exist(importing, write, store, name):
    with pytest.raises(BadInput, match=f"no text encoding '{name}'"):
        importing.run(write("a.csv", GOOD), encoding=name)
    assert not store.folder.exists()


def test_a_byte_order_mark_is_fine(importing, write):
    assert importing.run(write("a.csv", b"\xef\xbb\xbf" + GOOD.encode())).added == 2


def test_an_unknown_label_suggests_the_nearest(importing, write):
    path = write("a.csv", "text,intent\nHello,greting\n")
    message = importing.refused(path, labels={"intent": ["greeting", "farewell"]})
    assert "row 2, intent: is not a known label; did you mean 'greeting'? (got 'greting')" in message


def test_an_unknown_label_like_none_lists_some(importing, write):
    known = [f"label-{number}" for number in range(20)]
    message = importing.refused(write("a.csv", "text,intent\nHello,qqq\n"), labels={"intent": known})
    assert "known are label-0, label-1, label-2, label-3, label-4, label-5, label-6, label-7 and 12 more" in message


def test_an_empty_label_is_none_even_where_all_are_allowed(importing, write):
    message = importing.refused(write("a.csv", "text,intent\nHello,\n"), labels={"intent": ()})
    assert "row 2, intent: is empty" in message


def test_labels_of_a_field_that_a_head_computes_are_passed_over(importing, write):
    assert importing.run(write("a.csv", GOOD), labels={"computed": ["a"]}).added == 2


def test_a_cell_of_10_mb(importing, write):
    path = write("a.csv", f"text,intent\nHello,a\n{'x' * 10_000_000},b\n")
    message = importing.refused(path)
    assert "row 3, text: has 9.5 MiB; a cell may hold at most 1.0 MiB" in message
    assert len(message) < 500
    assert importing.run(path, skip_bad=True).added == 1
    assert importing.run(path, cell_limit=20 << 20, replace=True).added == 2


def test_the_limit_of_a_cell_is_exact_and_counts_bytes(importing, write):
    assert importing.run(write("a.csv", f"text,intent\n{'é' * 5},a\n"), cell_limit=10).added == 1
    assert "has 11 bytes" in importing.refused(write("a.csv", f"text,intent\n{'é' * 5}x,a\n"), cell_limit=10)


def test_duplicate_keys_within_a_file(importing, write, headlines):
    message = importing.refused(write("a.csv", "id,text\nh1,Up\nh2,Down\nh1,Again\n"), headlines)
    assert "row 4, id: repeats the key of row 2 (got 'h1')" in message
    assert "--skip-bad" in message


def test_duplicate_keys_against_the_rows_there_are(importing, write, headlines):
    importing.run(write("a.csv", "id,text\nh1,Up\n"), headlines)
    message = importing.refused(write("b.csv", "id,text\nh2,Down\nh1,Up\n"), headlines)
    assert "row 3, id: repeats the key of a row of the data set (v2) (got 'h1')" in message
    assert "--replace" in message
    assert importing.run(write("b.csv", "id,text\nh2,Down\nh1,Up\n"), headlines, replace=True).version.rows == 2


def test_nul_bytes(importing, write):
    message = importing.refused(write("a.csv", b"text,intent\nHel\0lo,greeting\n"))
    assert "row 2, text: contains a NUL byte; remove it" in message
    assert "row 1, text: contains a NUL" in importing.refused(write("a.jsonl", r'{"text": "\u0000", "intent": "a"}'))


def test_half_a_surrogate_pair(importing, write):
    message = importing.refused(write("a.jsonl", r'{"text": "\ud83d", "intent": "a"}'))
    assert "row 1, text: contains half of a surrogate pair" in message


def test_ragged_rows_are_numbered_as_an_editor_does(importing, write):
    content = 'text,intent\n"two\nlines",a\n\nHello, you,greeting\nBye\n'
    message = importing.refused(write("a.csv", content))
    assert "row 5: has 3 cells where the header has 2; put a cell that contains a comma in double quotes" in message
    assert "row 6: has 1 cells where the header has 2" in message


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_rows_are_counted_with_any_line_end(importing, write, line_end):
    message = importing.refused(write("a.csv", line_end.join(["text,intent", '"a', 'b",x', "c,d", "bad", ""])))
    assert "row 5: has 1 cells" in message


def test_a_quote_that_is_never_closed(importing, write):
    message = importing.refused(write("a.csv", 'text,intent\nHello,a\n"Bye,b\nOnce,c\n'))
    assert "row 3: a double quote opens a cell here and is never closed" in message


def test_text_after_a_closing_quote(importing, write):
    message = importing.refused(write("a.csv", 'text,intent\n"Say "hi" now",a\nBye,b\n'))
    assert "row 2: text follows the closing double quote" in message


def test_bad_json_lines(importing, write):
    path = write("a.jsonl", '{"text": "Hello", "intent": "a"}\n{"text": \n[1]\n"x"\n3\n' + "[" * 100_000 + "\n")
    message = importing.refused(path)
    assert "row 2: is not JSON: Expecting value at column" in message
    assert "row 3: is a list instead of an object" in message
    assert "row 4: is text instead of an object" in message
    assert "row 5: is a number instead of an object" in message
    assert "row 6: cannot be read as JSON" in message
    assert "5 problems" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"text": "a",\n oops}]', "row 2, column 2: not JSON"),
        ('{"text": "a"}', "row 1: the file holds an object instead of a list"),
        ("[" * 100_000, "cannot be read as JSON"),
        (f"[{'9' * 5000}]", "cannot be read as JSON"),
    ],
)
def test_bad_json(importing, write, content, expected):
    message = importing.refused(write("a.json", content))
    assert expected in message
    assert "Write a list of objects" in message


@pytest.mark.parametrize("content", [b"no Parquet at all", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_broken_parquet_file(importing, write, content):
    assert "not a whole Parquet file" in importing.refused(write("a.parquet", content))


def test_a_parquet_file_with_broken_pages(importing, tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": [f"t{n}" for n in range(5000)], "intent": ["a"] * 5000}), path)
    content = bytearray(path.read_bytes())
    content[20:4000] = os.urandom(3980)
    path.write_bytes(content)
    assert "row 1 or one after it cannot be read" in importing.refused(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"PK\x03\x04 and so on", "Excel workbook"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"PAR1....", "a Parquet file"),
    ],
)
def test_a_file_whose_name_lies(importing, write, content, expected):
    assert expected in importing.refused(write("a.csv", content))


def test_an_unknown_extension(importing, write):
    message = importing.refused(write("a.xlsx", "x"))
    assert "'.xlsx' cannot be read" in message
    assert ".csv, .tsv, .jsonl, .json, .parquet" in message


def test_no_such_file_suggests_the_nearest(importing, write, tmp_path):
    write("train.csv", GOOD)
    message = importing.refused(tmp_path / "trian.csv")
    assert "there is no such file" in message
    assert "train.csv'?" in message
    assert "there is no such file" in importing.refused(tmp_path / "nowhere" / "a.csv")


def test_a_folder_or_a_pipe_is_no_file(importing, tmp_path):
    (tmp_path / "a.csv").mkdir()
    assert "is a folder" in importing.refused(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "b.csv")
    assert "is not a regular file" in importing.refused(tmp_path / "b.csv")


def test_a_file_that_may_not_be_read(importing, write, tmp_path):
    path = write("a.csv", GOOD)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(BadInput, match=r"a\.csv cannot be read: permission denied. Check its owner"):
            importing.run(path)
    finally:
        os.seteuid(user)


def test_an_unknown_split_option(importing, write):
    with pytest.raises(BadInput, match=r"no split 'tset'\. Did you mean 'test'"):
        importing.run(write("a.csv", GOOD), split="tset")


def test_an_unknown_split_in_a_row(importing, write):
    message = importing.refused(write("a.csv", "text,intent,split\nHello,a,dev\n"))
    assert "row 2, split: must be train, validation or test; did you mean 'validation'? (got 'dev')" in message


def test_all_bad_rows_are_reported_together_and_the_message_stays_short(importing, write):
    path = write("a.csv", "text,intent\n" + "Hello\n" * 500)
    message = importing.refused(path)
    assert "500 problems; nothing was imported" in message
    assert "… and 480 more" in message
    assert len(message.splitlines()) < 25
    with pytest.raises(BadRows) as caught:
        importing.run(path)
    assert [problem.row for problem in caught.value.problems] == list(range(2, 502))


def test_skip_bad_imports_the_others_and_lists_what_it_left_out(importing, write):
    report = importing.run(write("a.csv", "text,intent\nHello,a\nragged\nBye,b\n"), skip_bad=True, replace=True)
    assert report.added == report.version.rows == 2
    assert [str(problem) for problem in report.skipped] == ["row 3: has 1 cells where the header has 2"]


def test_skip_bad_of_nothing_but_bad_rows_is_an_error(importing, write):
    assert "Not one row of it is good" in importing.refused(write("a.csv", "text,intent\nragged\n"), skip_bad=True)


def test_a_mapped_field_is_shown_with_its_column(importing, write):
    path = write("a.csv", "text,category\nHello,qqq\n")
    message = importing.refused(path, columns={"category": "intent"}, labels={"intent": ["a"]})
    assert "row 2, intent (column category): is not a known label" in message


def test_a_column_of_texts_mapped_to_labels_by_mistake_is_refused_quickly(importing, write):
    known = [f"some_label_number_{number}" for number in range(80)]
    rows = "".join(f"a text of some length with number {number},x\n" for number in range(5_000))
    message = importing.refused(write("a.csv", "intent,text\n" + rows), labels={"intent": known})
    assert "5000 problems" in message


def test_a_home_that_cannot_be_written(importing, write, store):
    store.folder.write_text("a file stands where the folder should be")
    with pytest.raises(StorageError):
        importing.run(write("a.csv", GOOD))
    assert store.folder.is_file()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 256 KiB, where the machine lets us have one."""
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_leaves_the_old_version_and_nothing_else(small_disk, write, intents):
    from verticals.data import DatasetStore, import_file

    store = DatasetStore(small_disk)
    first = store.current("support", intents)
    path = write("a.jsonl", "".join(f'{{"text": "{os.urandom(2000).hex()}", "intent": "a"}}\n' for _ in range(400)))
    with pytest.raises(StorageError, match="full"):
        import_file(store, "support", intents, path)
    assert store.list("support", intents) == [first]
    assert first.read()
    assert not list(small_disk.rglob(".new-*"))
