"""Methods for little or no labelled data, and what unlabelled rows add."""

import dataclasses
import threading

import numpy as np
import pytest
import torch

from verticals.contract import BadInput, Recipe, TaskHead
from verticals.inference import Engine
from verticals.tuning import evaluate, fit
from verticals.tuning.label_texts import alternatives, label_vectors, readable
from verticals.tuning.losses import supervised_contrast
from verticals.tuning.prepared import hold_out
from verticals.tuning.sampling import epoch_order

FEW = {"method": "few_shot", "epochs": 8, "learning_rate": 1e-2, "lora_rank": 4}
TEXTS = {"delivery": "parcel|courier|tracking", "payment": "invoice|card|refund", "account": "password|login|profile"}


def answers(workshop, texts, version="v1"):
    return Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", version, texts)


def accuracy(workshop, rows, version="v1"):
    said = answers(workshop, [row["text"] for row in rows], version)
    return np.mean([answer.label == row["label"] for answer, row in zip(said, rows, strict=True)])


@pytest.mark.parametrize(
    ("label", "words"),
    [("card_arrival", "card arrival"), ("card-arrival", "card arrival"), ("cardArrival", "card arrival"),
     ("Refund_not_showing_up", "Refund not showing up"), ("plain", "plain"), ("a.b/c", "a b c"), ("_", "_")],
)  # fmt: skip
def test_a_label_is_read_as_its_name(label, words):
    assert readable(label) == words
    assert alternatives(label, {}) == [words]
    assert alternatives(label, {label: "one | two "}) == ["one", "two"]
    assert alternatives(label, {label: " "}) == [words]


def test_a_label_is_the_mean_direction_of_its_texts_in_all_templates(encoder):
    texts = {"a": "lost card|stolen card"}
    vectors = label_vectors(encoder, ["a", "b_c"], texts, ["{label}", "about {label}!"])
    written = ["lost card", "about lost card!", "stolen card", "about stolen card!"]
    expected = torch.from_numpy(encoder.embed(written)).mean(dim=0)
    torch.testing.assert_close(vectors[0], expected / expected.norm(), rtol=1e-4, atol=1e-5)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))
    with pytest.raises(BadInput, match=r"'nothing' has no \{label\}"):
        label_vectors(encoder, ["a"], {}, ["nothing"])


def test_without_any_rows_the_labels_texts_answer(workshop, job):
    texts = {"delivery": "courier", "payment": "invoice", "account": "password"}
    report = fit(job({"train": []}, label_texts=texts), workshop)
    manifest = workshop.registry.open("shop", "topic", "v1").manifest
    assert (manifest["method"], report.metrics, report.stopped) == ("zero_shot", {}, "done")
    assert manifest["rows"] == {"train": 0, "held_out": 0}
    assert "method zero_shot: there are no labelled rows to train on" in report.notes
    said = answers(workshop, ["courier", "invoice", "password", "zq zq zq # # # (((("])
    assert [answer.label for answer in said[:3]] == list(TEXTS)
    assert not any(answer.abstained for answer in said[:3])
    assert said[0].familiarity == pytest.approx(max(
        float(vector @ torch.from_numpy(workshop.encoder.embed(["courier"]))[0])
        for vector in label_vectors(workshop.encoder, list(texts), texts, ["{label}", "This is about {label}."])
    ), abs=1e-5)  # fmt: skip


def test_labelled_rows_calibrate_a_zero_shot_head_and_all_of_them_measure_it(workshop, job, utterances):
    rows = utterances(90)
    report = fit(job(rows, method="zero_shot", label_texts=TEXTS), workshop)
    assert report.metrics["accuracy"] == pytest.approx(accuracy(workshop, rows))
    manifest = workshop.registry.open("shop", "topic", "v1").manifest
    assert manifest["rows"] == {"train": 0, "held_out": 90}
    assert manifest["method"] == "zero_shot", "it need not beat a head that has learned from the rows"
    assert "floor" not in report.metrics
    assert np.mean([answer.abstained for answer in answers(workshop, [row["text"] for row in rows])]) <= 0.03
    fit(job({"train": []}, label_texts=TEXTS), workshop)
    assert manifest["temperature"] != workshop.registry.open("shop", "topic", "v2").manifest["temperature"] == 1.0


def test_zero_shot_refuses_what_has_no_labels(workshop, job, utterances):
    rows = [{"text": row["text"], "label": 1.0} for row in utterances(9)]
    with pytest.raises(BadInput, match="'zero_shot' does not fit the objective 'score'"):
        fit(job(rows, objective="score", method="zero_shot"), workshop)


def test_few_shot_learns_measures_on_a_fifth_and_ends_with_all_rows(workshop, job, utterances):
    rows = utterances(30)
    given = job(rows, label_texts=TEXTS, **FEW)
    report = fit(given, workshop)
    folder = workshop.registry.open("shop", "topic", "v1")
    assert folder.manifest["method"] == "few_shot"
    assert folder.manifest["rows"] == {"train": 24, "held_out": 6}
    assert "adapter_model.safetensors" in folder.manifest["files"]
    assert any("trained in the same way on all 30" in note for note in report.notes)
    assert accuracy(workshop, utterances(60, seed=1)) > 0.5, "a guess is right in 1/3"
    again = fit(given, workshop)
    assert again.metrics == report.metrics
    texts = [row["text"] for row in utterances(5, seed=2)]
    assert [answer.ranking for answer in answers(workshop, texts)] == [
        answer.ranking for answer in answers(workshop, texts, "v2")
    ]


