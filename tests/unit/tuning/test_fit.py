"""Training as a whole: it learns, by every method; the same seed gives the same; the version says what it is."""

import dataclasses
import itertools
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from verticals.contract import BadInput, Recipe, TaskHead, Unavailable
from verticals.inference import Engine
from verticals.inference.loaded import load
from verticals.tuning import evaluate, finishing, fit
from verticals.tuning.methods import choose_method
from verticals.tuning.prepared import Prepared

pytestmark = pytest.mark.usefixtures("forked")


def weights(workshop, version):
    folder = workshop.registry.open("shop", "topic", version).path
    return {
        f"{path.name}:{name}": tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("method", "changes"),
    [("head", {}), ("lora", {"learning_rate": 1e-2, "head_learning_rate": 1e-2}), ("full", {"learning_rate": 3e-3})],
)
def test_every_method_learns_and_the_same_seed_gives_the_same_weights(workshop, job, utterances, method, changes):
    given = job(method=method, epochs=4, **changes)
    first, again = fit(given, workshop), fit(given, workshop)
    assert first.metrics["accuracy"] > 0.6, "a guess is right in 1/3"
    assert first.stopped in ("done", "early")
    assert (first.version, again.version) == ("v1", "v2")
    assert same(weights(workshop, "v1"), weights(workshop, "v2"))
    assert first.metrics == again.metrics
    manifest = workshop.registry.open("shop", "topic", "v1").manifest
    files = set(manifest["files"])
    assert {"README.md", "head.safetensors"} <= files
    if manifest["method"] == method:  # else the head alone did better
        assert ("adapter_model.safetensors" in files) == (method == "lora")
        assert ("model.safetensors" in files) == (method == "full")
        assert method == "head" or first.metrics["accuracy"] >= first.metrics["floor"]
    assert not list(workshop.runs.rglob("checkpoint.pt")), "a finished run needs no checkpoint"
    # What is served is what was measured.
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    rows = given.examples["validation"]
    answers = engine.predict("shop", "topic", "v1", [row["text"] for row in rows])
    right = sum(answer.label == row["label"] for answer, row in zip(answers, rows, strict=True)) / len(rows)
    assert right == pytest.approx(first.metrics["accuracy"])
    assert sum(not answer.abstained for answer in answers) / len(rows) >= given.recipe.coverage - 1e-9
    loaded = engine.load("shop", "topic", "v1")
    noun = TaskHead(name="topic", dataset="chats")
    measured = evaluate(loaded.head, loaded.encoder, loaded.slot, "v1", noun, rows, "validation", loaded.extent)
    assert measured.metrics["accuracy"] == pytest.approx(right)
    assert measured.metrics["log_loss"] == pytest.approx(first.metrics["log_loss"], rel=1e-4)
    assert sum(support for *_, support in measured.per_label) == measured.rows == len(rows)
    assert sum(count for *_, count in measured.confusions) == round((1 - right) * len(rows))
    assert [label for label, *_ in measured.per_label] == manifest["labels"]


def test_another_seed_gives_other_weights(workshop, job, monkeypatch):
    monkeypatch.setattr(finishing, "_doubt", lambda *_: 1.0)  # what was trained is kept, however it compares
    for seed in (0, 1):
        report = fit(job(method="lora", epochs=1, learning_rate=1e-2, seed=seed), workshop)
        assert workshop.registry.open("shop", "topic", report.version).manifest["method"] == "lora"
    assert not same(weights(workshop, "v1"), weights(workshop, "v2"))


def test_a_method_that_does_worse_saves_the_head_alone(workshop, job):
    harmful = {"learning_rate": 10.0, "head_learning_rate": 10.0, "epochs": 1, "max_grad_norm": 1e6}
    report = fit(job(method="full", **harmful), workshop)
    folder = workshop.registry.open("shop", "topic", report.version)
    assert folder.manifest["method"] == "head"
    assert "model.safetensors" not in folder.manifest["files"]
    assert report.metrics["accuracy"] == report.metrics["floor"]
    (note,) = [note for note in report.notes if "the head alone was saved" in note]
    assert note.startswith("full reached ")
    fit(job(method="head"), workshop)
    assert same(weights(workshop, "v1"), weights(workshop, "v2"))


