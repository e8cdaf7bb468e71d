"""Wrong labels that were planted are found, and right ones left alone."""

import random

import numpy as np
import pytest

from verticals.contract import BadInput, Recipe, TaskHead
from verticals.tuning.label_errors import LabelledRow, confident_errors, deal, find_label_errors

NOUN = TaskHead(name="topic", dataset="chats")


def labelled(examples):
    return [LabelledRow(example, "train", at + 1, f"id-{at}") for at, example in enumerate(examples)]


WORDS = {"account": ["password", "login", "profile"], "delivery": ["parcel", "courier", "tracking"],
         "payment": ["invoice", "card", "refund"]}  # fmt: skip


def test_planted_errors_are_found_and_their_labels_suggested(encoder):
    draw = random.Random(3)
    labels = list(WORDS)
    truth = [labels[at % 3] for at in range(240)]
    examples = [
        {"text": f"{' '.join(draw.choices(WORDS[label], k=4))} {at}", "label": label} for at, label in enumerate(truth)
    ]
    planted = set(draw.sample(range(240), 12))
    for at in planted:
        examples[at]["label"] = labels[(labels.index(truth[at]) + 1) % 3]
    stages = []
    found = find_label_errors(
        NOUN, labelled(examples), encoder, Recipe(), progress=lambda progress: stages.append(progress.stage)
    )
    suspected = {suspect.number - 1: suspect for suspect in found.suspects}
    hits = planted & suspected.keys()
    assert len(hits) / len(planted) >= 0.8, "recall"
    first = [suspect.number - 1 for suspect in found.suspects[:12]]
    assert len(planted & set(first)) / 12 >= 0.8, "precision of the surest"
    assert sum(suspected[at].suggested == truth[at] for at in hits) / len(hits) >= 0.9
    surest = found.suspects[0]
    assert (surest.id, surest.split) == (f"id-{surest.number - 1}", "train")
    assert surest.confidence > surest.given_confidence
    assert (found.rows, found.skipped) == (240, {})
    assert {"encoding", "judging"} <= set(stages)
    again = find_label_errors(NOUN, labelled(examples), encoder, Recipe())
    assert again.suspects == found.suspects


def test_confident_learning_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.3, 0.7], [0.1, 0.9], [0.45, 0.55], [0.85, 0.15]])
    given = np.array([0, 0, 0, 1, 1, 1, 1])
    # thresholds: the mean of each label's own rows, 0.583 and 0.575
    assert confident_errors(probabilities, given) == [(2, 1), (6, 0)]
    assert confident_errors(probabilities[:2], given[:2]) == []


def test_rows_of_one_text_share_a_fold_and_labels_are_spread():
    labels = np.array([at % 4 for at in range(103)])
    texts = [f"text {at // 2}" if at < 40 else f"other {at}" for at in range(103)]
    folds = deal(texts, labels, 5, 0)
    assert all(folds[at] == folds[at + 1] for at in range(0, 40, 2))
    assert np.bincount(folds, minlength=5).min() >= 12
    for label in range(4):
        counts = np.bincount(folds[(labels == label) & (np.arange(103) >= 40)], minlength=5)
        assert counts.max() - counts.min() <= 4
    assert np.array_equal(folds, deal(texts, labels, 5, 0))


def test_rare_labels_are_not_judged_and_that_is_said(encoder, utterances):
    examples = [*utterances(45), {"text": "what a day", "label": "weather"}]
    found = find_label_errors(NOUN, labelled(examples), encoder, Recipe())
    assert found.skipped == {"weather": 1}
    assert found.rows == 45


def test_heads_without_one_label_a_row_are_refused(encoder, utterances):
    numbers = [{"text": row["text"], "label": float(at)} for at, row in enumerate(utterances(20))]
    noun = TaskHead(name="topic", dataset="chats", objective="score")
    with pytest.raises(BadInput, match=r"'topic' \(score\) does not choose one label"):
        find_label_errors(noun, labelled(numbers), encoder, Recipe())
    with pytest.raises(BadInput, match="fewer than two labels have 5 rows"):
        find_label_errors(NOUN, labelled(utterances(6)), encoder, Recipe())
    with pytest.raises(BadInput, match="no rows to judge"):
        find_label_errors(NOUN, [], encoder, Recipe())
