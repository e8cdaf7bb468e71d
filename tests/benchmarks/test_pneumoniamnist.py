"""PneumoniaMNIST (Yang et al., 2023, MedMNIST v2) by a one-file plugin: chest X-rays of 28 x 28 pixels, two labels."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
DATA = Path(__file__).parents[3] / "shared" / "data" / "pneumoniamnist" / "pneumoniamnist.npz"
PLUGIN = '''"""Pneumonia on chest X-rays."""
import numpy as np
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

FILE = {path!r}
SPLITS = {{"train": "train", "validation": "val", "test": "test"}}


class Scan(BaseModel):
    place: int
    diagnosis: str


def load():
    with np.load(FILE) as arrays:
        for split, short in SPLITS.items():
            for place, label in enumerate(arrays[f"{{short}}_labels"].ravel()):
                yield {{"place": place, "diagnosis": ["normal", "pneumonia"][int(label)], "split": split}}


def prepare(context):
    with np.load(FILE) as arrays:
        images = {{split: arrays[f"{{short}}_images"] for split, short in SPLITS.items()}}
    for row in context.rows():
        yield {{"image": images[row["split"]][row["place"]], **row}}


@hookimpl
def register_datasets():
    yield Dataset(name="scans", row=Scan, load=load, split_by="")


@hookimpl
def register_heads():
    yield TaskHead(
        name="pneumonia", dataset="scans", objective="classify_image", inputs=("image",), target="diagnosis",
        labels=("normal", "pneumonia"), prepare=prepare,
        recipe=Recipe(epochs=16, patience=0, class_weights="balanced", schedule="cosine", weight_decay=0.05),
    )
'''


def platform(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    command = [sys.executable, "-m", "verticals", "--home", str(home), "--plugins-dir", str(home / "plugins")]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True, env=environment).stdout


@pytest.mark.skipif(not DATA.is_file(), reason=f"{DATA} is not there")
def test_a_small_network_from_scratch_reads_chest_x_rays(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "lungs.py").write_text(PLUGIN.format(path=str(DATA)), encoding="utf-8")
    figures: dict[str, list[float]] = {"auc": [], "accuracy": []}
    for seed in (0, 1, 2):
        trained = json.loads(platform(tmp_path, "train", "lungs/pneumonia", "--seed", str(seed), "--json"))
        target = f"lungs/pneumonia@{trained['version']}"
        measured = json.loads(platform(tmp_path, "evaluate", target, "--split", "test", "--json"))
        assert measured["rows"] == 624
        for name, values in figures.items():
            values.append(measured["metrics"][name])
        print(f"\nPneumoniaMNIST test, seed {seed}: AUC {figures['auc'][-1]:.4f}, accuracy "
              f"{figures['accuracy'][-1]:.4f}, trained in {trained['seconds']:.0f} s")  # fmt: skip
    means = {name: statistics.mean(values) for name, values in figures.items()}
    print(f"mean of 3 seeds: AUC {means['auc']:.4f}, accuracy {means['accuracy']:.4f}")
    assert means["auc"] >= 0.947
    assert means["accuracy"] >= 0.878
