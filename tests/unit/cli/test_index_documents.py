"""The documents of an index on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from verticals.host import Host

MANY = """
import json, os, signal, sys
from verticals.host.indexes import IndexHandle

own, calls = IndexHandle.upsert, 0

def upsert(self, documents):
    global calls
    changes = own(self, documents)
    calls += 1
    if calls == 3:  # the first one stores nothing, and is a look whether it may
        os.kill(os.getpid(), signal.SIGKILL)
    return changes

IndexHandle.upsert = upsert
from verticals.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def write(tmp_path: Path):
    """Writes JSON lines."""

    def make(*rows, name="rows.jsonl", encoding="utf-8"):
        path = tmp_path / name
        lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
        return path

    return make


def test_documents_are_listed_shown_counted_and_removed(platform) -> None:
    listed = platform("index", "list", "weather")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["id", "hat", "umbrella"]
    page = platform("index", "list", "weather/advice", "--limit", "1")
    assert "platform index list weather/advice --limit 1 --after hat" in page.out
    rest = json.loads(platform("index", "list", "weather", "--after", "hat", "--json").out)
    assert [one["id"] for one in rest] == ["umbrella"]
    assert "no document behind 'z'" in platform("index", "list", "weather", "--after", "z").err

    shown = platform("index", "get", "weather/advice", "umbrella").out
    assert "Take an umbrella when it rains." in shown
    assert "topic" in shown
    assert json.loads(platform("index", "get", "weather", "hat", "--json").out)["metadata"] == {"topic": "sun"}
    assert platform("index", "count", "weather").out == "2\n"

    removed = platform("index", "delete", "weather/advice", "hat", "cap")
    assert (removed.code, removed.out) == (0, "Removed 1 document from weather/advice.\n")
    assert "not there: cap" in removed.err
    assert json.loads(platform("index", "count", "weather", "--json").out)["documents"] == 1
    missing = platform("index", "delete", "weather/advice", "hat", "cap")
    assert missing.code == 3
    assert "'hat', 'cap'" in missing.err
    assert platform("index", "get", "weather", "Umbrella").code == 3
    assert platform("index", "delete", "weather").code == 2
    assert platform("index", "list", "weather/advise").code == 3


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_what_is_exported_is_loaded_again(platform, tmp_path: Path, ending: str) -> None:
    file = tmp_path / "out" / f"advice{ending}"
    exported = platform("index", "export", "weather/advice", file)
    assert exported.out == f"Wrote 2 documents of weather/advice to out/advice{ending}.\n"
    before = platform("index", "list", "weather", "--json").out
    platform("index", "delete", "weather", "hat", "umbrella")
    loaded = platform("index", "load", "weather/advice", file)
    assert loaded.code == 0, loaded.err
    assert "2 added, 0 updated, 0 unchanged" in loaded.out
    assert platform("index", "list", "weather", "--json").out == before
    again = json.loads(platform("index", "load", "weather/advice", file, "--json").out)
    assert (again["unchanged"], again["rows"]) == (2, 2)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_an_export_to_standard_output_is_json_lines(platform) -> None:
    lines = platform("index", "export", "weather", "-").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["hat", "umbrella"]