def test_methods_follow_the_rows():
    auto = Recipe()
    assert choose_method(auto, 299, 3, 5000)[0] == "head"
    assert choose_method(auto, 300, 20, 5000)[:2] == ("lora", 20)
    assert choose_method(auto, 300, 21, 5000)[0] == "head"
    assert choose_method(auto, 10_000, 0, 5000)[:2] == ("lora", 3)
    assert choose_method(Recipe(method="full", epochs=4), 10, 3, 50) == ("full", 4, "as the recipe says")
    assert "299 training rows are too few" in choose_method(auto, 299, 3, 5000)[2]
    assert choose_method(auto, 300, 21, 5000, few_shot=True)[0] == "few_shot"
    assert choose_method(auto, 300, 20, 5000, few_shot=True)[0] == "lora"
    assert choose_method(auto, 40, 21, 5000, few_shot=True)[0] == "head", "less than two rows of each"
    assert choose_method(Recipe(token_budget=100_000), 300, 21, 5000, few_shot=True)[0] == "head"
    assert choose_method(Recipe(token_budget=200_000), 300, 21, 5000, few_shot=True)[0] == "few_shot"


def test_a_token_budget_takes_epochs_and_then_the_method() -> None:
    assert choose_method(Recipe(token_budget=50_000), 1000, 10, 10_000)[:2] == ("lora", 5)
    assert choose_method(Recipe(token_budget=29_999), 1000, 10, 10_000)[0] == "head"
    assert choose_method(Recipe(token_budget=20_000, epochs=2), 1000, 10, 10_000)[:2] == ("lora", 2)


def test_the_manifest_and_the_card_say_how_the_version_was_made(workshop, job):
    report = fit(job(method="head", seed=7, max_tokens=6), workshop)
    folder = workshop.registry.open("shop", "topic", "v1")
    manifest = folder.manifest
    wanted = """labels objective method recipe inputs target encoder tokenizer_sha256 dataset dataset_version seed
        metrics temperature thresholds plugin plugin_version host_version vertical head version created files run"""
    assert set(wanted.split()) <= set(manifest)
    assert manifest["labels"] == ["delivery", "payment", "account"], "in the order given, not sorted"
    assert (manifest["seed"], manifest["dataset"], manifest["dataset_version"]) == (7, "chats", "v1")
    assert (manifest["inputs"], manifest["target"], manifest["run"]) == (["text"], "label", "run-1")
    assert manifest["encoder"]["sha256"] == workshop.encoder.source.sha256
    assert manifest["tokenizer_sha256"] == workshop.encoder.source.tokenizer_sha256
    assert Recipe(**manifest["recipe"]) == Recipe(method="head", epochs=3, seed=7, max_tokens=6, windows=1)
    assert manifest["temperature"] > 0
    assert -1 <= manifest["thresholds"]["familiarity"] <= 1
    assert manifest["rows"] == {"train": 150, "held_out": 60}
    assert "150 of 150 training texts were longer than 6 tokens and were cut" in report.notes
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    for told in ("# shop/topic", "data set version `v1`", "seed 7", f"| accuracy | {report.metrics['accuracy']:.4f} |",
                 "60 held-out rows", "`delivery`, `payment`, `account`", "were cut", "platform train shop/topic",
                 "--data-version v1", "--set seed=7", "--set max_tokens=6", "--set windows=1"):  # fmt: skip
        assert told in card, told


@pytest.mark.parametrize("changes", [{}, {"epochs": None, "learning_rate": 1e-3, "schedule": "cosine"}])
def test_the_command_on_the_card_makes_the_same_recipe(workshop, job, changes):
    given = job(method="head", **changes)
    fit(given, workshop)
    card = (workshop.registry.open("shop", "topic", "v1").path / "README.md").read_text(encoding="utf-8")
    (command,) = [line for line in card.splitlines() if line.startswith("platform train")]
    words = command.split()
    chosen = dict(value.split("=") for option, value in itertools.pairwise(words) if option == "--set")
    assert Recipe().changed(chosen) == given.recipe


def test_without_validation_rows_a_share_is_held_out(workshop, job, utterances):
    report = fit(job(utterances(100), method="head", validation=0.2), workshop)
    assert workshop.registry.open("shop", "topic", "v1").manifest["rows"] == {"train": 80, "held_out": 20}
    assert "20 of 100 training rows were held out: the data set has no validation rows" in report.notes
    with pytest.raises(BadInput, match=r"shop/topic: a share of 0.0 of 100 training rows leaves none.*larger share"):
        fit(job(utterances(100), validation=0.0), workshop)


