"""Figures with intervals, tables, slices, errors with their neighbours, and the report that is made of them."""

import csv
import io
import math
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from verticals.contract import BadInput, Recipe, TaskHead
from verticals.encoder.heads import ClassifyHead, ScoreHead
from verticals.inference import Engine
from verticals.tuning import evaluate, fit, write_report
from verticals.tuning.evaluation import Answers, summary
from verticals.tuning.evaluation.pictures import calibration_picture, confusion_picture
from verticals.tuning.evaluation.slices import group_names, slice_by
from verticals.tuning.objectives import Classify, Rank, Score
from verticals.tuning.objectives.base import Objective
from verticals.tuning.objectives.outcomes import of_labels
from verticals.tuning.resampling import draws_of, interval, intervals, resampled

LABELS = ("a", "b", "c")


def classified(rows=200, seed=0):
    """A classifier of three directions, right on most of the rows."""
    torch.manual_seed(seed)
    head = ClassifyHead(8, LABELS)
    with torch.no_grad():
        head.linear.weight[:, :3] = torch.eye(3)
    targets = torch.randint(3, (rows,))
    features = torch.randn(rows, 1, 8)
    features[torch.arange(rows), 0, targets] += 1.5
    objective = Classify(("text",), "label")
    objective.adopt(head)
    with torch.no_grad():
        return Answers(objective, head, features, targets, objective.outcomes(head, features, targets))


def test_figures_of_the_sums_are_the_objectives_own():
    answers = classified()
    answers.targets[:5] = -100  # labels that training never saw
    with torch.no_grad():
        outcomes = answers.objective.outcomes(answers.head, answers.features, answers.targets)
        own = answers.objective.metrics(answers.head, answers.features, answers.targets)
    for name, value in outcomes.figures(outcomes.sums()).items():
        assert float(value) == pytest.approx(own[name], rel=1e-4), name
    assert not outcomes.right[:5].any()


def test_scores_and_ranks_give_the_same_figures_by_sums():
    torch.manual_seed(1)
    score = Score(("text",), "value")
    head = ScoreHead(8, 3.0, 2.0)
    torch.nn.init.normal_(head.linear.weight)
    score.adopt(head)
    features, targets = torch.randn(50, 1, 8), torch.randn(50)
    rank = Rank(("query",), "item")
    items = torch.tensor([rank.target_of({"item": f"item {at % 12}"}) for at in range(50)])
    pairs = torch.randn(50, 2, 8)
    ranker = rank.head(8, Recipe())
    with torch.no_grad():
        for objective, own, given, truth in ((score, head, features, targets), (rank, ranker.eval(), pairs, items)):
            outcomes = objective.outcomes(own, given, truth)
            expected = objective.metrics(own, given, truth)
            found = outcomes.figures(outcomes.sums())
            assert objective.metric in found
            for name, value in found.items():
                assert float(value) == pytest.approx(expected[name], rel=1e-4), name
    assert outcomes.said[0].startswith("item ")


def test_intervals_hold_the_figure_follow_the_seed_and_cover_as_often_as_they_say():
    answers = classified()
    first, again, other = (summary(answers, 500, seed)["intervals"] for seed in (0, 0, 1))
    assert first == again != other
    low, high = first["accuracy"]
    with torch.no_grad():
        accuracy = answers.metrics()["accuracy"]
    assert low < accuracy < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(accuracy * (1 - accuracy) / 200), rel=0.15)
    draws = torch.Generator().manual_seed(0)
    covered = 0
    for at in range(200):
        right = (torch.rand(100, generator=draws) < 0.8).float()[:, None]
        low, high = interval(resampled({"right": right}, 300, at)["right"][:, 0] / 100)
        covered += low <= 0.8 <= high
    assert 0.88 <= covered / 200 <= 0.99, "of 95 %"


def test_an_objective_without_outcomes_is_resampled_by_its_own_metrics():
    class Median(Classify):
        """Only whole splits can be measured."""

        def outcomes(self, head, features, targets):
            return Objective.outcomes(self, head, features, targets)

    answers = classified(60)
    plain = Median(("text",), "label")
    plain.adopt(answers.head)
    with torch.no_grad():
        ends = intervals(draws_of(plain, answers.head, answers.features, answers.targets, None, 100))
    assert ends["accuracy"][0] < answers.metrics()["accuracy"] < ends["accuracy"][1]
    assert "per_label" not in summary(Answers(plain, answers.head, answers.features, answers.targets, None), 10)