def test_few_shot_with_validation_rows_trains_once(workshop, job, utterances):
    examples = {"train": utterances(18), "validation": utterances(30, seed=1)}
    report = fit(job(examples, **FEW), workshop)
    assert report.metrics["accuracy"] == pytest.approx(accuracy(workshop, examples["validation"]))
    assert not any("on all" in note for note in report.notes)


@pytest.mark.parametrize(("labels", "each"), [(2, 2), (40, 2)])
def test_few_shot_takes_two_rows_of_two_or_many_labels(workshop, job, labels, each):
    rows = [{"text": f"word{label} thing{label} {copy}", "label": f"l{label}"}
            for label in range(labels) for copy in range(each)]  # fmt: skip
    report = fit(job(rows, labels=(), **{**FEW, "epochs": 2}), workshop)
    assert any(note.startswith("method few_shot") for note in report.notes)
    assert (len(report.history), report.stopped) == (3, "done") or "the head alone was saved" in " ".join(report.notes)
    assert workshop.registry.open("shop", "topic", "v1").manifest["labels"] == sorted({row["label"] for row in rows})


def test_an_interrupted_few_shot_run_ends_as_an_undisturbed_one(workshop, job, utterances):
    given = job(utterances(30), **{**FEW, "epochs": 3})
    fit(given, workshop)
    for stage in (1, 2):  # in the measured training, then in that on all rows
        seen = []

        def stop(progress, stage=stage, seen=seen):
            if progress.stage == "training":
                seen.append(progress.done)
            began = sum(1 for at, done in enumerate(seen) if at == 0 or done < seen[at - 1])
            if began == stage and progress.stage == "training":
                workshop.stop.set()

        broken = dataclasses.replace(given, run=f"run-{stage + 1}", progress=stop)
        workshop.stop = threading.Event()
        assert fit(broken, workshop).stopped == "interrupted"
        workshop.stop = threading.Event()
        resumed = fit(dataclasses.replace(broken, resume=True, progress=None), workshop)
        texts = [row["text"] for row in utterances(5, seed=2)]
        assert [answer.ranking for answer in answers(workshop, texts)] == [
            answer.ranking for answer in answers(workshop, texts, resumed.version)
        ]


def test_contrast_is_least_when_labels_are_apart():
    targets = torch.tensor([0, 0, 1, 1, 2])
    apart = torch.eye(3)[targets]
    mixed = torch.eye(3)[[0, 1, 0, 1, 2]]
    assert float(supervised_contrast(apart, targets).mean()) < float(supervised_contrast(mixed, targets).mean())
    assert float(supervised_contrast(apart, targets)[4]) == 0, "alone in its label"


def test_batches_of_pairs_hold_two_rows_of_each_of_their_labels(utterances, encoder):
    data = _prepared(encoder, utterances(30))
    for which in epoch_order(data, Recipe(sampling="pairs", batch_size=6), 0):
        _, counts = np.unique(data.targets.numpy()[which], return_counts=True)
        assert (counts == 2).all()
        assert len(counts) == 3


def _prepared(encoder, rows):
    from verticals.tuning.objectives import Classify

    objective = Classify(("text",), "label")
    objective.learn(rows, ())
    return objective.prepare(rows, "train", encoder, 24)


def test_two_rows_per_label_leave_one_of_each_to_learn_from():
    targets = torch.arange(40).repeat_interleave(2)
    kept, held = hold_out(targets, 0.2, np.arange(80))
    assert len(held) == 16
    assert len(set(targets[torch.from_numpy(kept)].tolist())) == 40


def unlabelled(rows):
    return [{"text": row["text"], "label": None} for row in rows]


def test_pseudo_labels_are_learned_from_where_the_head_is_sure(workshop, job, utterances):
    more = utterances(60, seed=3)
    examples = {"train": utterances(60), "validation": utterances(30, seed=1)}
    given = job(examples, method="head", unlabelled=unlabelled(more), pseudo_labels=0.6)
    report = fit(given, workshop)
    rows = workshop.registry.open("shop", "topic", "v1").manifest["rows"]
    (note,) = [note for note in report.notes if "unlabelled rows" in note]
    taken = rows["train"] - 60
    assert 0 < taken <= 60
    assert rows["held_out"] == 30, "no pseudo-label is measured on"
    assert note.startswith(f"{taken} of 60 unlabelled rows were learned from")
    counts = [int(part.rsplit(" ", 1)[1]) for part in note.split(": ", 1)[1].split(", ")]
    assert sum(counts) == taken
    none = fit(job(examples, method="head", unlabelled=unlabelled(more), pseudo_labels=1.0), workshop)
    assert any("0 of 60 unlabelled rows" in note for note in none.notes)


def test_pseudo_labels_need_unlabelled_rows_and_labels(workshop, job, utterances):
    with pytest.raises(BadInput, match="no unlabelled training rows"):
        fit(job(utterances(60), method="head", pseudo_labels=0.9), workshop)
    rows = [{"text": row["text"], "label": float(at)} for at, row in enumerate(utterances(30))]
    with pytest.raises(BadInput, match="gives a row no single label"):
        fit(job(rows, objective="score", method="head", pseudo_labels=0.9, unlabelled=unlabelled(rows)), workshop)


def test_a_zero_shot_head_is_evaluated_like_any_other(workshop, job, utterances):
    fit(job({"train": []}, label_texts=TEXTS), workshop)
    loaded = Engine(workshop.registry, lambda: workshop.encoder).load("shop", "topic", "v1")
    rows = utterances(30)
    measured = evaluate(
        loaded.head, loaded.encoder, loaded.slot, "v1", TaskHead("topic", "chats"), rows, "test", loaded.extent
    )
    assert measured.metrics["accuracy"] == pytest.approx(accuracy(workshop, rows))
