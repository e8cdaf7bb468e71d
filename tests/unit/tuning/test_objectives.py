"""Figures against values computed by hand; calibration; when to abstain; bad examples."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn import functional

from verticals.contract import BadInput, NotFound, Recipe
from verticals.encoder.heads import ClassifyHead, RankHead, ScoreHead, build_head
from verticals.encoder.heads.familiarity import voted
from verticals.tuning.objectives import Classify, Rank, Score, objective_of
from verticals.tuning.objectives.classify import macro_f1
from verticals.tuning.prepared import by_content, hold_out

# Classify


class Saying(ClassifyHead):
    """A head whose logits are its features."""

    def forward(self, features):
        return features


def classified(logits, targets, labels=("a", "b", "c")):
    head = Saying(len(labels), labels)
    objective = Classify(("text",), "label")
    objective.adopt(head)
    return objective, head, torch.tensor(logits)[:, None], torch.tensor(targets)


def test_classify_figures():
    chances = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]]
    objective, head, features, targets = classified(torch.tensor(chances).log().tolist(), [0, 1, 1, 2])
    figures = objective.metrics(head, features, targets)
    assert figures["accuracy"] == 0.5
    # a: precision 1/3, recall 1; b: precision 1, recall 1/2; c: never said
    assert figures["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert figures["log_loss"] == pytest.approx(-sum(map(math.log, (0.7, 0.3, 0.8, 0.2))) / 4, rel=1e-5)
    # each confidence falls into a bin of its own: |right - confidence| on average
    assert figures["calibration_error"] == pytest.approx((0.3 + 0.6 + 0.2 + 0.5) / 4, rel=1e-5)


def test_a_label_that_training_never_saw_counts_as_an_error():
    objective, head, features, _ = classified([[5.0, 0, 0], [5.0, 0, 0]], [0, 0])
    assert objective.metrics(head, features, torch.tensor([0, -100]))["accuracy"] == 0.5
    nothing_known = objective.metrics(head, features, torch.tensor([-100, -100]))
    assert nothing_known["accuracy"] == 0
    objective.calibrate(head, features, torch.tensor([-100, -100]))
    assert head.temperature == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_macro_f1_is_the_mean_over_the_labels_that_occur(pairs):
    """As scikit-learn's ``f1_score(average="macro", zero_division=0)`` defines it."""

    def f1(label):
        right = sum(pair == (label, label) for pair in pairs)
        actual, said = (sum(pair[side] == label for pair in pairs) for side in (0, 1))
        precision, recall = right / said if said else 0, right / actual if actual else 0
        return 2 * precision * recall / (precision + recall) if right else 0

    occur = {label for pair in pairs for label in pair}
    truth, said = (torch.tensor(column) for column in zip(*pairs, strict=True))
    assert macro_f1(said, truth, 6) == pytest.approx(sum(map(f1, occur)) / len(occur), abs=1e-6)


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 8.0])
def test_temperature_lowers_the_log_loss(sharpness):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(3, (400,), generator=generator)
    # The log odds of normal noise around 1.5 or 0: right as they are.
    logits = 1.5 * (functional.one_hot(targets, 3) * 1.5 + torch.randn(400, 3, generator=generator))
    objective, head, features, _ = classified((logits * sharpness).tolist(), targets.tolist())
    before = objective.metrics(head, features, targets)
    objective.calibrate(head, features, targets)
    after = objective.metrics(head, features, targets)
    assert after["log_loss"] <= before["log_loss"] + 1e-6
    assert after["calibration_error"] < 0.08
    assert head.temperature == pytest.approx(sharpness, rel=0.25)
    assert after["accuracy"] == before["accuracy"]


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.98, 1.0])
@pytest.mark.parametrize("rows", [7, 60, 301])
def test_the_stated_share_of_held_out_rows_is_answered(coverage, rows):
    generator = torch.Generator().manual_seed(rows)
    centres = torch.randn(3, 16, generator=generator)
    targets = torch.arange(rows) % 3
    features = (centres[targets] + 0.4 * torch.randn(rows, 16, generator=generator))[:, None]
    head = ClassifyHead(16, ("a", "b", "c"))
    with torch.no_grad():
        head.linear.weight.copy_(centres)
    objective = Classify(("text",), "label")
    objective.adopt(head)
    learned = (centres.repeat(9, 1) + 0.4 * torch.randn(27, 16, generator=generator))[:, None]
    with torch.no_grad():
        objective.familiarise(head, (learned, torch.arange(27) % 3), features, coverage)
    answers = head.answer(features[:, 0], [None] * rows)
    answered = sum(not answer.abstained for answer in answers) / rows
    assert coverage <= answered <= coverage + 1 / rows + 1e-9
    (stranger,) = head.answer(-centres.sum(dim=0)[None], [None])
    assert stranger.abstained
    assert stranger.familiarity < min(answer.familiarity for answer in answers)
    assert stranger.confidence > 0, "it still says what it would have said"