def test_an_export_that_fails_leaves_the_older_file(platform, tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "advice.jsonl"
    file.write_text("older")
    from verticals.host.indexes import IndexHandle

    def broken(self, after=""):
        yield from self.documents(after, 1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexHandle, "every", broken)
    ran = platform("index", "export", "weather", file)
    assert (ran.code, "is full" in ran.err) == (6, True)
    assert file.read_text() == "older"
    assert not list(tmp_path.glob(".new-*"))
    assert platform("index", "export", "weather", tmp_path / "advice.csv").code == 2
    (tmp_path / "folder.jsonl").mkdir()
    assert "is a folder" in platform("index", "export", "weather", tmp_path / "folder.jsonl").err


def test_bad_rows_are_reported_together_and_nothing_is_loaded(platform, write) -> None:
    file = write(
        {"id": "scarf", "text": "Wear a scarf."}, "no json", {"text": "x"}, {"id": 3, "text": "x"}, "",
        {"id": "a", "text": None, "titel": "y"}, {"id": "b", "text": "x", "metadata": "y"}, "[]",
    )  # fmt: skip
    ran = platform("index", "load", "weather", file)
    assert ran.code == 2
    for told in ("7 problems; nothing was imported", "row 2: is not JSON", "row 3, id: is missing",
                 "row 4, id: is not a text (got '3')", "row 6, titel: is no field of a document: Did you mean 'title'?",
                 "row 6, text: is missing", "row 7, metadata: is not a JSON object", "row 8: is a list"):  # fmt: skip
        assert told in ran.err, (told, ran.err)
    assert platform("index", "count", "weather").out == "2\n"


def test_a_file_that_cannot_be_read_is_said(platform, tmp_path: Path, write) -> None:
    def told(file, *options):
        ran = platform("index", "load", "weather", file, *options)
        assert ran.code == 2, ran.err
        return ran.err

    assert "is empty" in told(write())
    assert "has no rows" in told(write("", " "))
    assert "no such file" in told(tmp_path / "rowz.jsonl")
    assert "Use .jsonl or .parquet" in told(tmp_path / "rows.csv")
    foreign = write({"id": "café", "text": "Über allen Gipfeln"}, encoding="cp1252")
    assert "row 1: byte 0xE9" in told(foreign)
    assert platform("index", "load", "weather", foreign, "--encoding", "cp1252").code == 0
    assert platform("index", "get", "weather", "café").code == 0
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    assert "not a whole Parquet file" in told(broken)


def test_columns_that_are_missing_or_too_many_are_one_error(platform, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pa.parquet.write_table(pa.table({"id": ["a"] * 9, "body": ["x"] * 9}), file)
    assert "has no column 'text'.\nIt has: id, body." in platform("index", "load", "weather", file).err
    pa.parquet.write_table(pa.table({"id": ["a"], "text": ["x"], "topic": ["y"]}), file)
    assert "columns that no document has: 'topic'" in platform("index", "load", "weather", file).err


def test_of_rows_with_one_id_the_last_counts(platform, write) -> None:
    file = write({"id": "a", "text": "first"}, {"id": "b", "text": "x"}, {"id": "a", "text": "last"})
    ran = platform("index", "load", "weather", file)
    assert "Note: 1 row with an id that comes again; the last of them counts." in ran.err
    assert json.loads(platform("index", "get", "weather", "a", "--json").out)["text"] == "last"


def test_a_load_while_another_process_writes_is_refused_before_the_file_is_read(platform, tmp_path: Path) -> None:
    with Host.open() as host:
        assert host["weather"].index("advice").count() == 2
        ran = platform("index", "load", "weather", tmp_path / "not there.jsonl")
        assert ran.code == 4, ran.err
        assert platform("index", "delete", "weather", "hat").code == 4
        assert platform("index", "count", "weather").out == "2\n"


def test_a_load_that_was_killed_goes_on(platform, tmp_path: Path, write) -> None:
    file = write(*({"id": f"n{n:04}", "text": f"remark {n}"} for n in range(1500)))
    platform("index", "build", "weather")
    killed = subprocess.run(
        [sys.executable, "-c", MANY, "index", "load", "weather", str(file)],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "loading: 512/1,500 documents" in killed.stderr
    loaded = json.loads(platform("index", "load", "weather", file, "--json").out)
    assert (loaded["added"], loaded["updated"], loaded["unchanged"]) == (476, 0, 1024)
    assert platform("index", "count", "weather").out == "1502\n"


def test_tenants_are_apart_listed_and_removed(platform, tmp_path):
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "zebra.txt").write_text("The zebra sleeps at noon.")
    assert (
        "Read 1 file into weather/advice of acme"
        in platform("index", "import", "weather/advice", "acme", "--tenant", "acme").out
    )
    assert platform("index", "count", "weather/advice", "--tenant", "acme").out == "3\n"
    assert platform("index", "count", "weather/advice").out == "2\n"
    assert "zebra" in platform("index", "search", "weather/advice", "zebra", "--tenant", "acme").out
    assert "zebra" not in platform("index", "search", "weather/advice", "zebra").out
    listed = platform("index", "list", "weather/advice", "--tenant", "acme", "--limit", "1")
    assert "platform index list weather/advice --tenant acme --limit 1 --after" in listed.out + listed.err
    assert json.loads(platform("index", "tenants", "weather/advice", "--json").out)["tenants"] == ["acme"]
    for command in (["count"], ["search", "zebra"], ["list"], ["export", "-"], ["remove-tenant"]):
        words = ["index", command[0], "weather/advice", *command[1:]]
        ran = platform(*words, *(["acne"] if command == ["remove-tenant"] else ["--tenant", "acne"]))
        assert (ran.code, "Did you mean 'acme'?" in ran.err) == (3, True), command
    assert platform("index", "count", "weather/advice", "--tenant", "../x").code == 2
    assert platform("index", "remove-tenant", "weather/advice", "acme").code != 0, "nobody said yes"
    assert platform("index", "remove-tenant", "weather/advice", "acme", "--yes").code == 0
    assert platform("index", "tenants", "weather/advice").out == ""
    assert platform("index", "count", "weather/advice").out == "2\n"


def test_keys_are_made_listed_and_revoked(platform):
    assert "the API is open" in platform("key", "list").err
    made = json.loads(platform("key", "create", "--tenant", "acme", "--note", "shop", "--json").out)
    assert made["key"].startswith(made["id"])
    assert made["key"] not in platform("key", "list", "--json").out
    assert "acme" in platform("key", "list").out
    assert platform("key", "revoke", "vk_nobody").code == 3
    assert "no longer holds" in platform("key", "revoke", made["id"]).out
    assert json.loads(platform("key", "list", "--json").out)[0]["revoked"]
    assert platform("key", "create", "--tenant", "A B").code == 2