def test_tables_count_every_row_once():
    answers = classified()
    found = summary(answers, 100)
    assert [label for label, *_ in found["per_label"]] == list(LABELS)
    assert sum(support for *_, support in found["per_label"]) == 200
    assert sum(map(sum, found["matrix"])) == 200
    right = sum(found["matrix"][at][at] for at in range(3))
    assert right / 200 == pytest.approx(answers.metrics()["accuracy"])
    assert sum(each.rows for each in found["calibration"]) == 200
    assert found["calibration_error"] == pytest.approx(answers.metrics()["calibration_error"], abs=1e-6)
    _, precision, recall, f1, support = found["per_label"][0]
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert recall == pytest.approx(found["matrix"][0][0] / support)


def test_one_class_or_one_row_only_is_still_measured():
    answers = classified()
    for which in (answers.targets == 1, torch.arange(200) == 7):
        features, targets = answers.features[which], answers.targets[which]
        with torch.no_grad():
            outcomes = answers.objective.outcomes(answers.head, features, targets)
        found = summary(Answers(answers.objective, answers.head, features, targets, outcomes), 50)
        assert sum(support for *_, support in found["per_label"]) == len(targets)
        assert all(0 <= low <= high for low, high in found["intervals"].values())
    assert found["intervals"] == {}, "one row says nothing about another choice of rows"


ROWS = [
    {"text": "x" * (at + 1), "channel": ["web", "phone", None][at % 3], "price": float(at), "id": f"r{at}",
     "worth": float("nan") if at % 2 else 1.0, "tags": ["a"] if at % 2 else []}
    for at in range(120)
]  # fmt: skip


def test_groups_are_values_quartiles_or_lengths():
    names, order = group_names(ROWS, "channel", ("text",))
    assert order == ["phone", "web", "(empty)"]
    assert names[:3] == ["web", "phone", "(empty)"]
    _, quartiles = group_names(ROWS, "price", ("text",))
    assert quartiles == ["0 to 29", "30 to 59", "60 to 89", "90 to 119"]
    _, lengths = group_names(ROWS, "length", ("text",))
    assert lengths[0] == "1 to 30"
    assert group_names(ROWS, "worth", ("text",))[1] == ["1.0", "(empty)"], "NaN is no value"
    assert set(group_names(ROWS, "tags", ("text",))[1]) == {"[]", '["a"]'}
    with pytest.raises(BadInput, match=r"no column 'chanel'.*Did you mean 'channel'"):
        group_names(ROWS, "chanel", ("text",))
    with pytest.raises(BadInput, match=r"'id' has 120 different values.*100 can be compared"):
        group_names(ROWS, "id", ("text",))


def sliced(right, names, least=10):
    truth = torch.zeros(len(right), dtype=torch.long)
    said = torch.where(torch.tensor(right), 0, 1)
    outcomes = of_labels(torch.nn.functional.one_hot(said, 2).float(), truth, ("yes", "no"))
    order = sorted(set(names))

    def figure(which):
        return float(outcomes.figures(outcomes.sums(which))["accuracy"])

    return slice_by("channel", "accuracy", names, order, outcomes, figure, least, 200)


def test_a_real_gap_is_told_from_a_chance_one_and_small_groups_do_not_count():
    names = ["web"] * 60 + ["phone"] * 60 + ["fax"] * 4 + ["(empty)"] * 30
    real = sliced([True] * 60 + [True, False] * 30 + [False] * 4 + [False] * 30, names)
    assert (real.best, real.worst, real.gap) == ("web", "phone", 0.5)
    assert real.chance < 0.01
    assert {group.name: group.counts for group in real.groups} == {
        "web": True, "phone": True, "fax": False, "(empty)": False,
    }  # fmt: skip
    chance = sliced(([True] * 9 + [False]) * 5 + ([True] * 8 + [False] * 2) * 5, ["web"] * 50 + ["phone"] * 50)
    assert chance.gap == pytest.approx(0.1)
    assert chance.chance > 0.1
    alone = sliced([True] * 20, ["web"] * 20)
    assert (alone.gap, alone.best, alone.chance) == (None, "", None)


