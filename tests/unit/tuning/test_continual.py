"""Going on from a version: new rows are learned, old ones kept."""

import sys

import pytest

from verticals.contract import BadInput, StartFrom
from verticals.tuning import fit

SPORT = ["goal", "referee", "match"]


def with_sport(utterances, count, seed):
    """Rows of three known labels, and of one that is new."""
    rows = utterances(count, seed)
    return rows, [{"text": row["text"].rsplit(" ", 1)[0] + " " + SPORT[at % 3], "label": "sport"}
                  for at, row in enumerate(rows[: count // 3])]  # fmt: skip


@pytest.fixture
def started(workshop, job, utterances, monkeypatch):
    """Trains the version to go on from; the job's start, and rows with a new label."""

    def make(validation=True, **changes):
        old = {"train": utterances(150), "validation": utterances(60, seed=1) if validation else []}
        recipe = {
            "method": "lora",
            "learning_rate": 5e-3,
            "epochs": 8,
            "max_tokens": 48,
            "batch_size": 8,
            "head_learning_rate": 2e-2,
            **changes,
        }
        # On a random encoder the head alone does best; here it must not be saved in the method's place.
        monkeypatch.setattr(sys.modules[fit.__module__], "floor_of", lambda task: None)
        report = fit(job(old, run="run-1", **recipe), workshop)
        folder = workshop.registry.open("shop", "topic", report.version)
        start = StartFrom(f"shop/topic@{report.version}", folder.path, folder.manifest, old)
        _, fresh = with_sport(utterances, 150, seed=5)
        both = {"train": [*old["train"], *fresh], "validation": [*old["validation"], *fresh[:10]] if validation else []}
        return start, both, recipe

    return make


LABELS = ("account", "delivery", "payment", "sport")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_new_labels_are_learned_and_old_ones_kept(workshop, job, started, method):
    start, rows, recipe = started(method=method, learning_rate=1e-2 if method == "lora" else 1e-3)
    again = {**recipe, "method": "auto", "replay": 0.5, "run": "run-2"}
    report = fit(job(rows, start=start, labels=LABELS, **again), workshop)
    assert report.metrics["forgetting"] < 0.2
    # As right with the new label among them as the version was without it.
    assert report.metrics["accuracy"] > report.metrics["old_accuracy_before"] - 0.2
    assert any("goes on from shop/topic@v1 with 50 new rows" in note for note in report.notes)
    manifest = workshop.registry.open("shop", "topic", report.version).manifest
    assert manifest["method"] == method
    assert manifest["labels"] == list(LABELS)


@pytest.mark.parametrize("changes", [{"replay": 0.5}, {"elastic": 10.0}], ids=str)
def test_without_validation_rows_forgetting_is_of_the_rows_the_version_held_out(workshop, job, started, changes):
    start, rows, recipe = started(validation=False, epochs=2)
    report = fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": "run-2", **changes}), workshop)
    assert report.metrics["old_accuracy_before"] == pytest.approx(start.manifest["metrics"]["accuracy"])
    assert any("on the 15 held-out rows of shop/topic@v1" in note for note in report.notes)


@pytest.mark.slow
def test_replay_and_elasticity_hold_what_plain_training_forgets(workshop, job, started):
    start, rows, recipe = started()
    lost = {}
    for name, changes in {"plain": {}, "replay": {"replay": 0.5}, "elastic": {"elastic": 3000.0}}.items():
        report = fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": f"run-{name}", **changes}), workshop)
        lost[name] = report.metrics["forgetting"]
    assert lost["plain"] > 0.3  # it sees one label only
    assert lost["replay"] < 0.15
    assert lost["elastic"] < lost["plain"] - 0.1


def test_a_version_with_adapters_on_other_layers_than_usual_is_gone_on_from(workshop, job, started):
    start, rows, recipe = started(lora_layers="all", epochs=1)
    fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": "run-2", "lora_layers": ""}), workshop)
    with pytest.raises(BadInput, match=r"other shapes.*the same lora_layers"):
        fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": "run-3", "lora_layers": "key"}), workshop)


def test_what_cannot_be_gone_on_from_says_so(workshop, job, started):
    start, rows, recipe = started()
    with pytest.raises(BadInput, match="learned from every training row already"):
        fit(job(dict(start.examples), start=start, **{**recipe, "run": "run-2"}), workshop)
    with pytest.raises(BadInput, match=r"was trained by the method 'lora'"):
        fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": "run-3", "method": "full"}), workshop)
    with pytest.raises(BadInput, match="other shapes"):
        fit(job(rows, start=start, labels=LABELS, **{**recipe, "run": "run-4", "lora_rank": 3}), workshop)
