"""Vectors for search and the two forms of ranking: losses and figures by hand, negatives, whole trainings."""

import math

import numpy as np
import pytest
import torch

from verticals.contract import BadInput, Recipe, TaskHead
from verticals.encoder.heads import CrossHead, EmbedHead, RankHead, build_head
from verticals.inference import Engine
from verticals.tuning import evaluate, fit
from verticals.tuning.objectives import Embed, Rank
from verticals.tuning.objectives.rank import wrong_ones

EYE = torch.eye(4)
PLAIN = Recipe(label_smoothing=0.0)


def pairs(utterances, count, seed=0):
    """Texts and another text of the same kind; the kind's name is the right candidate."""
    rows = utterances(count, seed)
    return [{"text": row["text"], "positive": f"all about {row['label']}"} for row in rows]


# Embed


def test_an_untrained_head_gives_the_encoders_own_vectors():
    features = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    answers = EmbedHead(2).eval().answer(features, ["a", "b"])
    assert answers[0].vector == pytest.approx((0.6, 0.8))
    assert answers[1].vector == pytest.approx((0.0, 1.0))
    assert (answers[0].label, answers[0].confidence) == (None, 1.0)


def test_retrieval_figures_by_hand():
    # Partners 0, 1 and again 0; the third text is nearest to a negative.
    features = torch.stack([
        torch.stack([EYE[0], EYE[0], EYE[3]]), torch.stack([EYE[0] + 0.5 * EYE[1], EYE[1], EYE[1]]),
        torch.stack([EYE[3], EYE[0], EYE[3]]),
    ])  # fmt: skip
    targets = torch.tensor([[0, 2], [1, 1], [0, 2]])
    figures = Embed(("text",), "positive").metrics(EmbedHead(4).eval(), features, targets)
    assert figures["candidates"] == 3
    assert figures["recall@1"] == pytest.approx(1 / 3)
    assert figures["recall@10"] == 1.0
    # The third text is equally far from both others, which share the ranks 2 and 3.
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 2.5) / 3)
    assert figures["ndcg@10"] == pytest.approx((1 + 1 / math.log2(3) + 1 / math.log2(3.5)) / 3)


def test_a_negative_is_held_against_its_row_and_equal_partners_are_not():
    head, objective = EmbedHead(4).eval(), Embed(("text",), "positive")
    near = EYE[0] + 0.9 * EYE[1]
    rows = torch.stack([torch.stack([EYE[0], EYE[0], near]), torch.stack([EYE[2], EYE[2], EYE[2]])])
    with_negative = objective.losses(head, rows, torch.tensor([[0, 2], [1, 1]]), PLAIN).tolist()
    without = objective.losses(head, rows[:, :2], torch.tensor([[0, 0], [1, 1]]), PLAIN).tolist()
    assert with_negative[0] > without[0] + 1e-3
    assert with_negative[1] == pytest.approx(without[1], abs=1e-4), "its own partner stands for a negative"
    alike = torch.stack([rows[0, :2], rows[0, :2]])
    assert float(objective.losses(head, alike, torch.tensor([[0, 0], [0, 0]]), PLAIN).max()) < 1e-6


@pytest.mark.parametrize(
    ("bad", "told"),
    [({"positive": ""}, "'positive' is empty"), ({"positive": None}, "'positive' is a NoneType"),
     ({"negative": 3}, "'negative' is a int"), ({"text": " "}, "'text' is empty")],
)  # fmt: skip
def test_a_bad_pair_is_named(bad, told):
    rows = [{"text": "a", "positive": "b"}, {"text": "c", "positive": "d", **bad}]
    with pytest.raises(BadInput, match=f"Row 2 of the split 'train': {told}"):
        Embed(("text",), "positive").learn(rows, ())
    with pytest.raises(BadInput, match="the same text"):
        Embed(("text",), "positive").learn(rows[:1] * 3, ())


def test_trained_vectors_find_more(job, workshop, encoder, utterances):
    train, held_out = pairs(utterances, 90), pairs(utterances, 30, seed=1)
    train[0]["negative"] = train[1]["positive"]
    train[3]["negative"] = None
    examples = {"train": train, "validation": held_out}
    asked = job(examples, objective="embed", target="positive", labels=(), method="head")
    report = fit(asked, workshop)
    untrained = Embed(("text",), "positive")
    data = untrained.prepare(held_out, "validation", encoder, 24)
    before = untrained.metrics(EmbedHead(encoder.dimension).eval(), data.encode(encoder), data.targets)
    assert report.metrics["mrr"] > before["mrr"] + 0.1
    engine = Engine(workshop.registry, lambda: encoder)
    texts = ["where is my parcel", "all about delivery", "all about payment"]
    query, right, wrong = (np.array(one.vector) for one in engine.predict("shop", "topic", report.version, texts))
    assert np.linalg.norm(query) == pytest.approx(1, rel=1e-5)
    assert query @ right > query @ wrong
    loaded = engine.load("shop", "topic", report.version)
    noun = TaskHead("topic", "chats", "embed", target="positive")
    figures = evaluate(loaded.head, encoder, loaded.slot, "v1", noun, held_out, "validation", loaded.extent)
    assert figures.metrics["ndcg@10"] == pytest.approx(report.metrics["ndcg@10"])


# Rank