def test_familiarity_rests_on_the_rows_of_the_label_said_and_on_how_sure_the_head_is():
    head = Saying(2, ("a", "b"))
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.8, 0.6], [-1.0, 0.0]])
    head.know(rows, torch.tensor([0, 0, 1, 0, 0]))
    vectors = torch.tensor([[3.0, 1.0], [0.6, 0.8]])
    says_a, says_b = head.answer(vectors, [None] * 2)
    chances = torch.softmax(vectors, dim=-1)
    directions = functional.normalize(vectors, dim=-1)
    cosines = directions @ functional.normalize(rows, dim=-1).T
    agreed = voted(directions, torch.tensor([0, 1]), head.known, head.votes)
    assert (says_a.label, says_b.label) == ("a", "b")
    three = 4 * cosines[0, [0, 1, 3]].mean() + chances[0, 0] + agreed[0]
    assert says_a.familiarity == pytest.approx(float(three) / 6, abs=1e-3)
    assert says_b.familiarity == pytest.approx(float(4 * cosines[1, 2] + chances[1, 1] + agreed[1]) / 6, abs=1e-3), (
        "one row is all"
    )
    head.know(rows[:2], torch.zeros(2, dtype=torch.int64))
    assert head.answer(vectors[1:], [None])[0].familiarity == pytest.approx(float(chances[1, 1]) / 6, abs=1e-6), (
        "no row"
    )


def test_a_head_of_before_answers_as_it_did(tmp_path):
    head = ClassifyHead(4, ("a", "b"), threshold=0.5)
    old = {name: tensor for name, tensor in head.state_dict().items() if name not in ("known", "owners", "votes")}
    config = {name: value for name, value in head.config().items() if name != "neighbours"}
    known = functional.normalize(torch.randn(7, 4, generator=torch.Generator().manual_seed(0)), dim=-1) * 0.9
    features = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    nearest = (functional.normalize(features, dim=-1) @ known.T).amax(dim=-1)
    for name in ("known", "means"):
        save_file({**old, name: known}, tmp_path / "head.safetensors")
        loaded = build_head("classify", 4, config)
        loaded.load(tmp_path)
        answers = loaded.answer(features, [None] * 5)
        assert [one.familiarity for one in answers] == pytest.approx(nearest.tolist(), abs=1e-6)
        assert [one.abstained for one in answers] == (nearest < 0.5).tolist()
        assert loaded.config()["neighbours"] == 0


def test_classify_answers_with_calibrated_ranked_probabilities():
    head = Saying(3, ("a", "b", "c"), temperature=2.0)
    (answer,) = head.answer(torch.tensor([[0.0, 4.0, 2.0]]), [None])
    expected = torch.softmax(torch.tensor([0.0, 2.0, 1.0]), dim=0).tolist()
    assert [label for label, _ in answer.ranking] == ["b", "c", "a"]
    assert [chance for _, chance in answer.ranking] == pytest.approx([expected[1], expected[2], expected[0]])
    assert (answer.label, answer.confidence) == answer.ranking[0]


@pytest.mark.parametrize("bad", [None, float("nan"), "", "  "])
def test_an_empty_label_names_its_row(bad):
    rows = [{"text": "x", "label": "a"}, {"text": "y", "label": bad}, {"text": "z", "label": "b"}]
    with pytest.raises(BadInput, match=r"Row 2 of the split 'train': 'label' is empty"):
        Classify(("text",), "label").learn(rows, ())


def test_labels_must_be_known_and_more_than_one():
    rows = [{"text": "x", "label": "refnud"}, {"text": "y", "label": "parcel"}]
    with pytest.raises(BadInput, match=r"'refnud' is not a label of this head.*Did you mean 'refund'"):
        Classify(("text",), "label").learn(rows, ("parcel", "refund"))
    with pytest.raises(BadInput, match=r"every training row has the label 'parcel'.*at least two labels"):
        Classify(("text",), "label").learn(rows[1:] * 5, ())
    objective = Classify(("text",), "label")
    objective.learn(rows, ())
    assert objective.labels == ("parcel", "refnud")


