"""Data, training, predictions, versions, search and events through the command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verticals.host import Host

pytestmark = pytest.mark.usefixtures("forked")

FILE = "text,feeling\n" + "".join(f"Bright sky {n},glad\nDark cloud {n},sad\n" for n in range(15))


@pytest.fixture
def remarks(tmp_path: Path) -> Path:
    """A file whose label column has another name than the field."""
    path = tmp_path / "remarks.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_import_list_show_and_export(platform, remarks: Path, tmp_path: Path) -> None:
    ran = platform(
        "data", "import", "weather/remarks", remarks, "--map", "feeling=mood", "--split", "train", "--replace"
    )
    assert ran.code == 0, ran.err
    assert "Imported 30 rows into weather/remarks v" in ran.out
    assert "platform train weather/mood" in ran.out
    assert "weather/remarks" in platform("data", "list").out
    shown = json.loads(platform("data", "show", "weather", "--json").out)
    assert shown["splits"]["train"] == 30
    assert platform("data", "export", "weather", tmp_path / "out.jsonl").code == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 30
    assert len(platform("data", "export", "weather", "-").out.splitlines()) == 30


def test_the_only_data_set_need_not_be_named_and_is_said(platform) -> None:
    ran = platform("data", "show", "weather")
    assert ran.err.startswith("Taken: weather/remarks, its only data set.")


def test_a_missing_column_is_refused_and_nothing_is_imported(platform, remarks: Path) -> None:
    ran = platform("data", "import", "weather", remarks)
    assert ran.code == 2
    assert "mood" in ran.err
    assert "Traceback" not in ran.err
    assert json.loads(platform("data", "list", "--json").out)[0]["source"] == "starter"


def test_bad_rows_are_reported_together_and_can_be_skipped(platform, remarks: Path) -> None:
    remarks.write_text(FILE + "Grey\n" + "Bright sky 99,glad,too much\n")
    command = ("data", "import", "weather", remarks, "--map", "feeling=mood", "--replace")
    refused = platform(*command)
    assert refused.code == 2
    assert "row 32" in refused.err
    assert "row 33" in refused.err
    skipped = platform(*command, "--skip-bad")
    assert skipped.code == 0
    assert "Imported 30 rows" in skipped.out
    assert skipped.err.count("skipped row") == 2


NOTICES = """
from verticals import Notice

@hookimpl
def notices(vertical):
    live = vertical.head("mood").live
    if live and live.version == "v2":
        yield Notice("v2 was not measured.", "Run: platform evaluate weather")
