"""tune, and runs list, show and compare."""

from __future__ import annotations

import json
import re

import pytest

from verticals.cli.runs import sparkline
from verticals.cli.tune import read_time
from verticals.contract import BadInput
from verticals.host import Host
from verticals.store import Point


@pytest.fixture
def two_runs(platform) -> list[str]:
    """Two runs with curves, the first the worse."""
    ids = []
    with Host.open() as host:
        for rate, end in ((1e-3, 0.8), (5e-3, 0.9)):
            recipe = {"method": "lora", "learning_rate": rate}
            run = host.store.runs.start("weather", "mood", dataset_version="v1", recipe=recipe, seed=0).id
            host.store.curves.add(
                run, [Point("step", 32 * at, {"loss": 2 / at, "learning_rate": rate}) for at in (1, 2, 3)]
            )
            host.store.curves.add(run, [Point("epoch", at, {"accuracy": end - 0.3 / at}) for at in (1, 2)])
            host.store.runs.update(run, status="finished", metrics={"accuracy": end, "log_loss": 1 - end}, version="v1")
            ids.append(run)
    return ids


def test_runs_are_listed(platform, two_runs) -> None:
    assert "There is no such run" in platform("runs", "list", "--status", "failed").err
    ran = platform("runs", "list", "weather/mood")
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == two_runs[::-1]
    assert "accuracy 0.9000" in ran.out
    assert [one["id"] for one in json.loads(platform("runs", "list", "--json").out)] == two_runs[::-1]
    assert platform("runs", "list", "weather/moood").code == 3


def test_one_run_is_shown_with_its_curves(platform, two_runs) -> None:
    ran = platform("runs", "show", two_runs[0])
    assert ran.code == 0
    assert re.search(r"training loss +2.0000 +█▃▁ +0.6667", ran.out)
    assert "learning_rate=0.001" in ran.out
    assert json.loads(platform("runs", "show", two_runs[0], "--json").out)["curves"]["epochs"][1]["at"] == 2
    unknown = platform("runs", "show", two_runs[0][:-1])
    assert unknown.code == 3
    assert two_runs[0] in unknown.err


def test_runs_are_compared_where_they_differ(platform, two_runs) -> None:
    ran = platform("runs", "compare", *two_runs)
    assert ran.code == 0
    assert re.search(r"learning_rate +0.0010 +0.0050", ran.out)
    assert "method" not in ran.out, "what they share is left out"
    assert re.search(r"accuracy +0.8000 +0.9000 \*", ran.out)
    assert re.search(r"log_loss +0.2000 +0.1000 \*", ran.out)
    compared = json.loads(platform("runs", "compare", *two_runs, "--json").out)
    assert compared["differences"] == {"learning_rate": [0.001, 0.005]}
    assert platform("runs", "compare", two_runs[0], two_runs[0]).code == 2


def test_a_sparkline_keeps_its_scale_and_its_width() -> None:
    assert sparkline([0, 1], 0, 1) == "▁█"
    assert sparkline([0.5], 0, 1) == "▅"
    assert sparkline([1, 1], 1, 1) == "▁▁"
    long = sparkline(list(range(1000)), 0, 999)
    assert len(long) == 40
    assert list(long) == sorted(long)


def test_times_are_read() -> None:
    assert [read_time(text) for text in ("90", "90s", "10m", "1h30m", "0.5h")] == [90, 90, 600, 5400, 1800]
    for text in ("", "soon", "10x", "m"):
        with pytest.raises(BadInput, match="is no time"):
            read_time(text)


def test_a_search_prints_its_trials_and_the_recipe(platform) -> None:
    ran = platform(
        "tune", "weather/mood", "--trials", "2", "--set", "method=head", "--search", "label_smoothing=0..0.2"
    )
    assert ran.code == 0, ran.err
    assert "trial 2 finished" in ran.err
    assert "The best is trial " in ran.out
    assert "--set method=head" in ran.out
    assert "Recipe(method='head'" in ran.out
    assert "weather/mood@v1 is a candidate." in ran.out
    again = platform("tune", "weather/mood", "--resume", "--trials", "2", "--json")
    found = json.loads(again.out)
    assert (found["stopped"], found["version"], len(found["trials"])) == ("done", "v1", 2)
    assert found["recipe"]["method"] == "head"
    listed = json.loads(platform("runs", "list", "--search", found["id"], "--json").out)
    assert {one["id"] for one in listed} == {one["run"] for one in found["trials"]}
    assert json.loads(platform("runs", "list", "--json").out) == []


def test_a_search_that_cannot_be_is_refused(platform) -> None:
    assert "Did you mean 'dropout'?" in platform("tune", "weather", "--search", "dropuot=0..0.5").err
    assert platform("tune", "weather", "--search", "dropout").code == 2
    assert platform("tune", "weather", "--time", "soon").code == 2
    assert platform("tune", "weather", "--trials", "0").code == 2
    assert platform("tune", "weather", "--resume").code == 2