# Score


def test_score_figures():
    class Saying(ScoreHead):
        def forward(self, features):
            return features[:, 0]

    objective, head = Score(("text",), "label"), Saying(1, mean=10.0, deviation=2.0)
    objective.adopt(head)
    truth = torch.tensor([objective.target_of({"label": value}) for value in (6, 8, 12, 14)])
    assert truth.tolist() == [-2, -1, 1, 2]
    said = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    figures = objective.metrics(head, said[:, None, None], truth)
    assert figures["r2"] == pytest.approx(1 - (1 + 0 + 0 + 1) / 10)
    assert figures["rmse"] == pytest.approx(2 * math.sqrt(0.5))
    assert figures["mae"] == pytest.approx(1.0)
    assert figures["pearson"] == pytest.approx(6 / math.sqrt(10 * 4))
    objective.calibrate(head, said[:, None, None], truth)
    (answer,) = head.answer(torch.tensor([[0.5]]), [None])
    assert (answer.label, answer.value) == (None, 11.0)
    assert answer.confidence == pytest.approx(1 - 0.5)
    constant = objective.metrics(head, torch.zeros(4, 1, 1), truth)
    assert (constant["pearson"], constant["r2"]) == (0, 0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "7"])
def test_a_target_that_is_no_number_names_its_row(bad):
    rows = [{"text": "x", "label": 1.0}, {"text": "y", "label": bad}]
    with pytest.raises(BadInput, match=r"Row 2 of the split 'train': 'label' is .*not a finite number"):
        Score(("text",), "label").learn(rows, ())


def test_targets_that_are_all_the_same_do_no_harm():
    objective = Score(("text",), "label")
    objective.learn([{"text": "x", "label": 3}] * 4, ())
    assert objective.target_of({"label": 3}) == 0
    assert objective.target_of({"label": 4}) == 1


# Rank


class Matching(RankHead):
    """A head whose scores are given."""

    def __init__(self, scores):
        super().__init__(1)
        self.scores = torch.tensor(scores)

    def forward(self, queries, candidates):
        return self.scores


def test_rank_figures():
    # Three queries, whose right candidates are the first, the second and the first distinct one again.
    head = Matching([[0.9, 0.1], [0.8, 0.7], [0.2, 0.6]])
    figures = Rank(("query",), "item").metrics(head, torch.zeros(3, 2, 1), torch.tensor([4, 7, 4]))
    assert figures["candidates"] == 2
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert figures["ndcg@10"] == pytest.approx((1 + 2 / math.log2(3)) / 3)
    assert figures["hit_rate@10"] == 1.0


def test_what_is_ranked_below_ten_counts_nothing():
    scores = torch.arange(12.0).flip(0).repeat(12, 1).tolist()
    figures = Rank(("query",), "item").metrics(Matching(scores), torch.zeros(12, 2, 1), torch.arange(12))
    assert figures["hit_rate@10"] == pytest.approx(10 / 12)
    assert figures["ndcg@10"] == pytest.approx(sum(1 / math.log2(rank + 1) for rank in range(1, 11)) / 12)
    assert figures["mrr"] == pytest.approx(sum(1 / rank for rank in range(1, 13)) / 12)


def test_a_head_that_tells_nothing_apart_gains_nothing():
    figures = Rank(("query",), "item").metrics(Matching([[0.5] * 30] * 30), torch.zeros(30, 2, 1), torch.arange(30))
    assert (figures["ndcg@10"], figures["hit_rate@10"]) == (0, 0)


def test_another_rows_right_candidate_is_not_held_against_a_row():
    head = RankHead(4)
    head.eval()
    one, other = torch.eye(4)[0], torch.eye(4)[1]
    features = torch.stack([torch.stack([one, one]), torch.stack([one, one]), torch.stack([other, other])])
    objective = Rank(("query",), "item")
    plain = Recipe(label_smoothing=0.0)
    same, different = (
        objective.losses(head, features, torch.tensor(which), plain).mean() for which in ([0, 0, 1], [0, 2, 1])
    )
    assert same < 1e-6 < different
    smoothed = objective.losses(head, features, torch.tensor([0, 0, 1]), Recipe(label_smoothing=0.1)).mean()
    # Wrong ones are 20 behind: one of the two that count for the first rows, two of three for the last.
    assert smoothed.item() == pytest.approx(0.1 * 20 * (1 / 2 + 1 / 2 + 2 / 3) / 3, rel=1e-3)


