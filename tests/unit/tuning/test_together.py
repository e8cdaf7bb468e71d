"""Heads trained together: each comes out as a version that answers as its metrics say; all stop and go on together."""

import dataclasses

import pytest
from safetensors.torch import load_file
from torch import equal

from verticals.contract import BadInput
from verticals.inference import Engine
from verticals.tuning import fit_together

NAMES = ["shop/topic", "shop/short", "shop/worth"]
QUICK = {
    "method": "lora", "lora_layers": "all", "epochs": 4, "learning_rate": 1e-2, "head_learning_rate": 2e-2,
    "max_tokens": 24, "patience": 0, "windows": 1, "together": ",".join(NAMES),
}  # fmt: skip


class Killed(BaseException):
    """Ends training where it is raised, as kill -9 would."""


@pytest.fixture
def jobs(job, utterances):
    """Makes jobs of three heads of different objectives."""
    worth = {"delivery": 10.0, "payment": 20.0, "account": 40.0}
    target_of = {
        "topic": lambda row: row["label"],
        "short": lambda row: "yes" if row["label"] == "delivery" else "no",
        "worth": lambda row: worth[row["label"]],
    }

    def make(runs=("run-1", "run-2", "run-3"), **changes):
        made = []
        own = {key: changes.pop(key) for key in ("resume",) if key in changes}
        for (head, target), run in zip(target_of.items(), runs, strict=True):
            examples = {split: [{"text": row["text"], "label": target(row)} for row in utterances(count, seed)]
                        for split, count, seed in (("train", 120, 3), ("validation", 60, 4))}  # fmt: skip
            more = {"objective": "score", "labels": ()} if head == "worth" else {}
            if head == "short":
                more["labels"] = ("yes", "no")
            made.append(job(examples, head=head, run=run, **{**QUICK, **changes}, **more, **own))
        return made

    return make


@pytest.fixture
def train(workshop):
    return lambda jobs, **more: fit_together(jobs, [workshop] * len(jobs), **more)


def weights(workshop, version="v1"):
    found = {}
    for name in NAMES:
        folder = workshop.registry.open(*name.split("/"), version).path
        for path in sorted(folder.glob("*.safetensors")):
            found |= {f"{name} {path.name} {key}": tensor for key, tensor in load_file(path).items()}
    return found


def same(first, second):
    return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)


@pytest.fixture
def without_floor(monkeypatch):
    """On random weights the head alone does best; here it must not be saved in the method's place."""
    import sys

    module = sys.modules["verticals.tuning.together"]
    found = module.floor_of
    monkeypatch.setattr(
        module, "floor_of", lambda task: dataclasses.replace(found(task), figure=-1.0)
    )  # fmt: skip


@pytest.mark.parametrize("method", ["lora", "full"])
def test_each_head_is_a_version_whole_by_itself_that_answers_as_its_metrics_say(
    workshop, jobs, train, without_floor, method
):
    rates = {} if method == "lora" else {"learning_rate": 3e-3}
    given = jobs(method=method, **rates)
    seen, own = [], []
    given[1] = dataclasses.replace(given[1], progress=own.append)
    reports = train(given, progress=seen.append)
    assert [report.version for report in reports] == ["v1"] * 3
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    for one, report in zip(given, reports, strict=True):
        folder = workshop.registry.open("shop", one.head, "v1")
        manifest = folder.manifest
        assert manifest["method"] == method
        assert manifest["together"] == dict.fromkeys(NAMES, "v1")
        assert (manifest["run"], manifest["recipe"]["together"]) == (one.run, ",".join(NAMES))
        weighty = "adapter_model.safetensors" if method == "lora" else "model.safetensors"
        assert {"README.md", "head.safetensors", weighty} <= set(manifest["files"])
        (told,) = [note for note in report.notes if note.startswith("trained together with ")]
        assert one.head not in told.split(" on one shared body")[0].replace("shop/", "").split()
        card = (folder.path / "README.md").read_text(encoding="utf-8")
        assert told in card
        assert f"--set together={','.join(NAMES)}" in card
        rows = one.examples["validation"]
        answers = engine.predict("shop", one.head, "v1", [row["text"] for row in rows])
        if one.objective == "score":
            gaps = [abs(answer.value - row["label"]) for answer, row in zip(answers, rows, strict=True)]
            assert sum(gaps) / len(gaps) == pytest.approx(report.metrics["mae"], rel=1e-3)
        else:
            right = sum(answer.label == row["label"] for answer, row in zip(answers, rows, strict=True)) / len(rows)
            assert right == pytest.approx(report.metrics["accuracy"])
        assert "floor" in report.metrics
        assert [row["epoch"] for row in report.history] == [1, 2, 3, 4]
        assert all("mean" in row and not any(" " in name for name in row) for row in report.history)
    assert reports[0].metrics["accuracy"] > 0.6, "a guess is right in 1/3"
    assert not list(workshop.runs.rglob("checkpoint*.pt"))
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == [*(f"{name} encoding" for name in NAMES), "training", *(f"{name} saving" for name in NAMES)]
    last = [progress for progress in seen if progress.stage == "training"][-1]
    assert (last.done, last.total) == (4 * 360, 4 * 360)
    assert list(last.metrics)[:3] == ["epoch", "loss", "mean"]
    assert "shop/worth r2" in last.metrics
    assert list(dict.fromkeys(progress.stage for progress in own)) == ["encoding", "training", "saving"]
    mine = [progress for progress in own if "accuracy" in progress.metrics]
    assert len(mine) == 4
    assert "r2" not in mine[-1].metrics


