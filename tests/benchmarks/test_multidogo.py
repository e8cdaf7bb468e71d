"""Intents and details of MultiDoGO's customers, by a plugin in one file through the command line."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.commands import DATA, add_plugin, needs, platform, trained_and_measured

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), needs("multidogo")]
DOMAINS = ("finance", "insurance")
PLUGIN = '''"""What customers say in each turn: its intents, and its details word by word."""
from typing import Annotated
from pydantic import BaseModel, BeforeValidator, StringConstraints
from verticals import Dataset, Recipe, TaskHead, hookimpl

def apart(intents):
    return intents.split("<div>") if isinstance(intents, str) else intents

class Turn(BaseModel):
    utterance: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    intents: Annotated[list[str], BeforeValidator(apart)]
    details: str

def tagged(context):
    for row in context.rows():
        words, labels = row["utterance"].split(), row["details"].split()
        if len(words) == len(labels):  # a dozen rows have other words than labels
            before = ["O", *labels]
            tags = [one if one == "O" else ("I-" if one == last else "B-") + one
                    for one, last in zip(labels, before)]
            yield {"words": words, "tags": tags, "split": row["split"]}

@hookimpl
def register_datasets():
    yield Dataset(name="turns", row=Turn, load=lambda: iter(()), split_by="utterance")

@hookimpl
def register_heads():
    yield TaskHead(name="intents", dataset="turns", objective="multilabel", inputs=("utterance",), target="intents",
                   recipe=Recipe(method="full", epochs=3))
    yield TaskHead(name="details", dataset="turns", objective="tag", inputs=("words",), target="tags", prepare=tagged,
                   recipe=Recipe(method="head", casing=True))
'''


@pytest.mark.parametrize("domain", DOMAINS)
def test_intents_and_details_of_turns(tmp_path: Path, domain: str) -> None:
    add_plugin(tmp_path, "dialogues", PLUGIN)
    folder = DATA / "multidogo" / domain
    for name, split in (("train", "train"), ("dev", "validation"), ("test", "test")):
        mapped = ["--map", "intent=intents", "--map", "slot-labels=details", "--split", split, "--skip-bad"]
        platform(tmp_path, "data", "import", "dialogues/turns", str(folder / f"{name}.csv"), *mapped)
    version, measured = trained_and_measured(tmp_path, "dialogues/intents")
    test, seen = rows(folder / "test.csv"), {row["utterance"].strip() for row in rows(folder / "train.csv")}
    assert measured["rows"] == len(test)
    answers = answered(tmp_path, "dialogues/intents", folder / "test.csv")
    pairs = list(zip(test, answers, strict=True))
    whole, unseen = micro_f1(pairs), micro_f1(pair for pair in pairs if pair[0]["utterance"].strip() not in seen)
    print(f"\nMultiDoGO {domain}, intents: micro F1 {whole:.4f} of {len(test):,} test turns, {unseen:.4f} of the "
          f"{sum(row['utterance'].strip() not in seen for row in test):,} whose text is not in train (validation "
          f"{version['metrics']['micro_f1']:.4f}, seed 0), trained in {version['seconds']:.0f} s")  # fmt: skip
    assert whole == pytest.approx(measured["metrics"]["micro_f1"], abs=1e-4)
    assert unseen >= 0.85
    version, measured = trained_and_measured(tmp_path, "dialogues/details")
    print(f"MultiDoGO {domain}, details: F1 {measured['metrics']['f1']:.4f} of {measured['rows']:,} test turns "
          f"(validation {version['metrics']['f1']:.4f}, seed 0), trained in {version['seconds']:.0f} s")  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def answered(home: Path, head: str, path: Path) -> list[list[str]]:
    """The labels that a head gives the rows of a file."""
    out = home / "answers.jsonl"
    platform(home, "predict", head, "--file", str(path), "--out", str(out))
    return [json.loads(line)["labels"] for line in out.read_text(encoding="utf-8").splitlines()]


def micro_f1(pairs: Iterable[tuple[dict[str, Any], list[str]]]) -> float:
    """Over all labels of all rows together."""
    right = said = actual = 0
    for row, labels in pairs:
        truth = set(row["intent"].split("<div>"))
        right, said, actual = right + len(truth & set(labels)), said + len(labels), actual + len(truth)
    return 2 * right / (said + actual)