@pytest.mark.parametrize("method", ["head", "lora"])
def test_refit_trains_once_more_on_all_rows(workshop, job, utterances, method, monkeypatch):
    if method == "lora":  # on a random encoder the head alone may do best; here it must not be saved in its place
        monkeypatch.setattr(sys.modules[fit.__module__], "floor_of", lambda task: None)
    steps: list[int] = []
    told = {"progress": lambda progress: steps.append(progress.total) if progress.stage == "training" else None}
    for refit in (False, True):
        recipe = {"method": method, "learning_rate": 1e-2, "head_learning_rate": 1e-2, "label_smoothing": 0.0}
        report = fit(job(utterances(100), **recipe, epochs=4, validation=0.2, refit=refit, **told), workshop)
    plain, again = (workshop.registry.open("shop", "topic", version).manifest for version in ("v1", "v2"))
    assert plain["metrics"] == again["metrics"], "the figures are those of the measured head"
    assert not same(weights(workshop, "v1"), weights(workshop, "v2"))
    assert any("trained on 80 rows; the version was then trained in the same way on all 100" in x for x in report.notes)
    assert again["method"] == method
    if method == "lora":
        figures = [epoch["accuracy"] for epoch in report.history]
        assert steps[-1] == 100 * (1 + figures.index(max(figures))), "as many epochs as did best"