def test_a_head_that_reads_words_goes_with_one_that_reads_texts(workshop, job, jobs, train, without_floor):
    rows = [{"text": ["meet", name, "in", place], "label": ["O", "B-person", "O", "B-place"]}
            for name in ("anna", "ugo", "ben") for place in ("oslo", "rome", "lima")]  # fmt: skip
    examples = {"train": rows * 8, "validation": rows}
    tag = job(examples, head="names", objective="tag", labels=("person", "place"), run="run-9", **QUICK)
    topic, *_ = jobs()
    reports = train([topic, tag])
    assert reports[1].metrics["f1"] > 0.9
    assert reports[0].metrics["accuracy"] > 0.6
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    (answer,) = engine.predict("shop", "names", "v1", [["meet", "ugo", "in", "lima"]])
    assert [(span.label, span.start) for span in answer.spans] == [("person", 5), ("place", 12)]


def test_the_same_body_lies_under_all(workshop, jobs, train, without_floor):
    train(jobs())
    bodies = [
        load_file(workshop.registry.open(*name.split("/"), "v1").path / "adapter_model.safetensors") for name in NAMES
    ]
    assert all(same(bodies[0], body) for body in bodies)


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_interrupted_goes_on_to_the_same_weights(workshop, jobs, train, without_floor, killed):
    train(jobs())
    wanted = weights(workshop)
    steps = []

    def end_in_the_third_epoch(progress):
        if progress.stage == "training":
            steps.append(progress)
            if len(steps) == 30:
                if killed:
                    raise Killed
                workshop.stop.set()

    runs = ("run-4", "run-5", "run-6")
    if killed:
        with pytest.raises(Killed):
            train(jobs(runs), progress=end_in_the_third_epoch)
    else:
        reports = train(jobs(runs), progress=end_in_the_third_epoch)
        assert {report.stopped for report in reports} == {"interrupted"}
        assert all(row.keys() >= {"epoch", "loss"} for report in reports for row in report.history)
    assert (workshop.runs / "run-4" / "checkpoint.pt").is_file()
    assert {record.version for record in workshop.registry.list()} == {"v1"}
    workshop.stop.clear()
    reports = train(jobs(runs, resume=True))
    assert [report.version for report in reports] == ["v2"] * 3
    assert same(weights(workshop, "v2"), wanted)


def test_killed_while_the_versions_are_saved_it_saves_only_those_that_are_missing(workshop, jobs, train):
    def end(progress):
        if progress.stage == "shop/short saving":
            raise Killed

    with pytest.raises(Killed):
        train(jobs(), progress=end)
    assert [record.reference for record in workshop.registry.list()] == ["shop/topic@v1"]
    assert [report.version for report in train(jobs(resume=True))] == ["v1"] * 3
    assert len(workshop.registry.list()) == 3


def test_a_head_that_does_worse_is_saved_alone(workshop, jobs, train):
    harmful = {"learning_rate": 10.0, "head_learning_rate": 10.0, "epochs": 1, "max_grad_norm": 1e6}
    reports = train(jobs(**harmful))
    assert all("the head alone was saved" in " ".join(report.notes) for report in reports)
    manifest = workshop.registry.open("shop", "topic", "v1").manifest
    assert manifest["method"] == "head"
    assert "adapter_model.safetensors" not in manifest["files"]
    assert reports[0].metrics["accuracy"] == reports[0].metrics["floor"]


def test_auto_goes_by_the_rows_of_all_heads(workshop, jobs, train):
    reports = train(jobs(method="auto", epochs=1))
    assert "method lora: 360 training rows are enough to adapt the encoder" in reports[2].notes, "each alone has 120"
    few = [dataclasses.replace(one, examples={**one.examples, "train": one.examples["train"][:30]})
           for one in jobs(method="auto")]  # fmt: skip
    with pytest.raises(BadInput, match=r"better trained as heads alone: 90 training rows are too few.*--method lora"):
        train(few)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method": "few_shot"}, r"method is 'few_shot'; heads are trained together by 'lora' or 'full'.*--method"),
        ({"method": "head"}, "by 'lora' or 'full'"),
        ({"start_from": "live"}, r"start_from is 'live', which heads .* cannot have.*\(start_from=\), or train each"),
        ({"pseudo_labels": 0.9}, r"pseudo_labels is 0.9.*\(pseudo_labels=0.0\)"),
        ({"refit": True}, r"refit is True.*\(refit=False\)"),
    ],
)
def test_what_cannot_be_combined_says_so(workshop, jobs, train, changes, told):
    with pytest.raises(BadInput, match=told):
        train(jobs(**changes))
    assert not workshop.runs.exists()


def test_a_head_with_a_network_of_its_own_has_nothing_to_share(jobs, train):
    first, second, _ = jobs()
    with pytest.raises(BadInput, match=r"shop/short has a network of its own .*'classify_image'"):
        train([first, dataclasses.replace(second, objective="classify_image")])


def test_a_heads_bad_rows_are_its_own(jobs, train):
    first, second, _ = jobs()
    with pytest.raises(BadInput, match="shop/short has no training rows"):
        train([first, dataclasses.replace(second, examples={"train": []}, labels=())])


@pytest.mark.parametrize("changes", [{"frozen_layers": 1, "micro_batch": 5}, {"head_start": "fitted"}, {"dora": True},
                                     {"adversarial": "fgm", "augment": 1}], ids=str)  # fmt: skip
def test_options_of_the_recipe_go_with_it(workshop, jobs, train, without_floor, changes):
    reports = train(jobs(epochs=2, **changes))
    assert [report.version for report in reports] == ["v1"] * 3
    assert reports[0].history[1]["loss"] < reports[0].history[0]["loss"]
