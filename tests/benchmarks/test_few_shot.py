"""BANKING77 with ten, five and no rows per label, through the command line as the how-to pages have it."""

import json
import statistics
from pathlib import Path

import pytest
from tests.benchmarks.test_banking77 import DATA, platform

pytestmark = [
    pytest.mark.bench, pytest.mark.timeout(3600),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there"),
]  # fmt: skip
SEEDS = (0, 1, 2)
BARS = {10: 0.87, 5: 0.81}


def imported(home: Path, train: str) -> None:
    importing = ["data", "import", "customer-service/utterances"]
    platform(home, *importing, str(DATA / train), "--map", "label=intent", "--replace", "--split", "train")
    platform(home, *importing, str(DATA / "test.csv"), "--map", "category=intent", "--split", "test")


def trained(home: Path, *options: str) -> tuple[dict, dict]:
    """A new version as the command line tells of it, and its figures on the test split."""
    version = json.loads(platform(home, "train", "customer-service/intent", *options, "--promote", "--json"))
    return version, json.loads(platform(home, "evaluate", "customer-service/intent", "--split", "test", "--json"))


@pytest.mark.parametrize("shots", list(BARS))
def test_a_few_rows_of_each_label_reach_the_bar(tmp_path: Path, shots: int) -> None:
    imported(tmp_path, f"train_{shots}.csv")
    reached = []
    for seed in SEEDS:
        version, measured = trained(tmp_path, "--method", "few_shot", "--seed", str(seed))
        assert measured["rows"] == 3080
        reached.append(measured["metrics"]["accuracy"])
        print(f"\nBANKING77 {shots}-shot, seed {seed}: {reached[-1]:.4f} in {version['seconds']:.0f} s")
    mean = statistics.mean(reached)
    print(f"BANKING77 {shots}-shot, mean of seeds {SEEDS}: {mean:.4f} ± {statistics.stdev(reached):.4f}")
    assert mean >= BARS[shots]


def test_without_any_rows_the_names_of_the_labels_answer(tmp_path: Path) -> None:
    # The five rows of each label only tell which labels there are, and calibrate.
    imported(tmp_path, "train_5.csv")
    _, measured = trained(tmp_path, "--method", "zero_shot")
    print(f"\nBANKING77 zero-shot from label names: {measured['metrics']['accuracy']:.4f}")
    assert measured["metrics"]["accuracy"] >= 0.6
