"""Several labels: figures by hand, thresholds, calibration, bad rows, and a whole training."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals.contract import BadInput, Recipe, TaskHead
from verticals.encoder.heads import MultilabelHead
from verticals.inference import Engine
from verticals.tuning import evaluate, fit
from verticals.tuning.evaluation.tables import by_label
from verticals.tuning.objectives import Multilabel
from verticals.tuning.objectives.multilabel import average_precision, best_threshold


class Saying(MultilabelHead):
    """A head whose logits are its features."""

    def forward(self, features):
        return features


def said_and_true(chances, truth, thresholds=(), labels=("a", "b", "c")):
    head, objective = Saying(len(labels), labels, thresholds=thresholds), Multilabel(("text",), "topics")
    objective.adopt(head)
    targets = torch.tensor([objective.target_of({"topics": one}) for one in truth])
    return objective, head, torch.tensor(chances).logit()[:, None], targets


def test_figures_by_hand():
    chances = [[0.9, 0.6, 0.1], [0.2, 0.7, 0.1], [0.8, 0.4, 0.3], [0.1, 0.1, 0.1]]
    objective, head, features, targets = said_and_true(chances, [["a", "b"], ["a"], ["a"], []])
    figures = objective.metrics(head, features, targets)
    # a: said rows 1 and 3, true 1, 2, 3; b: said 1 and 2, true 1
    assert figures["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert figures["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    assert figures["exact_match"] == 0.75 - 0.25 + 0.25, "rows 1, 3 and 4"
    assert figures["mean_average_precision"] == pytest.approx((1.0 + 1 / 2) / 2)
    assert figures["log_loss"] == pytest.approx(
        -sum(map(math.log, (0.9, 0.6, 0.9, 0.2, 0.3, 0.9, 0.8, 0.6, 0.7, 0.9, 0.9, 0.9))) / 12, rel=1e-5
    )
    outcomes = objective.outcomes(head, features, targets)
    assert outcomes.said == [["a", "b"], ["b"], ["a"], []]
    assert outcomes.right.tolist() == [True, False, True, True]
    assert int(outcomes.loss.argmax()) == 1
    assert by_label(outcomes)[0] == ("a", 1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3)


def test_a_label_that_training_never_saw_is_missed():
    chances = [[0.9, 0.1, 0.1], [0.9, 0.1, 0.1]]
    objective, head, features, targets = said_and_true(chances, [["a"], ["a", "new"]])
    figures = objective.metrics(head, features, targets)
    assert figures["micro_f1"] == pytest.approx(4 / 5)
    assert figures["exact_match"] == 0.5
    assert objective.outcomes(head, features, targets).known.tolist() == [True, False]
    assert torch.isfinite(objective.losses(head, features, targets, Recipe())).all()


scored = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8, 0.9]), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(scored)
def test_average_precision_and_threshold_are_what_trying_all_gives(rows):
    scores, truth = torch.tensor([score for score, _ in rows]), torch.tensor([true for _, true in rows])
    if not truth.any():
        return

    def at(threshold):
        said = scores >= threshold
        right = int((said & truth).sum())
        return right / max(1, int(said.sum())), right / int(truth.sum()), 2 * right / int(said.sum() + truth.sum())

    steps = [at(score) for score in sorted(set(scores.tolist()), reverse=True)]
    gains = [(recall - before) * precision for (precision, recall, _), before in
             zip(steps, [0.0, *(step[1] for step in steps)], strict=False)]  # fmt: skip
    assert average_precision(scores, truth) == pytest.approx(sum(gains))
    assert at(best_threshold(scores, truth))[2] == pytest.approx(max(step[2] for step in steps))


def test_thresholds_are_found_for_each_label_and_shared_by_the_rare():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(400, 3, generator=generator) < torch.tensor([0.5, 0.1, 0.005])
    logits = 3.0 * (2 * truth.float() - torch.tensor([1.0, 2.5, 1.0]) + 0.3 * torch.randn(400, 3, generator=generator))
    head, objective = Saying(3, ("a", "b", "c")), Multilabel(("text",), "topics")
    objective.adopt(head)
    targets = torch.cat([truth.float(), torch.zeros(400, 1)], dim=1)
    before = objective.metrics(head, logits[:, None], targets)
    objective.calibrate(head, logits[:, None], targets)
    after = objective.metrics(head, logits[:, None], targets)
    assert int(truth[:, 2].sum()) < 5
    assert len(set(head.thresholds)) == 3
    assert head.thresholds[1] < 0.4 < head.thresholds[0]
    assert after["macro_f1"] > before["macro_f1"]
    assert after["log_loss"] < before["log_loss"]
    assert after["mean_average_precision"] == pytest.approx(before["mean_average_precision"])
    objective.calibrate(head, logits[:, None], torch.zeros(400, 4))
    assert head.thresholds == [0.5] * 3, "nothing applies to any row"


def test_weights_and_focal():
    rows = [{"topics": ["a"]}] + [{"topics": ["b"]}] * 9
    losses = {}
    for name, recipe in (("none", Recipe()), ("balanced", Recipe(class_weights="balanced")),
                         ("sqrt", Recipe(class_weights="sqrt")), ("focal", Recipe(loss="focal"))):  # fmt: skip
        objective = Multilabel(("text",), "topics")
        objective.recipe = recipe
        objective.learn(rows, ())
        head = Saying(2, ("a", "b"))
        losses[name] = float(objective.losses(head, torch.zeros(1, 1, 2), torch.tensor([[1.0, 0.0, 0.0]]), recipe)[0])
    once = math.log(2)
    assert losses["none"] == pytest.approx(2 * once)
    assert losses["balanced"] == pytest.approx((9 + 1) * once)
    assert losses["sqrt"] == pytest.approx((3 + 1) * once)
    assert losses["focal"] == pytest.approx(2 * once / 4)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("billing", "'topics' is a str, not a list of labels"), (None, "'topics' is empty, not a list"),
        (["billing", ""], "'topics' holds '', which is no label"), ([3], "'topics' holds 3"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(bad, told):
    rows = [{"topics": ["billing"]}, {"topics": bad}]
    with pytest.raises(BadInput, match=f"Row 2 of the split 'train': {told}"):
        Multilabel(("text",), "topics").learn(rows, ())


def test_labels_must_be_known_and_differ():
    objective = Multilabel(("text",), "topics")
    with pytest.raises(BadInput, match=r"'biling' is not a label.*Did you mean 'billing'"):
        objective.learn([{"topics": ["biling"]}, {"topics": []}], ("billing", "delivery"))
    for same, told in ((["a", "b"], "a, b"), ([], "none")):
        with pytest.raises(BadInput, match=rf"every training row has the same labels \({told}\)"):
            objective.learn([{"topics": same}] * 4, ())
    objective.learn([{"topics": ["a", "a"]}, {"topics": []}], ())
    assert objective.labels == ("a",), "one label is enough where it does not always apply"


def test_a_trained_head_says_all_that_applies(job, workshop, encoder, utterances):
    def rows(count, seed):
        singles = utterances(count, seed)
        paired = [{"text": f"{one['text']} {other['text']}", "topics": sorted({one["label"], other["label"]})}
                  for one, other in itertools.pairwise(singles)]  # fmt: skip
        none = [{"text": "please where is my the", "topics": []}, {"text": "today again help", "topics": []}]
        return [{"text": one["text"], "topics": [one["label"]]} for one in singles] + paired + none * 5

    examples = {"train": rows(90, 0), "validation": rows(40, 1)}
    report = fit(job(examples, objective="multilabel", target="topics", method="head", labels=()), workshop)
    assert report.metrics["micro_f1"] > 0.8
    engine = Engine(workshop.registry, lambda: encoder)
    answers = engine.predict("shop", "topic", report.version, [row["text"] for row in examples["validation"]])
    loaded = engine.load("shop", "topic", report.version)
    least = loaded.manifest["thresholds"]["labels"]
    for answer in answers:
        assert answer.labels == tuple(label for label, chance in answer.ranking if chance >= least[label])
        assert answer.label == (answer.labels[0] if answer.labels else None)
        assert answer.confidence == (dict(answer.ranking)[answer.label] if answer.label else 1 - answer.ranking[0][1])
    right = [set(answer.labels) == set(row["topics"])
             for answer, row in zip(answers, examples["validation"], strict=True)]  # fmt: skip
    assert sum(right) / len(right) == pytest.approx(report.metrics["exact_match"])
    assert {len(answer.labels) for answer in answers} >= {0, 1, 2}
    assert list(loaded.manifest["thresholds"]["labels"]) == ["account", "delivery", "payment"]
    noun = TaskHead("topic", "chats", "multilabel", target="topics")
    held_out = examples["validation"]
    figures = evaluate(loaded.head, encoder, loaded.slot, "v1", noun, held_out, "validation", loaded.extent)
    assert figures.metrics["micro_f1"] == pytest.approx(report.metrics["micro_f1"])
    assert sum(row[4] for row in figures.per_label) == sum(len(row["topics"]) for row in held_out)
