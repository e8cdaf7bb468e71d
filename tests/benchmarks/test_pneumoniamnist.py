"""PneumoniaMNIST (Yang et al., 2023, MedMNIST v2) by a one-file plugin: chest X-rays of 28 x 28 pixels, two labels."""

import statistics
from pathlib import Path

import pytest
from tests.benchmarks.commands import DATA, add_plugin, needs, trained_and_measured

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("pneumoniamnist")]
FILE = DATA / "pneumoniamnist/pneumoniamnist.npz"
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


def test_a_small_network_from_scratch_reads_chest_x_rays(tmp_path: Path) -> None:
    add_plugin(tmp_path, "lungs", PLUGIN.format(path=str(FILE)))
    figures: dict[str, list[float]] = {"auc": [], "accuracy": []}
    for seed in (0, 1, 2):
        version, measured = trained_and_measured(tmp_path, "lungs/pneumonia", "--seed", str(seed))
        assert measured["rows"] == 624
        for name, values in figures.items():
            values.append(measured["metrics"][name])
        print(f"\nPneumoniaMNIST test, seed {seed}: AUC {figures['auc'][-1]:.4f}, accuracy "
              f"{figures['accuracy'][-1]:.4f}, trained in {version['seconds']:.0f} s")  # fmt: skip
    means = {name: statistics.mean(values) for name, values in figures.items()}
    print(f"mean of 3 seeds: AUC {means['auc']:.4f}, accuracy {means['accuracy']:.4f}")
    assert means["auc"] >= 0.947
    assert means["accuracy"] >= 0.878
