"""Questions of other matters: BANKING77 with 50 of its intents taught, and the other 27 unknown.

The intents are drawn with seed 0. Trained is on train.csv's rows of the 50, measured on test.csv with all 77. Strangers
are told by the head's familiarity; the peer is the highest probability of the same head.
"""

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.commands import DATA, needs, platform

from verticals import Host

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), needs("banking77")]
TAUGHT, SEED, PRECISION = 50, 0, 0.95
OPTIONS = ("lora_layers=all", "contrastive=0.2", "anchor=3", "validation=0.1", "patience=0")
RECIPE = ("--method", "lora", "--epochs", "3", *(f"--set={one}" for one in OPTIONS))


def rows(name: str) -> list[tuple[str, str]]:
    with (DATA / "banking77" / name).open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"].lower().replace("?", "")) for row in csv.DictReader(file)]


def area_under_the_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """How often one that is known scores higher than one that is not (the Mann-Whitney statistic)."""
    order = scores.argsort(kind="stable")
    _values, places, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks = np.empty(len(scores))
    ranks[order] = ((ends - counts + ends + 1) / 2)[places]
    count = positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (~positive).sum()))


def coverage(scores: np.ndarray, known: np.ndarray, right: np.ndarray) -> float:
    """The largest share of known questions that can be answered while 95 % of all accepted answers are right."""
    order = np.argsort(-scores, kind="stable")
    precise = np.flatnonzero(right[order].cumsum() / np.arange(1, len(order) + 1) >= PRECISION)
    return float(known[order][: precise[-1] + 1].sum() / known.sum()) if len(precise) else 0.0


def test_strangers_are_told_from_known_matters(tmp_path: Path) -> None:
    train, test = rows("train.csv"), rows("test.csv")
    taught = set(random.Random(SEED).sample(sorted({label for _, label in train}), TAUGHT))
    with (tmp_path / "taught.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "intent"])
        writer.writerows(row for row in train if row[1] in taught)
    home = tmp_path / "home"
    platform(home, "data", "import", "customer-service/utterances", str(tmp_path / "taught.csv"), "--replace",
             "--split", "train")  # fmt: skip
    platform(home, "train", "customer-service/intent", *RECIPE)
    with Host.open(home) as host:
        said = host["customer-service"].head("intent").predict([text for text, _ in test])
    known = np.array([label in taught for _, label in test])
    right = np.array([one.label == label for one, (_, label) in zip(said, test, strict=True)])
    familiarity = np.array([one.familiarity for one in said])
    highest = np.array([one.confidence for one in said])
    figures = {
        name: (area_under_the_curve(scores, known), coverage(scores, known, right))
        for name, scores in {"familiarity": familiarity, "highest probability": highest}.items()
    }
    told = "; ".join(f"{name}: AUROC {auc:.4f}, coverage {share:.3f}" for name, (auc, share) in figures.items())
    answered = np.array([not one.abstained for one in said])
    print(f"\n{known.sum()} questions of {TAUGHT} intents, {(~known).sum()} of others, accuracy of the known "
          f"{right[known].mean():.4f}. {told}; answered with the version's own threshold: "
          f"{answered[known].mean():.3f} of the known, {answered[~known].mean():.3f} of the others")  # fmt: skip
    assert figures["familiarity"][0] >= 0.90
    assert figures["familiarity"][0] >= figures["highest probability"][0] + 0.04
    assert figures["familiarity"][1] >= 0.75
