"""What a person sees who gives the command line something that cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verticals.cli.progress import ProgressDisplay
from verticals.host import Host

pytestmark = pytest.mark.usefixtures("forked")

PRICES = '''"""Prices of things."""
from pydantic import BaseModel
from verticals import Dataset, TaskHead, hookimpl


class Price(BaseModel):
    text: str
    price: float


def load():
    for number in range(20):
        yield Price(text=f"a thing of size {number}", price=float(number))


@hookimpl
def register_datasets():
    yield Dataset(name="things", row=Price, load=load)


@hookimpl
def register_heads():
    yield TaskHead(name="price", dataset="things", objective="score", target="price")
'''


@pytest.fixture
def write(tmp_path: Path):
    """Writes a CSV file of texts with what is said of them, and a split where one is given."""

    def make(rows, columns="text,mood,split"):
        path = tmp_path / "rows.csv"
        path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
        return path

    return make


def of_both_moods(count: int, split: str = "train"):
    return [(f"{'sun' if n % 2 else 'rain'} {split} {n}", "glad" if n % 2 else "sad", split) for n in range(count)]


def test_labels_in_several_spellings_are_told_at_import_in_the_report_and_in_training(platform, write) -> None:
    rows = [*of_both_moods(30), *of_both_moods(10, "validation"), *((f"fog {n}", "Sad ", "train") for n in range(7))]
    told = (
        "Note: mood: 'Sad ' (7 rows) and 'sad' (20 rows) are the same but for case or spaces, and count as different "
        "labels: write them alike"
    )
    imported = platform("data", "import", "weather", write(rows), "--replace")
    assert (imported.code, told in imported.err) == (0, True)
    assert told in platform("data", "show", "weather").out
    trained = platform("train", "weather", "--method", "head")
    assert (trained.code, told in trained.err) == (0, True)
    assert "UserWarning" not in trained.err


def test_single_rows_and_rows_in_two_splits_are_told_in_the_report_and_in_training(platform, write) -> None:
    rows = [
        *of_both_moods(30),
        *of_both_moods(10, "validation"),
        ("hail", "afraid", "train"),
        ("SUN  train 1", "glad", "test"),
    ]
    notes = [
        "Note: mood: only one training row has 'afraid'",
        "Note: 1 row repeats an earlier one, for example 'sun train 1'",
        "Note: 1 value occurs in more than one split, so the figures will flatter, for example 'sun train 1'",
    ]
    imported = platform("data", "import", "weather", write(rows), "--replace").err
    assert [note for note in notes if note in imported] == notes
    shown = platform("data", "show", "weather").out
    assert [note for note in notes if note in shown] == notes
    trained = platform("train", "weather", "--method", "head").err
    assert [note for note in notes if note in trained] == notes


def test_rows_without_text_are_told_at_import_and_refused_in_training(platform, write) -> None:
    rows = [*of_both_moods(20), *((" \t", "sad", "train") for _ in range(3))]
    imported = platform("data", "import", "weather", write(rows), "--replace")
    assert "Note: 3 rows have no text: correct or leave them out." in imported.err
    trained = platform("train", "weather", "--method", "head")
    assert trained.code == 2
    assert trained.err.endswith(
        "Error: 3 of 23 rows of the split 'train' cannot be used:\n  row 21: 'text' is empty.\n  row 22: 'text' is "
        "empty.\n  row 23: 'text' is empty.\nGive some text.\n"
    )
    assert json.loads(platform("models", "list", "--json").out) == []


def test_numbers_that_are_not_finite_are_refused_at_import(platform, plugins_dir: Path, write) -> None:
    (plugins_dir / "shop.py").write_text(PRICES, encoding="utf-8")
    rows = [("a", "nan"), ("b", "inf"), ("c", "1.5"), ("d", "much"), ("e", "")]
    ran = platform("data", "import", "shop", write(rows, "text,price"), "--replace")
    assert ran.code == 2
    for line in (
        "row 2, price: must be a finite number (got 'nan')", "row 3, price: must be a finite number (got 'inf')",
        "row 5, price: must be a number (got 'much')", "row 6, price: is missing", "nothing was imported",
    ):  # fmt: skip
        assert line in ran.err
    assert json.loads(platform("data", "list", "shop", "--json").out)[0]["source"] == "starter"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("epocs=3", "recipe: there is no 'epocs'.\nDid you mean 'epochs'?"),
        ("epochs=many", "recipe: epochs is 'many'.\nIt must be a whole number."),
        ("epochs=2.5", "recipe: epochs is '2.5'.\nIt must be a whole number."),
        ("dropout=much", "recipe: dropout is 'much'.\nIt must be a number."),
        ("dropout=nan", "recipe: dropout is nan.\nIt must lie between 0 and 0.95."),
        ("checkpointing=perhaps", "recipe: checkpointing is 'perhaps'.\nIt must be true or false."),
        ("epochs=0", "recipe: epochs is 0.\nIt must lie between 1 and 1000."),
        ("seed=-1", "recipe: seed is -1.\nIt must lie between 0 and 4294967295."),
        ("schedule=lin", "recipe: schedule is 'lin'.\nDid you mean 'linear'?"),
        ("method=lorra", "There is no training method 'lorra'.\nDid you mean 'lora'?"),
    ],
)
def test_a_recipe_that_cannot_be_says_what_it_takes(platform, change: str, told: str) -> None:
    ran = platform("train", "weather/mood", "--set", change)
    assert (ran.code, ran.err) == (2, f"Error: {told}\n")


def test_an_encoder_that_is_not_there_names_the_places(platform, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("verticals.encoder.source._fetched", lambda name: None)
    monkeypatch.setenv("PLATFORM_ENCODER", "someone/nothing")
    ran = platform("train", "weather/mood")
    assert ran.code == 3
    assert f"looked at the folder {tmp_path}/someone/nothing (not there), the local model cache (/" in ran.err
    assert "PLATFORM_ENCODER" in ran.err
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("PLATFORM_ENCODER", str(folder))
    ran = platform("train", "weather/mood")
    assert (ran.code, "has no model.safetensors and no tokenizer.json" in ran.err) == (6, True)
    assert "Traceback" not in ran.err


def test_a_gpu_that_is_not_there(platform, monkeypatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PLATFORM_DEVICE", "cuda")
    ran = platform("train", "weather/mood")
    assert (ran.code, ran.err) == (
        8, "Error: This machine has no usable CUDA device.\nSet PLATFORM_DEVICE=cpu or auto.\n"
    )  # fmt: skip


def test_of_two_trainings_at_once_the_first_to_end_becomes_live(platform, monkeypatch) -> None:
    shown, others = ProgressDisplay.__call__, []

    def meanwhile(self, progress):
        if not others:
            command = [sys.executable, "-m", "verticals", "train", "weather/mood", "--method", "head"]
            others.append(subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True).stdout)
        shown(self, progress)

    monkeypatch.setattr(ProgressDisplay, "__call__", meanwhile)
    ran = platform("train", "weather/mood", "--method", "head")
    assert "weather/mood@v1 is live, being the first version." in others[0]
    assert ran.code == 0
    assert "weather/mood@v2 is a candidate; v1 stays live." in ran.out
    stages = {one["version"]: one["stage"] for one in json.loads(platform("models", "list", "--json").out)}
    assert stages == {"v1": "live", "v2": "candidate"}


def test_a_resumed_run_keeps_its_recipe(platform) -> None:
    with Host.open() as host:
        run = host.store.runs.start("weather", "mood", dataset_version="v1", recipe={"method": "lora"}, seed=0)
        host.store.runs.update(run.id, status="interrupted")
    ran = platform("train", "weather/mood", "--resume", "--epochs", "9")
    assert (ran.code, ran.err) == (
        2, "Error: A run that is resumed keeps its recipe and its rows.\nLeave out what changes them, or start anew.\n"
    )  # fmt: skip


def test_names_numbers_files_and_folders(platform, tmp_path: Path) -> None:
    assert platform("train", "weather/mod").err == "Error: weather has no head 'mod'.\nDid you mean 'mood'?\n"
    ran = platform("run", "weather", "--port", "abc")
    assert (ran.code, "Invalid value for '--port': 'abc' is not a whole number." in ran.err) == (2, True)
    assert "99999 is not in the range" in platform("run", "weather", "--port", "99999").err
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("text,mood\n")
    ran = platform("data", "import", "weather", folder)
    assert (ran.code, f"{folder} is a folder.\nGive the path of one file of rows (.csv," in ran.err) == (2, True)
    assert "files without an ending cannot be read" in platform("data", "import", "weather", file).err
    for home in (file, file / "below"):
        ran = platform("models", "list", "--home", home)
        assert (ran.code, ran.err) == (
            6, f"Error: {file} is a file, and a folder is needed there.\nChoose another place with --home.\n"
        )  # fmt: skip


def test_a_damaged_live_version_is_noticed_and_another_is_named(platform, tmp_path: Path) -> None:
    for _ in range(2):
        assert platform("train", "weather/mood", "--method", "head").code == 0
    assert "1 live version, all files with the right SHA-256" in platform("doctor").out
    weights = tmp_path / "home" / "models" / "weather" / "mood" / "v1" / "head.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    told = f"weather/mood@v1 is damaged: {weights} does not match its checksum."
    remedy = "Restore it from a backup, or use another: platform models promote weather/mood v2"
    ran = platform("doctor")
    assert ran.code == 1
    assert f"problem  models     {told}\n{'':20}{remedy}" in ran.out
    listed = platform("models", "list")
    assert "live, damaged" in listed.out
    assert f"Warning: {told} {remedy}" in listed.err
    for command in (("models", "show", "weather"), ("predict", "weather", "Sunny")):
        ran = platform(*command)
        assert (ran.code, f"Error: {told}\n{remedy}\n" in ran.err) == (6, True)
    assert platform(*remedy.partition("platform ")[2].split()).code == 0
    assert platform("models", "show", "weather").code == 0
    last = tmp_path / "home" / "models" / "weather" / "mood" / "v2" / "manifest.json"
    last.unlink()
    assert "train another: platform train weather/mood --promote" in platform("models", "show", "weather").err


def test_a_plugin_is_checked_under_the_path_that_was_given(platform, plugins_dir: Path, tmp_path: Path) -> None:
    from verticals.testing.check import run

    given = "plugins/weather.py"
    assert next(run(given)).detail == given
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project.entry-points.verticals]\nnowhere = "nowhere"\n')
    ran = platform("plugin", "check", "./demo")
    assert (ran.code, ran.err) == (
        3, "Error: The plugin 'nowhere' of ./demo is not installed.\nInstall it: pip install -e ./demo\n"
    )  # fmt: skip
