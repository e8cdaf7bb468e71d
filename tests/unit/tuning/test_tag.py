"""Entities: scores as the CoNLL scorer counts them, legal tags, words and spans, casing, windows, bad rows."""

import random
import re
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals.contract import BadInput, Recipe, Span, TaskHead
from verticals.encoder.heads import TagHead
from verticals.encoder.heads.bio import decode, entities, label_of, tags_of
from verticals.encoder.heads.words import CASING, best_windows, casing, split_words, windows, words_of
from verticals.inference import Engine
from verticals.tuning import evaluate, fit
from verticals.tuning.evaluation.tables import by_label
from verticals.tuning.objectives import Tag
from verticals.tuning.objectives.tag import _figures

LABELS = ("person", "place")
TAGS = tags_of(LABELS)
NAMES = {"place": (["oslo", "rome", "lima"], "city"), "person": (["anna", "ugo", "ben"], "smith")}


def places_of(tags):
    return [TAGS.index(tag) for tag in tags]


def make_tagged(count, seed=0):
    """Words of which the names after "in" are places and those after "with" are persons."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        words, tags = [], []
        for _ in range(draw.randint(1, 3)):
            kind = draw.choice(["in", "with", "and"])
            words.append(kind)
            tags.append("O")
            if kind == "and":
                continue
            label = "place" if kind == "in" else "person"
            names, more = NAMES[label]
            length = draw.randint(1, 2)
            words += [draw.choice(names), more][:length]
            tags += [f"B-{label}", f"I-{label}"][:length]
        rows.append({"words": words, "tags": tags})
    return rows


# Tags


def test_tags_and_their_labels():
    assert TAGS == ("O", "B-person", "I-person", "B-place", "I-place")
    assert [label_of(tag) for tag in TAGS] == ["", "person", "person", "place", "place"]
    assert label_of("B-creative-work") == "creative-work"
    for bad in ("person", "b-person", "B-", "B", "", "S-person", "BI-person"):
        with pytest.raises(BadInput, match="is not a BIO tag"):
            label_of(bad)


some_tags = st.lists(st.integers(0, 4), min_size=1, max_size=10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(some_tags, some_tags), min_size=1, max_size=4))
def test_entities_and_their_scores_are_those_of_seqeval(rows):
    """In its default mode, which is that of the CoNLL scorer; its own code is the oracle."""
    scorer = pytest.importorskip("seqeval.metrics")
    from seqeval.metrics.sequence_labeling import get_entities

    rows = [(one[: len(other)], other[: len(one)]) for one, other in rows]
    for tags in (tags for row in rows for tags in row):
        expected = [
            (start, end + 1, LABELS.index(label)) for label, start, end in get_entities([TAGS[t] for t in tags])
        ]
        assert entities(tags) == expected
    width = max(len(one) for one, _ in rows)
    truth, said = (torch.tensor([row[side] + [-100] * (width - len(row[side])) for row in rows]) for side in (0, 1))
    objective = Tag(("words",), "tags")
    objective.adopt(TagHead(4, LABELS))
    sums = {name: values.sum(dim=0) for name, values in objective._statistics(said, truth).items()}
    figures = [float(_figures(sums)[name]) for name in ("precision", "recall", "f1")]
    named = [[[TAGS[tag] for tag in row[side]] for row in rows] for side in (0, 1)]
    scores = [
        score(*named, zero_division=0) for score in (scorer.precision_score, scorer.recall_score, scorer.f1_score)
    ]
    assert figures == pytest.approx(scores)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["I-person", "O", "I-place"], [(0, 1, 0), (2, 3, 1)]),
        (["B-person", "I-place", "I-place"], [(0, 1, 0), (1, 3, 1)]),
        (["B-person", "B-person", "I-person"], [(0, 1, 0), (1, 3, 0)]),
        (["O", "O"], []),
        ([], []),
    ],
)
def test_an_inside_tag_without_its_beginning_begins_an_entity(tags, found):
    assert entities(places_of(tags)) == found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_decoding_gives_the_likeliest_legal_tags(seed, words):
    chances = torch.randn(2, words, 5, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
    legal = [
        path
        for path in torch.cartesian_prod(*[torch.arange(5)] * words).view(-1, words).tolist()
        if all(tag % 2 or tag == 0 or (at and path[at - 1] in (tag, tag - 1)) for at, tag in enumerate(path))
    ]
    for row, tags in zip(chances, decode(chances).tolist(), strict=True):
        best = max(legal, key=lambda path: sum(float(row[at, tag]) for at, tag in enumerate(path)))
        assert tags == best


# Figures


class Saying(TagHead):
    """A head whose logits are its features."""

    def read(self, features):
        return features.any(dim=-1)

    def forward(self, features):
        return features


def said_and_true(said, truth):
    head, objective = Saying(5, LABELS), Tag(("words",), "tags")
    objective.adopt(head)
    features = 5.0 * torch.nn.functional.one_hot(torch.tensor([places_of(row) for row in said]), 5).float()
    return objective, head, features, torch.tensor([places_of(row) for row in truth])


def test_figures_by_hand():
    said = [["B-person", "O", "B-place", "I-place"], ["O", "B-place", "O", "O"]]
    truth = [["B-person", "O", "B-place", "O"], ["O", "B-person", "O", "B-place"]]
    objective, head, features, targets = said_and_true(said, truth)
    figures = objective.metrics(head, features, targets)
    assert figures["precision"] == pytest.approx(1 / 3)
    assert figures["recall"] == pytest.approx(1 / 4)
    assert figures["f1"] == pytest.approx(2 / 7)
    assert figures["word_accuracy"] == pytest.approx(5 / 8)
    assert figures["entities"] == 4
    assert by_label(objective.outcomes(head, features, targets)) == (
        ("person", 1.0, 0.5, pytest.approx(2 / 3), 2), ("place", 0.0, 0.0, 0.0, 2),
    )  # fmt: skip
    assert figures["macro_f1"] == pytest.approx(1 / 3)


def test_outcomes_tell_row_by_row():
    said = [["B-person", "O", "B-place"], ["O", "B-place", "O"], ["B-person", "O", "O"]]
    objective, head, features, targets = said_and_true(said, [said[0], ["O", "O", "O"], said[2]])
    targets[2, 0], targets[2, 2] = 5, -100  # a label that training never saw; a row of two words
    outcomes = objective.outcomes(head, features, targets)
    assert outcomes.said == [*said[:2], said[2][:2]]
    assert outcomes.right.tolist() == [True, False, False]
    assert outcomes.known.tolist() == [True, True, False]
    assert outcomes.loss[0] < outcomes.loss[1:].min()
    assert torch.isfinite(outcomes.loss).all()
    for which in ([0], [1, 2], [2, 2, 0], [0, 1, 2]):
        figures = objective.metrics(head, features[which], targets[which])
        of_sums = outcomes.figures(outcomes.sums(torch.tensor(which)))
        assert {name: pytest.approx(float(value)) for name, value in of_sums.items()}.items() <= figures.items()


def test_words_that_were_not_read_are_outside_and_count():
    objective, head, features, targets = said_and_true([["B-person", "B-place"]], [["B-person", "B-place"]])
    features[0, 1] = 0.0
    assert objective.metrics(head, features, targets)["recall"] == 0.5
    assert objective.metrics(head, features[:, :1], targets)["recall"] == 0.5, "nor those behind the longest read"
    losses = objective.losses(head, features, targets, Recipe(label_smoothing=0.0))
    assert losses.tolist() == pytest.approx([float(torch.log_softmax(features[0, 0], 0)[1].neg())])


def test_a_label_that_training_never_saw_is_missed():
    objective = Tag(("words",), "tags")
    objective.adopt(TagHead(4, LABELS))
    target = objective.target_of({"words": ["a", "b", "c"], "tags": ["B-animal", "I-animal", "B-place"]})
    assert target == [5, 6, 3]
    assert entities(target) == [(0, 2, 2), (2, 3, 1)]
    losses = objective.losses(TagHead(4, LABELS), torch.ones(1, 3, 4), torch.tensor([target]), Recipe())
    assert torch.isfinite(losses).all()


def test_the_temperature_is_found_on_words():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(5, (40, 10), generator=generator)
    logits = 1.5 * (1.5 * torch.nn.functional.one_hot(targets, 5) + torch.randn(40, 10, 5, generator=generator))
    head, objective = Saying(5, LABELS), Tag(("words",), "tags")
    objective.adopt(head)
    objective.calibrate(head, 4 * logits, targets)
    assert head.temperature == pytest.approx(4.0, rel=0.25)


def test_entities_that_the_head_is_too_shy_to_name_are_named():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(5, (200, 8), generator=generator) * (torch.rand(200, 8, generator=generator) < 0.3)
    logits = 2.5 * torch.nn.functional.one_hot(targets, 5) + torch.randn(200, 8, 5, generator=generator)
    logits[..., 0] += 2.5
    head, objective = Saying(5, LABELS), Tag(("words",), "tags")
    objective.adopt(head)
    before = objective.metrics(head, logits, targets)
    objective.calibrate(head, logits, targets)
    after = objective.metrics(head, logits, targets)
    assert head.outside > 0.5
    assert after["f1"] > before["f1"] + 0.05
    assert head.config()["outside"] == head.outside
    assert torch.allclose(head.chances(logits).exp().sum(dim=-1), torch.ones(200, 8))
    few = Saying(5, LABELS)
    objective.calibrate(few, logits[:5], targets[:5])
    assert few.outside == 0.0


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's $3.50!", ["It", "'", "s", "$", "3", ".", "50", "!"]),
        ("see http://a.b/c?d @anna_b #Oslo", ["see", "http://a.b/c?d", "@anna_b", "#Oslo"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我爱Oslo", ["我", "爱", "Oslo"]),
        ("东京タワー", ["东", "京", "タ", "ワ", "ー"]),
        ("한국어", ["한국어"]),
        ("cafe\u0301 e", ["cafe\u0301", "e"]),
        ("👩\u200d👩\u200d👧👍🏽", ["👩\u200d👩\u200d👧", "👍🏽"]),
        (" \t\n", []),
    ],
)
def test_words_of_a_text(text, words):
    assert list(words_of(text)) == words
    assert [text[start:end] for start, end in split_words(text)] == words


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_every_character_that_is_no_space_is_in_one_word(text):
    assert "".join(words_of(text)) == "".join(text.split())


def test_casing_tells_how_a_word_and_its_neighbours_are_written():
    columns = casing(["The", "NATO", "iPhone", "7s", "!", "@Anna"])
    kinds = ["title", "upper", "mixed", "digit", "other", "title"]
    order = ["lower", "title", "upper", "mixed", "digit", "other"]
    assert columns.shape == (6, CASING)
    assert [order[at] for at in columns[:, 6:12].argmax(axis=1)] == kinds
    assert columns[0, :6].sum() == columns[5, 12:18].sum() == 0, "no neighbour"
    assert (columns[1:, :6] == columns[:-1, 6:12]).all()
    assert columns[0, -1] == 1.0
    assert casing(["a", "B", "3"])[0, -1] == 0.5
    assert casing(["!", "3"])[0, -1] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40))
def test_windows_cover_all_words(count, size):
    parts = windows(count, size)
    assert {word for start, end in parts for word in range(start, end)} == set(range(count))
    assert all(0 < end - start <= size for start, end in parts)
    best = best_windows(count, size)
    for word, at in enumerate(best):
        start, end = parts[at]
        assert start <= word < end
        near = min(word - start if start else count, end - 1 - word if end < count else count)
        assert near >= min(count, size // 4 - 1)


def test_a_word_is_taken_from_a_window_that_read_it():
    parts = windows(8, 4)
    assert parts == [(0, 4), (2, 6), (4, 8)]
    read = [[True] * 4, [True, False, False, False], [True] * 4]
    assert best_windows(8, 4, read) == [0, 0, 0, 0, 2, 2, 2, 2]
    assert best_windows(3, 4, [[True, False, True]]) == [0, 0, 0], "where none did, it stays outside"


# Examples


def tagged(**row):
    return {"words": ["anna", "in", "oslo"], "tags": ["B-person", "O", "B-place"], **row}


def test_spans_become_tags():
    objective = Tag(("text",), "spans")
    objective._take(LABELS)
    text = "Anna Li's in New-Oslo."
    spans = [{"start": 13, "end": 21, "label": "place"}, (0, 7, "person")]
    tags = [TAGS[place] for place in objective.target_of({"text": text, "spans": spans})]
    assert list(zip(words_of(text), tags, strict=True)) == [
        ("Anna", "B-person"), ("Li", "I-person"), ("'", "O"), ("s", "O"), ("in", "O"), ("New", "B-place"),
        ("-", "I-place"), ("Oslo", "I-place"), (".", "O"),
    ]  # fmt: skip
    assert set(objective.target_of({"text": text, "spans": []})) == {0}
    assert objective.target_of({"text": "anna oslo", "spans": ["B-person", "B-place"]}) == [1, 3], "tags of a text"


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"tags": ["B-person", "O"]}, "'tags' has 2 tags for 3 words"),
        ({"tags": []}, "'tags' has 0 tags for 3 words"),
        ({"tags": ["B-person", "O", "place"]}, "'place' is not a BIO tag"),
        ({"tags": ["B-person", "O", "B-plaec"]}, "'plaec' is not a label of this head.*Did you mean 'place'"),
        ({"tags": None}, "'tags' is empty, not a list"),
        ({"tags": "B-person O O"}, "'tags' is a str, not a list"),
        ({"words": []}, "'words' has no words"),
        ({"words": ["anna", " ", "oslo"]}, "Word 2 of 'words' is empty"),
        ({"words": ["anna", 3, "oslo"]}, "Word 2 of 'words' is a int, not a text"),
        ({"words": 7}, "'words' is a int"),
        ({"words": "  "}, "'words' is empty"),
        ({"tags": [{"start": 0, "end": 99, "label": "place"}]}, "span 0 to 99 is not in the text, which has 12"),
        ({"tags": [{"start": 0, "stop": 4}]}, "which is no span"),
        ({"tags": [(0, 4)]}, "which is no span"),
        ({"tags": [(0, 4, "person"), (2, 7, "place")]}, "shares a word with another"),
        ({"tags": [(4, 5, "person")]}, r"covers no word"),
    ],
)
def test_a_bad_row_is_named(bad, told):
    with pytest.raises(BadInput, match=rf"(?s)Row 2 of the split 'train': .*{told}"):
        Tag(("words",), "tags").learn([tagged(), tagged(**bad)], LABELS)


def test_rows_without_any_entity_cannot_be_learned_from():
    with pytest.raises(BadInput, match="no training row has an entity"):
        Tag(("words",), "tags").learn([tagged(tags=["O"] * 3)], ())
    with pytest.raises(BadInput, match="reads one field"):
        Tag(("words", "more"), "tags").learn([tagged()], ())
    one = Tag(("words",), "tags")
    one.learn([tagged(tags=["B-person", "O", "O"])], ())
    assert one.labels == ("person",), "one label is enough"


# From rows to spans


@pytest.fixture
def job_of(job):
    def make(**changes):
        examples = changes.pop("examples", {"train": make_tagged(150), "validation": make_tagged(40, seed=1)})
        changes = {"max_tokens": 64, **changes}
        return job(examples, objective="tag", inputs=("words",), target="tags", labels=(), **changes)

    return make


@pytest.mark.parametrize(("method", "casing"), [("head", True), ("lora", False), ("full", True)])
def test_a_trained_head_finds_spans(job_of, workshop, encoder, method, casing):
    report = fit(job_of(method=method, casing=casing, learning_rate=3e-3, head_learning_rate=1e-2), workshop)
    assert report.metrics["f1"] > 0.9
    engine = Engine(workshop.registry, lambda: encoder)
    text, words = "with anna  in oslo", ("with", "anna", "in", "oslo")
    answers = engine.predict("shop", "topic", report.version, [text, words, {"words": text}, "and and"])
    assert [(span.label, text[span.start : span.end]) for span in answers[0].spans] == [
        ("person", "anna"), ("place", "oslo"),
    ]  # fmt: skip
    assert [(span.start, span.end) for span in answers[1].spans] == [(5, 9), (13, 17)], "of the words joined by spaces"
    assert answers[2].spans == answers[0].spans
    assert answers[3].spans == ()
    assert all(isinstance(span, Span) and 0.3 < span.confidence <= 1 for span in answers[0].spans)
    assert answers[0].confidence <= min(span.confidence for span in answers[0].spans)
    loaded = engine.load("shop", "topic", report.version)
    assert loaded.head.casing is casing
    assert loaded.manifest["labels"] == ["person", "place"]
    noun = TaskHead("topic", "chats", "tag", ("words",), "tags")
    held_out = make_tagged(40, seed=1)
    figures = evaluate(loaded.head, loaded.encoder, loaded.slot, "v1", noun, held_out, "validation", loaded.extent)
    assert figures.metrics["f1"] == pytest.approx(report.metrics["f1"])
    assert [row[0] for row in figures.per_label] == ["person", "place"]


def test_long_texts_are_cut_in_training_and_read_in_windows_afterwards(job_of, workshop, encoder):
    rows = make_tagged(150)
    long = {"words": ["and"] * 40 + ["in", "oslo"], "tags": ["O"] * 41 + ["B-place"]}
    examples = {"train": [*rows, long], "validation": make_tagged(20, seed=1)}
    report = fit(job_of(method="head", max_tokens=40, examples=examples), workshop)
    words = sum(len(row["words"]) for row in examples["train"])
    (note,) = [note for note in report.notes if "were cut" in note]
    cut = re.fullmatch(
        rf"(\d+) of 151 training texts were longer than 40 tokens and were cut; (\d+) of {words} .*", note
    )
    assert 1 <= int(cut[1]) <= 5
    assert 1 <= int(cut[2]) <= 40
    engine = Engine(workshop.registry, lambda: encoder)
    rows = make_tagged(12, seed=2)
    whole = " ".join(word for row in rows for word in row["words"])
    (answer,) = engine.predict("shop", "topic", report.version, [whole])
    tags = [TAGS.index(tag) for row in rows for tag in row["tags"]]
    places = split_words(whole)
    truth = {(places[first][0], places[last - 1][1], LABELS[label]) for first, last, label in entities(tags)}
    said = {(span.start, span.end, span.label) for span in answer.spans}
    assert len(places) > 2 * engine.load("shop", "topic", report.version).head.window
    assert len(said & truth) > 0.8 * max(len(said), len(truth))


def test_the_features_of_many_words_are_not_all_kept(job_of, workshop, monkeypatch):
    monkeypatch.setattr(sys.modules["verticals.tuning.preparing"], "_CACHED_BYTES", 4 * 32 * 9 * 30)
    report = fit(job_of(method="head"), workshop)
    assert any("30 of 40 held-out rows" in note or "held-out rows were measured on" in note for note in report.notes)
    assert any("the head alone was fitted to" in note and "of 150 rows" in note for note in report.notes)
    assert report.metrics["f1"] > 0.3
