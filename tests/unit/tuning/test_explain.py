"""Which words an answer rests on."""

import pytest

from verticals.contract import BadInput, Extent, Recipe, TaskHead
from verticals.inference import Engine
from verticals.tuning import explain, fit

NOUN = TaskHead(name="topic", dataset="chats")
RECIPE = {"method": "lora", "epochs": 3, "learning_rate": 1e-2, "head_learning_rate": 1e-2}


def loaded(workshop, version="v1"):
    return Engine(workshop.registry, lambda: workshop.encoder).load("shop", "topic", version)


def taken_apart(one, value, label="", noun=NOUN, tokens=24):
    return explain(one.head, one.encoder, one.slot, one.reference, noun, value, label, Extent(tokens))


def test_the_words_sum_to_the_answer_and_the_telling_word_weighs_most(workshop, job):
    fit(job(**RECIPE), workshop)
    one = loaded(workshop)
    text = "please  help my refund, today"
    found = taken_apart(one, text)
    assert (
        found.label == one.head.answer(one.encoder.encode(one.encoder.tokens([text], 24), [one.slot]), [text])[0].label
    )
    assert found.measure == "log-odds"
    assert [word.word for word in found.words] == ["please", "help", "my", "refund", ",", "today"]
    assert all(text[word.start : word.end] == word.word for word in found.words)
    total = sum(word.weight for word in found.words) + found.rest
    assert total == pytest.approx(found.value - found.baseline, abs=found.error + 1e-4)
    assert found.error <= 0.02 * abs(found.value - found.baseline) or found.steps == 256
    weights = {word.word: word.weight for word in taken_apart(one, text, "payment").words}
    assert max(weights, key=weights.get) == "refund"
    other = {word.word: word.weight for word in taken_apart(one, text, "delivery").words}
    assert other["refund"] < weights["refund"], "it speaks for its own label before any other"


def test_the_adapter_of_the_version_answers_and_the_encoder_is_left_as_it_was(workshop, job):
    fit(job(**RECIPE), workshop)
    one = loaded(workshop)
    assert one.slot or one.manifest["method"] == "head"
    rows = one.encoder.tokens(["my card"], 24)
    before = one.encoder.encode(rows)
    adapted = taken_apart(one, "my card", "payment")
    if one.slot:
        bare = explain(one.head, one.encoder, 0, "bare", NOUN, "my card", "payment", Extent(24))
        assert bare.value != pytest.approx(adapted.value)
    assert one.encoder.encode(rows).equal(before), "no hook is left behind"


def test_pairs_and_numbers_are_explained_and_cut_texts_are_said(workshop, job, utterances):
    rows = [{"left": row["text"], "right": f"about {row['label']}", "label": float(at % 3)}
            for at, row in enumerate(utterances(60))]  # fmt: skip
    noun = TaskHead(name="topic", dataset="chats", objective="score", inputs=("left", "right"))
    fit(job(rows, objective="score", inputs=("left", "right"), method="head"), workshop)
    one = loaded(workshop)
    value = {"left": "my parcel", "right": "about payment"}
    found = taken_apart(one, value, noun=noun, tokens=64)
    assert (found.label, found.measure, found.texts) == ("", "label", ("my parcel", "about payment"))
    assert [(word.part, word.word) for word in found.words] == [
        (0, "my"), (0, "parcel"), (1, "about"), (1, "payment"),
    ]  # fmt: skip
    assert found.value == pytest.approx(
        one.head.answer(one.encoder.encode(one.encoder.tokens([("my parcel", "about payment")], 64)), [value])[0].value,
        abs=1e-4,
    )
    assert sum(word.weight for word in found.words) + found.rest == pytest.approx(
        found.value - found.baseline, abs=found.error + 1e-4
    )
    cut = taken_apart(one, value, noun=noun, tokens=8)
    assert cut.tokens_cut > 0
    assert len(cut.words) < 4 or cut.words[-1].end < len("about payment")
    with pytest.raises(BadInput, match="has no labels"):
        taken_apart(one, value, "payment", noun)


def test_what_cannot_be_explained_is_said(workshop, job, utterances):
    fit(job(method="head"), workshop)
    one = loaded(workshop)
    with pytest.raises(BadInput, match=r"'paymnt' is not a label.*Did you mean 'payment'"):
        taken_apart(one, "my card", "paymnt")
    with pytest.raises(BadInput, match="is empty"):
        taken_apart(one, "  ")
    noun = TaskHead(name="topic", dataset="chats", objective="rank", inputs=("query",), target="item")
    rows = [{"query": row["text"], "item": f"{row['label']} {at}"} for at, row in enumerate(utterances(30))]
    recipe = Recipe(method="head", epochs=1)
    fit(job(rows, objective="rank", inputs=("query",), target="item", recipe=recipe), workshop)
    with pytest.raises(BadInput, match="'rank' cannot be taken apart by words"):
        taken_apart(loaded(workshop, "v2"), {"query": "a", "candidates": {"b": "b"}}, noun=noun)