def test_matches_become_probabilities():
    generator = torch.Generator().manual_seed(0)
    items = torch.randn(40, 8, generator=generator)
    queries = items + 0.8 * torch.randn(40, 8, generator=generator)
    head, objective = RankHead(8), Rank(("query",), "item")
    features, targets = torch.stack([queries, items], dim=1), torch.arange(40)
    with torch.no_grad():
        objective.calibrate(head, features, targets)
        scores = torch.sigmoid(head(queries, items) * head.slope + head.offset)
    assert head.slope > 0
    assert scores.diag().mean() > 0.75
    assert scores[~torch.eye(40, dtype=torch.bool)].mean() < 0.3
    (answer,) = head.answer(
        torch.stack([queries[0], items[1], items[0]]), [{"query": "q", "candidates": {"x": "1", "y": "0"}}]
    )
    assert (answer.label, answer.ranking[0][0]) == ("y", "y")
    assert answer.confidence == pytest.approx(float(scores[0, 0]), rel=1e-5)


def test_ranking_needs_two_candidates():
    with pytest.raises(BadInput, match=r"every training row has the same candidate.*at least two"):
        Rank(("query",), "item").learn([{"query": "a", "item": "b"}] * 3, ())


# All


def test_an_unknown_objective_is_named():
    with pytest.raises(NotFound, match=r"no objective 'clasify'.*Did you mean 'classify'"):
        objective_of("clasify")


@pytest.mark.parametrize(
    ("value", "told"),
    [("", "'text' is empty"), ("  \n", "'text' is empty"), (None, "'text' is a NoneType, not a text"),
     (7, "'text' is a int, not a text"), ("a\ud800", "'text' holds half of a character")],
)  # fmt: skip
def test_a_text_that_cannot_be_read_names_its_row(encoder, value, told):
    objective = Classify(("text",), "label")
    rows = [{"text": "x", "label": "a"}, {"text": value, "label": "b"}]
    objective.learn(rows, ())
    with pytest.raises(BadInput, match=rf"Row 2 of the split 'validation': {told}"):
        objective.prepare(rows, "validation", encoder, 32)


# Held-out rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=120),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]),
    st.integers(0, 3),
)
def test_hold_out_takes_the_same_share_of_each_label(values, share, seed):
    targets = torch.tensor(values)
    places = np.random.default_rng(seed).permutation(len(values))
    kept, held = hold_out(targets, share, places)
    assert sorted([*kept, *held]) == list(range(len(values)))
    classes = set(values)
    assert len(held) <= round(len(values) * share)
    if share <= 0.5 and len(classes) < len(values) / 2:
        assert {values[at] for at in kept} == classes, "every label is still there to learn"
        for label in classes:
            own = [values[at] for at in held].count(label)
            alone = [values.count(other) for other in classes].count(1)  # they give none, so others give more
            assert abs(own - values.count(label) * share) <= 1.5 + alone * share


def test_hold_out_takes_some_also_of_many_small_labels():
    kept, held = hold_out(torch.arange(100).repeat_interleave(4), 0.1, np.random.default_rng(0).permutation(400))
    assert (len(kept), len(held)) == (360, 40)
    assert len({at // 4 for at in held}) == 40


def test_hold_out_of_numbers_is_a_random_share():
    kept, held = hold_out(torch.linspace(0, 1, 50), 0.2, np.random.default_rng(0).permutation(50))
    assert (len(kept), len(held)) == (40, 10)
    assert held.tolist() != sorted(range(10))


def test_rows_that_were_held_out_are_held_out_again_when_more_have_come():
    def held_of(rows, seed=0):
        targets = torch.tensor([row["label"] for row in rows])
        return {rows[at]["text"] for at in hold_out(targets, 0.1, by_content(rows, ("text", "label"), seed))[1]}

    old = [{"text": f"row {at}", "label": at % 4} for at in range(400)]
    new = [{"text": f"new row {at}", "label": 4 + at % 3} for at in range(300)]
    first, later = held_of(old), held_of([*new, *old])
    assert len(first) == 40
    assert first == {text for text in later if text.startswith("row")}, "rows of new labels change nothing"
    more = held_of([*({"text": f"more {at}", "label": at % 4} for at in range(400)), *old])
    assert len(first & more) > 30, "of rows of the same labels most stay held out"
    assert held_of(old, seed=1) != first
    assert held_of([{**row, "region": "north"} for row in old]) == first, "what is not learned from does not count"
    assert len(by_content([{"image": np.zeros((4, 4)), "label": 1}] * 3, ("image", "label"), 0)) == 3