def test_wrong_candidates_never_go_with_the_query():
    queries = ["a", "a", "b", "c"]
    right = np.array([0, 1, 2, 1])
    drawn = wrong_ones(queries, right, 6, seed=0)
    assert drawn[:2].tolist() == [[2, 0, 0, 0, 0, 0], [2, 1, 1, 1, 1, 1]], "its own fills up"
    assert set(drawn[2, :2]) == {0, 1}
    assert set(drawn[3, :2]) == {0, 2}
    assert (drawn == wrong_ones(queries, right, 6, seed=0)).all()
    assert len(set(wrong_ones(["q"] + ["r"] * 9, np.arange(10), 5, 0)[0])) == 5, "each once where there are enough"
    assert wrong_ones(["a", "a"], np.array([0, 1]), 2, 0).tolist() == [[0, 0], [1, 1]], "no candidate is wrong"
    assert wrong_ones(["a"], np.array([0]), 0, 0).shape == (1, 0)


def test_drawn_candidates_join_those_of_the_batch():
    head, objective = RankHead(4).eval(), Rank(("query",), "item")
    near = EYE[0] + 0.5 * EYE[1]
    rows = torch.stack([torch.stack([EYE[0], EYE[0], near]), torch.stack([EYE[2], EYE[2], EYE[0]])])
    drawn = objective.losses(head, rows, torch.tensor([[0, 5], [1, 0]]), PLAIN).tolist()
    plain = objective.losses(head, rows[:, :2], torch.tensor([0, 1]), PLAIN).tolist()
    assert drawn[0] > plain[0] + 1e-3
    assert drawn[1] == pytest.approx(plain[1], abs=1e-4)
    # Only the first row's own candidate is drawn again: it is not held against it.
    again = torch.stack([torch.stack([EYE[0], EYE[0], EYE[2]]), torch.stack([EYE[2], EYE[2], EYE[0]])])
    assert float(objective.losses(head, again, torch.tensor([[0, 1], [1, 0]]), PLAIN).max()) < 1e-3


def test_one_tower_scores_pairs():
    class Saying(CrossHead):
        def forward(self, features):
            return features[..., 0]

    objective, head = Rank(("query",), "item"), Saying(1)
    objective.adopt(head)
    assert not objective.compared
    features = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0]])[..., None]
    targets = torch.tensor([[0, 1, 2], [1, 2, 1]])
    losses = objective.losses(head, features, targets, PLAIN)
    assert float(losses[0]) == pytest.approx(-math.log(math.e**2 / (math.e**2 + math.e + 1)))
    assert float(losses[1]) == pytest.approx(-math.log(1 / (1 + math.e))), "its own candidate, drawn again, is left out"
    figures = objective.metrics(head, features, targets)
    assert figures["mrr"] == pytest.approx((1 + 1 / 2) / 2)
    assert figures["hit_rate@1"] == 0.5
    assert figures["candidates"] == 2.5, "one of them was its own, drawn again"
    asked = {"query": "q", "candidates": {"x": "1", "y": "2"}}
    assert head.texts(asked) == [("q", "1"), ("q", "2")]
    answers = head.answer(torch.tensor([[1.0], [3.0], [5.0], [4.0]]), [asked, asked])
    assert [answer.label for answer in answers] == ["y", "x"]


@pytest.mark.parametrize(("towers", "kind"), [("one", CrossHead), ("two", RankHead)])
def test_a_trained_head_ranks(job, workshop, encoder, utterances, towers, kind):
    def rows(count, seed):
        made = [{"query": row["text"], "item": row["label"]} for row in utterances(count, seed)]
        return [row for at, row in enumerate(made) if row["item"] == "account" or at % 4 == 0]  # one is liked best

    examples = {"train": rows(180, 0), "validation": rows(60, 1)}
    recipe = {"towers": towers, "negatives": 2, "learning_rate": 3e-3, "head_learning_rate": 1e-2}
    changes = {"objective": "rank", "inputs": ("query",), "target": "item", "labels": (), "method": "lora"}
    report = fit(job(examples, **changes, **recipe), workshop)
    assert report.metrics["hit_rate@1"] > 0.6
    engine = Engine(workshop.registry, lambda: encoder)
    loaded = engine.load("shop", "topic", report.version)
    assert type(loaded.head) is kind
    candidates = {"a": "account", "d": "delivery", "p": "payment"}
    asked = [{"query": row["query"], "candidates": candidates} for row in examples["validation"]]
    answers = engine.predict("shop", "topic", report.version, asked)
    right = [candidates[answer.label] == row["item"]
             for answer, row in zip(answers, examples["validation"], strict=True)]  # fmt: skip
    assert sum(right) / len(right) == pytest.approx(report.metrics["hit_rate@1"], abs=0.11)
    noun = TaskHead("topic", "chats", "rank", ("query",), "item")
    held_out = examples["validation"]
    figures = evaluate(loaded.head, loaded.encoder, loaded.slot, "v1", noun, held_out, "validation", loaded.extent)
    assert figures.metrics["mrr"] == pytest.approx(report.metrics["mrr"], abs=1e-4)


def test_heads_saved_before_there_were_towers_are_built_as_before():
    head = build_head("rank", 4, {"slope": 3.0, "offset": 1.0, "fields": ["query"]})
    assert type(head) is RankHead
    assert type(build_head("rank", 4, CrossHead(4).config())) is CrossHead
    with pytest.raises(BadInput, match="towers is 'three'"):
        Recipe(towers="three")
