"""Entities of WNUT 2017 through the command line, by a plugin in one file: no vertical that comes along tags words."""

import time
from pathlib import Path

import pytest
from tests.benchmarks.commands import DATA, add_plugin, needs, platform, trained_and_measured

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("wnut17")]
PLUGIN = '''"""Entities in noisy text."""
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

class Sentence(BaseModel):
    tokens: list[str]
    tags: list[str]

def load():
    yield {"tokens": ["Anna", "sleeps"], "tags": ["B-person", "O"], "split": "train"}

@hookimpl
def register_datasets():
    yield Dataset(name="sentences", row=Sentence, load=load, split_by="tokens")

@hookimpl
def register_heads():
    yield TaskHead(name="entities", dataset="sentences", objective="tag", inputs=("tokens",), target="tags",
                   recipe=Recipe(method="full", casing=True, epochs=4, head_start="fitted"))
'''


def test_entities_of_noisy_text(tmp_path: Path) -> None:
    add_plugin(tmp_path, "noisy", PLUGIN)
    importing, folder = ["data", "import", "noisy/sentences"], DATA / "wnut17"
    started = time.perf_counter()
    platform(tmp_path, *importing, str(folder / "train.jsonl"), "--replace", "--split", "train")
    platform(tmp_path, *importing, str(folder / "valid.jsonl"), "--split", "validation")
    platform(tmp_path, *importing, str(folder / "test.jsonl"), "--split", "test")
    print(f"\nWNUT 2017 imported in {time.perf_counter() - started:.1f} s, three starts included")
    version, measured = trained_and_measured(tmp_path, "noisy/entities")
    figures = measured["metrics"]
    print(f"WNUT 2017 entity F1: validation {version['metrics']['f1']:.4f} (floor {version['metrics']['floor']:.4f}), "
          f"test {figures['f1']:.4f} (seed 0), trained in {version['seconds']:.0f} s")  # fmt: skip
    assert measured["rows"] == 1287
    assert figures["f1"] >= 0.40
