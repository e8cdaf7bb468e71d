"""BANKING77 with ten, five and no rows per label, through the command line as the how-to pages have it."""

import statistics
from pathlib import Path

import pytest
from tests.benchmarks.commands import DATA, needs, platform, trained_and_measured

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("banking77")]
HEAD = "customer-service/intent"
SEEDS = (0, 1, 2)
BARS = {10: 0.87, 5: 0.81}


def imported(home: Path, train: str) -> None:
    importing = ["data", "import", "customer-service/utterances"]
    platform(
        home, *importing, str(DATA / "banking77" / train), "--map", "label=intent", "--replace", "--split", "train"
    )
    platform(home, *importing, str(DATA / "banking77/test.csv"), "--map", "category=intent", "--split", "test")


@pytest.mark.parametrize("shots", list(BARS))
def test_a_few_rows_of_each_label_reach_the_bar(tmp_path: Path, shots: int) -> None:
    imported(tmp_path, f"train_{shots}.csv")
    reached = []
    for seed in SEEDS:
        version, measured = trained_and_measured(tmp_path, HEAD, "--method", "few_shot", "--seed", str(seed))
        assert measured["rows"] == 3080
        reached.append(measured["metrics"]["accuracy"])
        print(f"\nBANKING77 {shots}-shot, seed {seed}: {reached[-1]:.4f} in {version['seconds']:.0f} s")
    mean = statistics.mean(reached)
    print(f"BANKING77 {shots}-shot, mean of seeds {SEEDS}: {mean:.4f} ± {statistics.stdev(reached):.4f}")
    assert mean >= BARS[shots]


def test_without_any_rows_the_names_of_the_labels_answer(tmp_path: Path) -> None:
    # The five rows of each label only tell which labels there are, and calibrate.
    imported(tmp_path, "train_5.csv")
    _, measured = trained_and_measured(tmp_path, HEAD, "--method", "zero_shot")
    print(f"\nBANKING77 zero-shot from label names: {measured['metrics']['accuracy']:.4f}")
    assert measured["metrics"]["accuracy"] >= 0.6
