"""A workshop on the tiny encoder, and tasks whose words carry the answer."""

import random
import threading

import pytest

from verticals.contract import FitJob, Recipe
from verticals.encoder import Encoder, EncoderSource
from verticals.store import Registry, Store
from verticals.tuning import Workshop

WORDS = {"delivery": ["parcel", "courier", "tracking"], "payment": ["invoice", "card", "refund"],
         "account": ["password", "login", "profile"]}  # fmt: skip


def make_utterances(count, seed=0):
    """Texts of which one word tells the label."""
    draw = random.Random(seed)
    fill = ["please", "where", "is", "my", "the", "about", "help", "today", "again"]
    rows = []
    for at in range(count):
        label = list(WORDS)[at % 3]
        words = [*draw.sample(fill, 2), draw.choice(WORDS[label]), *draw.sample(fill, draw.randint(0, 4))]
        rows.append({"text": " ".join(words), "label": label})
    return rows


@pytest.fixture
def utterances():
    """Makes texts of which one word tells the label."""
    return make_utterances


@pytest.fixture
def encoder(tiny_encoder):
    return Encoder.open(EncoderSource("tiny", tiny_encoder, "path"), "fp32", "cpu")


@pytest.fixture
def workshop(encoder, tmp_path):
    """Where training happens; the provenance is that of a plugin named ``shop``."""
    with Store.open(f"sqlite:///{tmp_path / 'platform.db'}") as store:
        provenance = {"plugin": "verticals-shop", "plugin_version": "1.0", "host_version": "0.1", "dataset": "chats"}
        yield Workshop(encoder, Registry(store, tmp_path / "models"), tmp_path / "runs", provenance, threading.Event())


@pytest.fixture
def job():
    """Makes a job; keywords that are the recipe's go there."""

    def make(examples=None, **changes):
        own = {key: changes.pop(key) for key in list(changes) if key in FitJob.__dataclass_fields__}
        if examples is None:
            examples = {"train": make_utterances(150), "validation": make_utterances(60, seed=1)}
        if not isinstance(examples, dict):
            examples = {"train": examples}
        recipe = Recipe(**{"epochs": 3, "max_tokens": 24, "windows": 1, **changes})
        labels = own.pop("labels", tuple(WORDS) if own.get("objective", "classify") == "classify" else ())
        usual = {"vertical": "shop", "head": "topic", "objective": "classify", "dataset_version": "v1", "run": "run-1"}
        return FitJob(**{**usual, "examples": examples, "labels": labels, "recipe": recipe, **own})

    return make
