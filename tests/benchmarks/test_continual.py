"""BANKING77's intents learned in five steps, each going on from the one before, through the command line."""

import csv
import random
from pathlib import Path

import pytest
from tests.benchmarks.commands import DATA, needs, platform, platform_json

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), needs("banking77")]
HEAD = "customer-service/intent"
STEPS = 5


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / "banking77" / name).open(encoding="utf-8", newline="") as file:
        # As the data set of intents writes their names, of which BANKING77 has two in another way.
        return [{"text": row["text"], "intent": row["category"].rstrip("?").lower()} for row in csv.DictReader(file)]


def add(home: Path, rows: list[dict[str, str]], split: str, *options: str) -> None:
    path = home / f"{split}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "intent"])
        writer.writeheader()
        writer.writerows(rows)
    platform(home, "data", "import", "customer-service/utterances", str(path), "--split", split, *options)


def test_new_intents_do_not_push_out_the_old_ones(tmp_path: Path) -> None:
    train, test = rows_of("train.csv"), rows_of("test.csv")
    intents = sorted({row["intent"] for row in train})
    random.Random(0).shuffle(intents)
    groups = [set(intents[start::STEPS]) for start in range(STEPS)]
    learned: list[float] = []  # accuracy on the test rows of each step's intents, right after that step
    told: list[float] = []  # points lost on the held-out rows of the version gone on from, as the platform says it
    for step, group in enumerate(groups):
        add(tmp_path, [row for row in train if row["intent"] in group], "train", *([] if step else ["--replace"]))
        add(tmp_path, [row for row in test if row["intent"] in group], "test")
        onward = ["--set", "start_from=live", "--set", "replay=0.5"] if step else []
        version = platform_json(
            tmp_path, "train", HEAD, "--method", "lora", "--epochs", "4", "--set=lora_layers=all", "--promote", *onward
        )
        measured = platform_json(tmp_path, "evaluate", HEAD, "--split", "test")
        right = {label: (recall * support, support) for label, _, recall, _, support in measured["per_label"]}
        now = [sum(right[i][0] for i in each) / sum(right[i][1] for i in each) for each in groups[: step + 1]]
        learned.append(now[-1])
        told += [100 * version["metrics"]["forgetting"]] if step else []
        print(f"step {step + 1}: {', '.join(f'{value:.3f}' for value in now)} on the intents of each step, "
              f"{measured['metrics']['accuracy']:.4f} on all, {version['seconds']:.0f} s")  # fmt: skip
    lost = [100 * (before - after) for before, after in zip(learned[:-1], now[:-1], strict=True)]
    print(f"forgetting after {STEPS} steps, in points of each step's test rows: {', '.join(f'{x:.1f}' for x in lost)}, "
          f"mean {sum(lost) / len(lost):.2f}; as each training told it: {', '.join(f'{x:.1f}' for x in told)}, "
          f"mean {sum(told) / len(told):.2f}")  # fmt: skip
    assert sum(told) / len(told) < 2