@pytest.mark.parametrize(
    ("examples", "changes", "told"),
    [
        ([], {"labels": ()}, r"shop/topic has no training rows\..*platform data import"),
        ([], {"method": "lora"}, r"shop/topic has no training rows\..*platform data import"),
        ([{"text": "a", "label": "payment"}] * 9, {}, "every training row has the label 'payment'"),
        ([{"text": "a", "label": "paymnt"}] * 9, {}, "'paymnt' is not a label of this head. Did you mean 'payment'"),
        (None, {"method": "lora", "lora_rank": 64}, r"lora_rank is 64; adapters are served up to rank 32\. Give"),
        (None, {"encoder": "another/encoder"}, r"encoder is 'another/encoder'; this platform runs 'tiny'.*ENCODER"),
        ([{"text": "a", "label": float("nan")}] * 9, {"objective": "score"}, "row 1: 'label' is nan, not a finite"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_anything_is_written(workshop, job, examples, changes, told):
    with pytest.raises(BadInput, match=told):
        fit(job(examples, **changes), workshop)
    assert workshop.registry.list() == []
    assert not workshop.runs.exists()


@pytest.fixture
def little_memory(monkeypatch):
    """Memory runs out with more than five rows at once."""
    forward = Prepared.forward

    def short(self, encoder, which, change=None):
        if len(which) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, encoder, which, change)

    return lambda: monkeypatch.setattr(Prepared, "forward", short)


def test_memory_that_runs_out_is_told_in_the_notes_and_on_the_card(workshop, job, utterances, little_memory):
    given = job({"train": utterances(60), "validation": utterances(30, 1)}, method="lora", epochs=1, batch_size=24)
    expected = fit(given, workshop)
    assert not [note for note in expected.notes if "memory" in note]
    little_memory()
    report = fit(given, workshop)
    told = "memory ran out with 24 rows at once: 3 at once were computed instead (micro_batch=3 spares the attempts)"
    assert report.notes.count(told) == 1
    assert report.metrics == pytest.approx(expected.metrics, rel=1e-3)
    assert f"- {told}" in (workshop.registry.open("shop", "topic", "v2").path / "README.md").read_text()


def test_memory_that_runs_out_where_rows_are_compared_says_what_to_do(workshop, job, utterances, little_memory):
    rows = [{"query": row["text"], "item": f"{row['text']} {at}"} for at, row in enumerate(utterances(40))]
    little_memory()
    with pytest.raises(Unavailable, match=r"Memory runs out with 24 rows.*compares.*Set a smaller batch_size"):
        fit(job(rows, objective="embed", inputs=("query",), target="item", method="lora", batch_size=24), workshop)


def test_a_score_head_learns_a_number(workshop, job, utterances):
    worth = {"delivery": 10.0, "payment": 20.0, "account": 40.0}
    examples = {split: [{"text": row["text"], "label": worth[row["label"]]} for row in utterances(count, seed=count)]
                for split, count in (("train", 150), ("validation", 60))}  # fmt: skip
    report = fit(job(examples, objective="score", method="head"), workshop)
    assert report.metrics["r2"] > 0.3
    assert 0 < report.metrics["mae"] < report.metrics["rmse"] < 13
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    (answer,) = engine.predict("shop", "topic", "v1", ["password login profile"])
    assert answer.label is None
    assert 20 < answer.value < 60
    assert answer.confidence == pytest.approx(report.metrics["r2"], abs=0.1)
    examples["validation"][4]["label"] = float("inf")
    with pytest.raises(BadInput, match="Row 5 of the split 'validation': 'label' is inf"):
        fit(job(examples, objective="score", method="head"), workshop)


def test_a_rank_head_learns_which_belongs_to_which(workshop, job, utterances):
    items = {"delivery": "all about couriers", "payment": "money and cards", "account": "who you are here"}
    examples = {split: [{"query": row["text"], "item": f"{items[row['label']]} {at % 5}"}
                        for at, row in enumerate(utterances(count, seed=count))]
                for split, count in (("train", 150), ("validation", 45))}  # fmt: skip
    changes = {"objective": "rank", "inputs": ("query",), "target": "item"}
    report = fit(job(examples, method="lora", epochs=6, learning_rate=1e-2, **changes), workshop)
    guess = sum(1 / rank for rank in range(1, 16)) / 15
    assert report.metrics["mrr"] > guess + 0.1
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    candidates = {name: f"{text} 1" for name, text in items.items()}
    (answer,) = engine.predict("shop", "topic", "v1", [{"query": "my courier and my parcel", "candidates": candidates}])
    assert {name for name, _ in answer.ranking} == set(items)
    assert 0 < answer.confidence < 1


FRESH = """
import json, sys
from pathlib import Path
from verticals.encoder import Encoder, locate
from verticals.inference import Engine
from verticals.store import Registry, Store

home, encoder, texts = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
with Store.open(f"sqlite:///{home / 'platform.db'}") as store:
    engine = Engine(Registry(store, home / "models"), lambda: Encoder.open(locate(encoder), "fp32", "cpu"))
    answers = engine.predict("shop", "topic", "v1", texts)
    print(json.dumps([[answer.label, answer.ranking, answer.familiarity] for answer in answers]))
"""


def test_a_fresh_process_answers_the_same_with_the_labels_in_order(workshop, job, tmp_path):
    fit(job(method="lora", epochs=2, learning_rate=1e-2), workshop)
    texts = ["where is my parcel", "my card", "password please", "zzz"]
    here = Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", "v1", texts)
    encoder = str(workshop.encoder.source.path)
    command = [sys.executable, "-c", FRESH, str(tmp_path), encoder, json.dumps(texts)]
    there = json.loads(subprocess.check_output(command, text=True))
    for answer, (label, ranking, familiarity) in zip(here, there, strict=True):
        assert answer.label == label
        assert [name for name, _ in answer.ranking] == [name for name, _ in ranking]
        assert [chance for _, chance in answer.ranking] == pytest.approx([chance for _, chance in ranking], abs=1e-5)
        assert answer.familiarity == pytest.approx(familiarity, abs=1e-5)


def test_progress_tells_stages_rates_and_figures(workshop, job):
    seen = []
    fit(dataclasses.replace(job(method="lora", epochs=2, learning_rate=1e-2), progress=seen.append), workshop)
    assert [stage for at, stage in enumerate(p.stage for p in seen) if not at or stage != seen[at - 1].stage] == [
        "encoding", "training", "saving",
    ]  # fmt: skip
    training = [progress for progress in seen if progress.stage == "training"]
    assert [progress.done for progress in training] == sorted(progress.done for progress in training)
    assert (training[-1].done, training[-1].total) == (300, 300)
    assert training[-1].seconds_left == 0
    assert all(progress.rate > 0 for progress in training)
    assert "accuracy" in training[-1].metrics
    encoding = [progress for progress in seen if progress.stage == "encoding"]
    assert (encoding[-1].done, encoding[-1].total, encoding[-1].unit) == (210, 210, "texts")


def test_the_recipes_precision_is_used(workshop, job):
    exact = fit(job(method="head", precision="fp32"), workshop)
    half = fit(job(method="head", precision="bf16"), workshop)
    assert exact.metrics["log_loss"] != half.metrics["log_loss"]
    assert exact.metrics["log_loss"] == pytest.approx(half.metrics["log_loss"], abs=0.1)
    assert workshop.encoder.precision.name == "fp32"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", ["head", "lora", "full"])
def test_every_method_trains_and_serves_on_a_gpu(workshop, job, tiny_encoder, method):
    from verticals.encoder import Encoder, locate

    workshop.encoder = Encoder.open(locate(str(tiny_encoder)), "bf16", "cuda")
    report = fit(job(method=method, epochs=2), workshop)
    assert report.metrics["accuracy"] > 0.5
    folder = workshop.registry.open("shop", "topic", report.version)
    assert load(folder, workshop.encoder).encoder.precision.device.type == "cuda"