"""


def test_train_evaluate_predict_promote_and_roll_back(platform, plugins_dir: Path, tmp_path: Path) -> None:
    with (plugins_dir / "weather.py").open("a", encoding="utf-8") as plugin:
        plugin.write(NOTICES)
    first = platform("train", "weather", "--method", "head", "--set", "batch_size=16", "--seed", "3")
    assert first.code == 0, first.err
    assert "weather/mood@v1 is live, being the first version." in first.out
    assert "accuracy" in first.out

    second = platform("train", "weather/mood", "--method", "head", "--json")
    assert json.loads(second.out)["stage"] == "candidate"
    third = platform("train", "weather/mood", "--method", "head")
    assert "v1 (live before)" in third.out
    assert "platform models promote weather/mood v3" in third.out

    assert "weather/mood@v1 on" in platform("evaluate", "weather").out
    assert json.loads(platform("evaluate", "weather@v2", "--json").out)["reference"] == "weather/mood@v2"

    one = platform("predict", "weather", "What a lovely sunny morning")
    assert one.code == 0
    assert one.err.endswith("Answered by weather/mood@v1.\n")
    asked = tmp_path / "asked.jsonl"
    asked.write_text('"Sunny"\n\n{"text": "Rainy", "id": 7}\n')
    assert platform("predict", "weather@v2", "--file", asked, "--out", tmp_path / "answers.jsonl").code == 0
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [answer["input"] for answer in answers] == [{"text": "Sunny"}, {"text": "Rainy", "id": 7}]
    assert {answer["version"] for answer in answers} == {"weather/mood@v2"}

    assert platform("models", "promote", "weather").code == 2
    promoted = platform("models", "promote", "weather/mood", "v2")
    assert "weather/mood@v2 is live; v1 is retired." in promoted.out
    assert promoted.err.strip() == "Warning: v2 was not measured. Run: platform evaluate weather"
    found = {one["part"]: one for one in json.loads(platform("doctor", "--json").out)}
    assert found["weather"]["state"] == "warning"
    assert found["weather"]["remedy"] == "Run: platform evaluate weather"
    rolled_back = platform("models", "rollback", "weather")
    assert "weather/mood@v1 is live; v2 is retired." in rolled_back.out
    assert "Warning" not in rolled_back.err
    (promotion, *_) = [
        json.loads(line) for line in platform("events", "tail", "weather", "--last", "2", "--json").out.splitlines()
    ]
    assert promotion["payload"] == {"head": "mood", "version": "v2", "previous": "v1", "change": "promotion", "why": ""}
    shown = json.loads(platform("models", "show", "weather", "--json").out)
    assert shown["reference"] == "weather/mood@v1"
    assert [entry["version"] for entry in shown["history"]][-1] == "v1" or shown["history"][0]["version"] == "v1"
    stages = {entry["version"]: entry["stage"] for entry in json.loads(platform("models", "list", "--json").out)}
    assert stages["v1"] == "live"
    assert platform("models", "show", "weather@v9").code == 3


def test_bad_lines_of_a_file_are_reported_together(platform, tmp_path: Path) -> None:
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"txt": "x"}\nnot json\n3\n')
    ran = platform("predict", "weather", "--file", asked)
    assert ran.code == 2
    assert all(f"row {number}" in ran.err for number in (1, 2, 3))
    asked.write_text("")
    assert "is empty" in platform("predict", "weather", "--file", asked).err
    assert platform("predict", "weather", "--file", tmp_path / "none.jsonl").code == 2
    assert platform("predict", "weather", "x", "--out", tmp_path / "out.csv").code == 2
    assert platform("predict", "weather").code == 2


def test_a_recipe_that_cannot_be_is_refused(platform) -> None:
    assert "Did you mean 'epochs'?" in platform("train", "weather", "--set", "epoch=3").err
    assert platform("train", "weather", "--epochs", "many").code == 2
    assert platform("train", "weather", "--set", "epochs").code == 2
    assert platform("train", "weather", "--resume").code == 2
    assert platform("train").code == 2


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_can_be_resumed(platform, tmp_path: Path) -> None:
    changes = ["--method", "lora", "--epochs", "10", "--set", "patience=0", "--set", "batch_size=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "verticals", "train", "weather/mood", *changes],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("training"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    told = re.search(r"platform (train weather/mood --resume \S+)", err)
    with Host.open() as host:
        (run,) = host.store.runs.list("weather", "mood")
    assert run.status == "interrupted"
    assert told
    assert told[1].endswith(run.id)
    resumed = platform("train", "--resume", "weather/mood")
    assert resumed.code == 0, resumed.err
    assert "weather/mood@v1 is live" in resumed.out
    with Host.open() as host:
        assert [run.status for run in host.store.runs.list("weather", "mood")] == ["finished"]


def test_index_build_and_search(platform) -> None:
    built = json.loads(platform("index", "build", "weather", "--json").out)
    assert built["documents"] == 2
    found = platform("index", "search", "weather", "umbrella", "--mode", "lexical")
    assert found.out.splitlines()[1].split()[:2] == ["1", "umbrella"]
    only = json.loads(platform("index", "search", "weather", "umbrella", "--where", "topic=sun", "--json").out)
    assert {hit["document"]["id"] for hit in only} <= {"hat"}


def test_events_tail(platform) -> None:
    with Host.open() as host:
        for number in range(5):
            host["weather"].events.append("reply" if number % 2 else "remark", {"number": number})
    shown = platform("events", "tail", "weather", "--last", "2", "--json").out.splitlines()
    assert [json.loads(line)["offset"] for line in shown] == [4, 5]
    shown = platform("events", "tail", "weather", "--kind", "remark", "--last", "2", "--json").out.splitlines()
    assert [json.loads(line)["payload"]["number"] for line in shown] == [2, 4]
    shown = platform("events", "tail", "weather", "--after", "3").out.splitlines()
    assert len(shown) == 2
    assert platform("events", "tail", "weather", "--last", "0").out == ""


def test_a_port_in_use_is_said(platform, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = platform("run", "weather", "--port", str(taken.getsockname()[1]))
    assert ran.code == 4
    assert "is in use" in ran.err


def test_run_without_a_name_says_what_there_is(platform) -> None:
    ran = platform("run")
    assert ran.code == 2
    assert "weather" in ran.err
    assert platform("run", "wether").code == 3
