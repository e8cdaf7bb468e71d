"""Training, measuring and serving read long texts to their end."""

import random

import numpy as np
import pytest
import torch

from verticals.contract import Extent, TaskHead
from verticals.inference import Engine
from verticals.tuning import fit
from verticals.tuning.explain import explain
from verticals.tuning.lower import through_lower
from verticals.tuning.objectives import Classify

WORDS = {"delivery": "parcel", "payment": "refund", "account": "password"}
NOUN = TaskHead(name="topic", dataset="chats")
FILL = ["please", "where", "is", "my", "the", "about", "help", "today", "again"]


def letters(count, seed=0):
    """Texts that say at their end what they are about."""
    draw = random.Random(seed)
    rows = []
    for at in range(count):
        label = list(WORDS)[at % 3]
        rows.append(
            {"text": " ".join([*draw.choices(FILL, k=draw.randint(14, 18)), *[WORDS[label]] * 3]), "label": label}
        )
    return rows


@pytest.fixture
def trained(workshop, job):
    def train(**changes):
        given = {"train": letters(180), "validation": letters(45, seed=1)}
        recipe = {"method": "full", "epochs": 4, "learning_rate": 5e-3, "batch_size": 16, "patience": 0, "windows": 8}
        return fit(job(given, **recipe | changes), workshop)

    return train


def test_what_stands_at_the_end_is_learned_measured_and_answered_by(trained, workshop):
    cut = trained(windows=1)
    assert "180 of 180 training texts were longer than 24 tokens and were cut" in cut.notes
    assert cut.metrics["accuracy"] < 0.6
    whole = trained()
    assert not any("were cut" in note for note in whole.notes)
    assert whole.metrics["accuracy"] > 0.9
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    asked = letters(45, seed=1)
    for report in (cut, whole):
        answers = engine.predict("shop", "topic", report.version, [row["text"] for row in asked])
        served = np.mean([answer.label == row["label"] for answer, row in zip(answers, asked, strict=True)])
        assert served == pytest.approx(report.metrics["accuracy"])
        assert all(bool(answer.tokens_cut) == (report is cut) for answer in answers)
    card = (workshop.registry.open("shop", "topic", whole.version).path / "README.md").read_text()
    assert "read up to 192 tokens" in card


def test_every_word_of_a_long_text_has_its_part_in_the_explanation(trained, workshop):
    version = trained().version
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    text = letters(3, seed=2)[2]["text"]
    with engine.using("shop", "topic", version) as one:
        found = explain(one.head, one.encoder, one.slot, one.reference, NOUN, text, "account", one.extent)
        assert found.label == engine.predict("shop", "topic", version, [text])[0].label
    assert [word.word for word in found.words] == text.split()
    assert sum(word.weight for word in found.words) + found.rest == pytest.approx(
        found.value - found.baseline, abs=found.error + 1e-3
    )
    assert sum(word.weight for word in found.words[-3:]) > 0.5 * (found.value - found.baseline)


def test_frozen_layers_are_computed_once_of_every_window(encoder):
    rows = encoder.tokens([row["text"] for row in letters(7)] + ["short"], Extent(24, 8))
    kept = through_lower(rows, encoder, 1)
    which = np.array([7, 2, 5])
    batch = encoder.batch(rows, which)
    with torch.no_grad():
        torch.testing.assert_close(
            encoder.features(batch, hidden=kept.batch(which, batch), first=1),
            encoder.features(batch),
            atol=1e-5,
            rtol=0,
        )
    assert len(rows.windows) == 7


def test_an_objective_that_reads_pairs_has_one_window(encoder):
    assert Classify(("text",), "label").room(encoder, Extent(24, 8)) == 192
    assert Classify(("text", "other"), "label").room(encoder, Extent(24, 8)) == 24
