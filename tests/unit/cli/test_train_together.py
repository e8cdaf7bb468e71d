"""Several heads on one command line: a version of each, shown or as a list; stopped and gone on with together."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verticals.host import Host

pytestmark = pytest.mark.usefixtures("forked")

QUICK = ["--method", "lora", "--epochs", "1"]
BOTH = ["weather/mood", "sea/mood"]


@pytest.fixture(autouse=True)
def sea(plugins_dir: Path) -> None:
    """A second vertical of the same kind."""
    shutil.copy(plugins_dir / "weather.py", plugins_dir / "sea.py")


def test_a_version_of_each_is_shown_and_the_first_is_live(platform) -> None:
    ran = platform("train", *BOTH, *QUICK)
    assert ran.code == 0, ran.err
    for name in BOTH:
        assert f"Trained {name}@v1 on data v1" in ran.out
        assert f"{name}@v1 is live, being the first version." in ran.out
    assert "Note: trained together with sea/mood (data v1) on one shared body" in ran.err
    assert "weather/mood encoding: " in ran.err

    again = platform("train", *reversed(BOTH), *QUICK, "--json")
    shown = json.loads(again.out)
    assert [(one["reference"], one["stage"]) for one in shown] == [
        ("sea/mood@v2", "candidate"), ("weather/mood@v2", "candidate"),
    ]  # fmt: skip
    third = json.loads(platform("train", *BOTH, *QUICK, "--json", "--promote").out)
    assert [one["stage"] for one in third] == ["live", "live"]


def test_the_recipe_may_name_them(platform) -> None:
    shown = json.loads(platform("train", "weather", *QUICK, "--set", "together=sea/mood", "--json").out)
    assert [one["reference"] for one in shown] == ["weather/mood@v1", "sea/mood@v1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["weather/mood", "weather/mood"], "each of them once"),
        (["weather/mood", "sea/mod"], "Did you mean 'mood'?"),
        ([*BOTH, "--method", "few_shot"], "heads are trained together by 'lora' or 'full'"),
        ([*BOTH, "--set", "start_from=live"], "start_from is 'live'"),
        ([*BOTH, "--set", "together=sea/mood"], "The heads are named already"),
        (["--resume", *BOTH], "No run of weather/mood sea/mood was interrupted."),
        (BOTH, "too few to change the encoder"),
        ([*BOTH, "--data-version", "v9"], "v9"),
    ],
)
def test_what_cannot_be_says_so(platform, words: list[str], told: str) -> None:
    ran = platform("train", *words)
    assert ran.code in (2, 3)
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert json.loads(platform("models", "list", "--json").out) == []


@pytest.mark.slow
def test_what_was_stopped_goes_on_together(platform, tmp_path: Path) -> None:
    changes = ["--method", "lora", "--epochs", "6", "--set", "patience=0", "--set", "batch_size=2"]
    for how, words in ((signal.SIGINT, [*BOTH, *changes]), (signal.SIGKILL, ["--resume", *BOTH])):
        process = subprocess.Popen(
            [sys.executable, "-m", "verticals", "train", *words],
            cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in process.stderr:
            if line.startswith("training"):
                break
        process.send_signal(how)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        if how == signal.SIGINT:
            assert process.returncode == 130, out + err
            assert re.search(r"platform train weather/mood sea/mood --resume \S+", err)
        with Host.open() as host:
            assert [run.status for run in host.store.runs.list()] == ["interrupted"] * 2
    resumed = platform("train", "--resume", *BOTH)
    assert resumed.code == 0, resumed.err
    assert all(f"{name}@v1 is live" in resumed.out for name in BOTH)
    with Host.open() as host:
        assert [run.status for run in host.store.runs.list()] == ["finished"] * 2