def test_a_77_by_77_matrix_is_a_picture_that_names_every_label():
    labels = [f"label {at} <&>" for at in range(77)]
    matrix = [[9 if at == to else int((at * 7 + 1) % 77 == to) for to in range(77)] for at in range(77)]
    svg = confusion_picture(labels, matrix)
    tree = ElementTree.fromstring(svg)
    texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert all(texts.count(label) == 2 for label in labels), "once down, once across"
    sizes = [float(element.get("font-size")) for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert min(sizes) >= 8
    assert "prefers-color-scheme: dark" in svg
    confused = [labels[at] for at in (0, 1)]  # 0 is taken for 1
    order = [text for text in texts if text in labels][::2]
    assert abs(order.index(confused[0]) - order.index(confused[1])) < 20, "confused labels stand near each other"


def test_an_empty_calibration_is_drawn_without_rows():
    assert ElementTree.fromstring(calibration_picture((), 0.0)).tag.endswith("svg")


@pytest.fixture
def loaded(workshop, job):
    fit(job(method="head"), workshop)
    return Engine(workshop.registry, lambda: workshop.encoder).load("shop", "topic", "v1")


def test_an_evaluation_lists_errors_with_the_nearest_training_rows(loaded, utterances, tmp_path):
    noun = TaskHead(name="topic", dataset="chats")
    rows, train = utterances(60, seed=1), utterances(150)
    rows[3] = {"text": train[7]["text"], "label": "none of these"}  # a label that training never saw
    columns = [{**row, "channel": "web" if at % 2 else "a|b"} for at, row in enumerate(rows)]
    found = evaluate(
        loaded.head, loaded.encoder, loaded.slot, "v1", noun, rows, "test", 24, rows=columns, slices=["channel"],
        numbers=list(range(101, 161)), train=train, train_numbers=list(range(1, 151)), resamples=100,
    )  # fmt: skip
    assert found.metrics["accuracy"] == pytest.approx(1 - len(found.errors) / 60)
    assert [error.loss for error in found.errors] == sorted((error.loss for error in found.errors), reverse=True)
    unseen = next(error for error in found.errors if error.number == 104)
    assert (unseen.target, unseen.inputs) == ("none of these", {"text": train[7]["text"]})
    nearest = unseen.nearest[0]
    assert (nearest.inputs["text"], nearest.target) == (train[7]["text"], train[7]["label"])
    assert nearest.similarity == pytest.approx(1, abs=1e-4)
    assert len(unseen.nearest) == 3
    assert {group.rows for group in found.slices[0].groups} == {30}

    files = write_report(found, tmp_path / "report", "shop/topic@v1", ["platform evaluate shop/topic"])
    names = {file.name for file in files}
    assert names == {"report.md", "report.html", "errors.csv", "confusion.svg", "calibration.svg", "slice-channel.svg"}
    text = (tmp_path / "report" / "report.md").read_text()
    assert all(f"({name})" in text for name in names if name.endswith(".svg"))
    assert "a&#124;b" in text, "a bar in a value does not break the table"
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http://" not in page.replace("http://www.w3.org", ""), "it loads nothing"
    table = list(csv.DictReader(io.StringIO((tmp_path / "report" / "errors.csv").read_text())))
    assert len(table) == len(found.errors)
    assert table[0]["nearest_1_target"] in ("delivery", "payment", "account")


def test_a_column_that_is_missing_is_said_before_anything_is_encoded(loaded, utterances):
    with pytest.raises(BadInput, match=r"no column 'lenght'.*Did you mean 'length'"):
        evaluate(loaded.head, loaded.encoder, 0, "v1", TaskHead(name="topic", dataset="chats"), utterances(9), "test",
                 24, slices=["lenght"])  # fmt: skip


def test_a_card_tells_intervals_data_labels_and_limits(workshop, job):
    examples = {
        "train": [{"text": f"parcel number {at}", "label": "delivery"} for at in range(40)]
        + [{"text": f"card and refund {at}", "label": "payment"} for at in range(5)],
        "validation": [{"text": "where is the parcel", "label": "delivery"}] * 6
        + [{"text": "my card", "label": "payment"}],
    }  # fmt: skip
    workshop.provenance["licence"] = "CC-BY-4.0"
    fit(job(examples, method="head", labels=("delivery", "payment")), workshop)
    folder = workshop.registry.open("shop", "topic", "v1")
    assert folder.manifest["data"]["labels"]["payment"] == {"train": 5, "validation": 1}
    low, high = folder.manifest["evaluation"]["intervals"]["accuracy"]
    assert 0 <= low <= high <= 1
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    for told in ("license: CC-BY-4.0", "95 % interval", "| train | 45 |", "with 5 to 40 training rows each",
                 "`CC-BY-4.0`",
                 "One label has fewer than 10 training rows", "--slice COLUMN", "platform evaluate shop/topic",
                 "| delivery | "):  # fmt: skip
        assert told in card, told
