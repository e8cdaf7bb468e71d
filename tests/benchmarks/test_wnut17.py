"""Entities of WNUT 2017 through the command line, by a plugin in one file: no vertical that comes along tags words."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
DATA = Path(__file__).parents[3] / "shared" / "data" / "wnut17"
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


def platform(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    options = ["--home", str(folder / "home"), "--plugins-dir", str(folder / "plugins")]
    done = subprocess.run(
        [sys.executable, "-m", "verticals", *options, *arguments],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    return done.stdout


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
def test_entities_of_noisy_text(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "noisy.py").write_text(PLUGIN, encoding="utf-8")
    importing = ["data", "import", "noisy/sentences"]
    started = time.perf_counter()
    platform(tmp_path, *importing, str(DATA / "train.jsonl"), "--replace", "--split", "train")
    platform(tmp_path, *importing, str(DATA / "valid.jsonl"), "--split", "validation")
    platform(tmp_path, *importing, str(DATA / "test.jsonl"), "--split", "test")
    print(f"\nWNUT 2017 imported in {time.perf_counter() - started:.1f} s, three starts included")
    trained = json.loads(platform(tmp_path, "train", "noisy/entities", "--json"))
    measured = json.loads(platform(tmp_path, "evaluate", "noisy/entities", "--split", "test", "--json"))
    figures = measured["metrics"]
    print(f"WNUT 2017 entity F1: validation {trained['metrics']['f1']:.4f} (floor {trained['metrics']['floor']:.4f}), "
          f"test {figures['f1']:.4f} (seed 0), trained in {trained['seconds']:.0f} s")  # fmt: skip
    assert measured["rows"] == 1287
    assert figures["f1"] >= 0.40
