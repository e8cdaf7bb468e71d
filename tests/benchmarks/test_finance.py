"""Sentiment of finance tweets, and of entities in headlines, by plugins in one file through the command line."""

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.commands import DATA, add_plugin, needs, platform, trained_and_measured

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
# From trials on rows held out of the training files of BANKING77 and of the tweets; few are held out here.
RECIPE = "method='full', learning_rate=3e-4, layer_decay=0.8, encoder_dropout=0.05, validation=0.05, patience=0"
PLUGIN = '''"""Sentiment of {what}."""
import re
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

class Row(BaseModel):
    {fields}
    label: str

def prepare(context):
    for row in context.rows():  # shortened links say nothing, and are a third of a tweet's tokens
        yield {{name: re.sub(r"https?://\\S+", "", str(value)).strip() or "link" for name, value in row.items()}}

@hookimpl
def register_datasets():
    yield Dataset(name="rows", row=Row, load=lambda: iter(()), split_by="")

@hookimpl
def register_heads():
    yield TaskHead(name="sentiment", dataset="rows", objective="classify", inputs={inputs!r}, target="label",
                   prepare=prepare, recipe=Recipe({recipe}))
'''


def imported(home: Path, name: str, rows: list[dict[str, str]], split: str) -> None:
    path = home / f"{split}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    platform(home, "data", "import", f"{name}/rows", str(path), "--split", split)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(name: str, version: dict[str, Any], measured: dict[str, Any]) -> tuple[float, float]:
    """Print and give weighted and macro F1."""
    rows = sum(row[4] for row in measured["per_label"])
    weighted = sum(f1 * support for *_, f1, support in measured["per_label"]) / rows
    macro = measured["metrics"]["macro_f1"]
    print(f"\n{name}: weighted F1 {weighted:.4f}, macro F1 {macro:.4f}, accuracy "
          f"{measured['metrics']['accuracy']:.4f} (seed 0), trained in {version['seconds']:.0f} s")  # fmt: skip
    return weighted, macro


@needs("twitter_fin_sentiment")
def test_tweets(tmp_path: Path) -> None:
    inputs, recipe = ("text",), f"epochs=5, {RECIPE}"
    add_plugin(
        tmp_path, "tweets", PLUGIN.format(what="finance tweets", fields="text: str", inputs=inputs, recipe=recipe)
    )
    folder = DATA / "twitter_fin_sentiment"
    imported(tmp_path, "tweets", read(folder / "sent_train.csv"), "train")
    imported(tmp_path, "tweets", read(folder / "sent_valid.csv"), "test")
    weighted, _ = told("finance tweets, valid split", *trained_and_measured(tmp_path, "tweets/sentiment"))
    assert weighted >= 0.87


@needs("sentfin")
def test_entities_in_headlines(tmp_path: Path) -> None:
    inputs, recipe = ("entity", "title"), f"epochs=4, {RECIPE}"
    fields = "entity: str\n    title: str"
    add_plugin(tmp_path, "headlines", PLUGIN.format(what="entities", fields=fields, inputs=inputs, recipe=recipe))
    rows = read(DATA / "sentfin" / "entity_pairs.csv")
    numbers = sorted({int(row["id"]) for row in rows})
    held = set(numbers[::5])
    pairs = {"train": [row for row in rows if int(row["id"]) not in held],
             "test": [row for row in rows if int(row["id"]) in held]}  # fmt: skip
    for split, chosen in pairs.items():
        kept = [{"entity": row["entity"], "title": row["title"], "label": row["sentiment"]} for row in chosen]
        imported(tmp_path, "headlines", kept, split)
    _, macro = told("sentfin, every fifth headline", *trained_and_measured(tmp_path, "headlines/sentiment"))
    assert macro >= 0.85
