"""Answers for many heads at once: each as it would be alone."""

import itertools
import json

import pytest
import torch

from verticals.contract import BadInput, Damaged, NotFound, PlatformError, Prediction, Unavailable
from verticals.inference import Engine
from verticals.inference import engine as engine_module
from verticals.inference.cache import FeatureCache
from verticals.inference.engine import Request

TEXTS = ["where is my parcel", "no", "a longer text about nothing much, really", "my card was charged twice"]
CANDIDATES = {"query": "a warm pan", "candidates": {"p1": "cast iron pan", "p2": "wool blanket", "p3": "knife"}}


def near(one, other):
    assert (one.label, one.version, one.abstained, one.tokens_cut) == (
        other.label, other.version, other.abstained, other.tokens_cut,
    )  # fmt: skip
    assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
    assert [name for name, _ in one.ranking] == [name for name, _ in other.ranking]
    assert [chance for _, chance in one.ranking] == pytest.approx([chance for _, chance in other.ranking], abs=1e-5)
    assert (one.value is None) == (other.value is None)
    if one.value is not None:
        assert one.value == pytest.approx(other.value, abs=1e-5)


@pytest.fixture
def mixed(save):
    """Requests to heads of every objective and method, in no order."""
    save("plain", 1)
    save("adapted", 2, method="lora")
    save("private", 3, method="full")
    save("worth", 4, objective="score", method="lora")
    save("match", 5, objective="rank")
    save("pairs", 6, fields=("text", "other"))
    save("short", 7, max_tokens=5)
    heads = ["plain", "adapted", "private", "worth", "short"]
    requests = [Request("shop", head, "v1", text) for text, head in itertools.product(TEXTS, heads)]
    requests += [Request("shop", "match", "v1", CANDIDATES)] * 2
    requests += [
        Request("shop", "pairs", "v1", value) for value in (("a text", "another"), {"text": "a", "other": "b"})
    ]
    return requests


def test_a_mixed_batch_equals_single_answers(registry, encoder, mixed):
    together = Engine(registry, lambda: encoder, cached_texts=0).answer(mixed)
    single = Engine(registry, lambda: encoder, cached_texts=0)
    for request, answer in zip(mixed, together, strict=True):
        (alone,) = single.answer([request])
        near(answer, alone)
        assert answer.version == f"shop/{request.head}@v1"
    by_head = {request.head: answer for request, answer in zip(mixed, together, strict=True)}
    assert by_head["adapted"].label.startswith("adapted-")
    assert by_head["worth"].label is None
    assert {name for name, _ in by_head["match"].ranking} == {"p1", "p2", "p3"}


def test_what_is_remembered_changes_no_answer(engine, mixed):
    first = engine.answer(mixed)
    for again, answer in zip(engine.answer(mixed[::-1])[::-1], first, strict=True):
        near(again, answer)


def test_cut_tokens_are_reported_and_remembered(engine, save):
    save("short", max_tokens=5)
    for _ in range(2):
        long, brief = engine.predict("shop", "short", "v1", ["a b c d e", "a b"])
        assert (long.tokens_cut, brief.tokens_cut) == (2, 0)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "'text' is empty"),
        (None, "The input is a NoneType"),
        (7, "The input is a int"),
        ({"txt": "a"}, "The input has no 'text'. It needs: text."),
        (("a", "b"), "The input has 2 texts; this head reads 1: text."),
        ({"text": ["a"]}, "'text' is a list, not a text"),
        ("half \ud83d of one", "half of a character"),
    ],
)
def test_one_bad_input_fails_only_its_own_request(engine, save, value, told):
    save("plain")
    save("match", objective="rank")
    requests = [Request("shop", "plain", "v1", text) for text in (TEXTS[0], value, TEXTS[1])]
    requests.append(Request("shop", "match", "v1", {"query": "a", "candidates": {}}))
    good, bad, also_good, empty = engine.answer(requests)
    assert isinstance(bad, BadInput)
    assert told in str(bad)
    assert "'candidates' is empty" in str(empty)
    near(good, engine.predict("shop", "plain", "v1", [TEXTS[0]])[0])
    near(also_good, engine.predict("shop", "plain", "v1", [TEXTS[1]])[0])
    with pytest.raises(BadInput):
        engine.predict("shop", "plain", "v1", [TEXTS[0], value])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a text", "no 'query' or no 'candidates'"),
        ({"query": "a", "candidates": ["b"]}, "'candidates' is empty or no mapping"),
        ({"query": " ", "candidates": {"x": "b"}}, "The text of 'query' is empty"),
        ({"query": "a", "candidates": {"x": "b", "y": None}}, "The text of 'y' is a NoneType"),
        ({"query": "a", "candidates": {"x": "\udc00"}}, "The text of 'x' holds half of a character"),
    ],
)
def test_bad_rankings_say_what_is_wrong(engine, save, value, told):
    save("match", objective="rank")
    with pytest.raises(BadInput, match=told):
        engine.predict("shop", "match", "v1", [value])


def test_a_version_that_is_not_there_fails_only_its_own_request(engine, save):
    save("plain")
    good, missing = engine.answer([Request("shop", "plain", version, "a") for version in ("v1", "v7")])
    assert isinstance(good, Prediction)
    assert isinstance(missing, NotFound)
    assert engine.answer([]) == []


def damaged(engine, told):
    with pytest.raises(Damaged, match=told):
        engine.predict("shop", "plain", "v1", ["a"])


def test_a_version_of_another_encoder_is_refused_by_name(engine, save, encoder):
    other = {"name": "another/encoder", "sha256": "ab" * 32, "pooling": "mean"}
    save("plain", encoder=other)
    damaged(engine, rf"shop/plain@v1 was trained on the encoder another/encoder \(abababababab\); this platform runs "
                    rf"tiny \({encoder.source.sha256[:12]}\)\. Set that encoder, or train")  # fmt: skip


def test_a_version_of_another_tokenizer_is_refused(engine, save):
    save("plain", tokenizer_sha256="cd" * 32)
    damaged(engine, r"shop/plain@v1 was trained with another tokenizer")


def test_a_version_of_another_pooling_is_refused(engine, save, encoder):
    save("plain", encoder={"name": "tiny", "sha256": encoder.source.sha256, "pooling": "cls"})
    damaged(engine, r"shop/plain@v1 was trained on cls pooling; .* now says mean")


def test_files_that_do_not_fit_together_are_refused(engine, save):
    save("plain", config={"labels": ["only one"]})
    damaged(engine, r"shop/plain@v1 cannot be loaded: its weights do not fit its manifest\. Train it again")


def test_a_file_that_was_changed_is_refused(engine, save, registry):
    save("plain")
    path = registry.open("shop", "plain", "v1").path / "head.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    damaged(engine, r"head\.safetensors does not match its checksum")


def test_a_damaged_version_takes_nothing_from_the_others(engine, save, registry):
    save("plain", method="lora")
    save("bad", method="lora", config={"labels": ["only one"]})
    for _ in range(20):
        bad, good = engine.answer([Request("shop", head, "v1", "a") for head in ("bad", "plain")])
        assert isinstance(bad, PlatformError)
        assert isinstance(good, Prediction)


def test_more_versions_than_fit_are_answered_right(registry, encoder, save, monkeypatch):
    monkeypatch.setattr(engine_module, "_LOADED", 3)
    names = [f"head-{number}" for number in range(5)]
    for number, name in enumerate(names):
        save(name, number, method="lora")
    expected = {}
    for name in names:
        (expected[name],) = Engine(registry, lambda: encoder, cached_texts=0).predict("shop", name, "v1", ["a parcel"])
    engine = Engine(registry, lambda: encoder, cached_texts=0)
    order = [*names, *names[::-1], names[0], names[4], names[0]]
    answers = engine.answer([Request("shop", name, "v1", "a parcel") for name in order])
    for name, answer in zip(order, answers, strict=True):
        near(answer, expected[name])
    for name in order:
        near(engine.predict("shop", name, "v1", ["a parcel"])[0], expected[name])
    taken = 16 - len(encoder.bank._free)
    assert taken == 5 + 3, "five engines that hold one each, and this one"


def test_the_version_used_last_stays(engine, save, monkeypatch):
    monkeypatch.setattr(engine_module, "_LOADED", 2)
    for name in ("first", "second", "third"):
        save(name)
    first, second = (engine.load("shop", name, "v1") for name in ("first", "second"))
    assert engine.load("shop", "first", "v1") is first
    engine.load("shop", "third", "v1")
    assert engine.load("shop", "first", "v1") is first
    assert engine.load("shop", "second", "v1") is not second


def test_a_version_in_use_is_not_put_away(engine, save, monkeypatch):
    monkeypatch.setattr(engine_module, "_LOADED", 2)
    for number, name in enumerate(("first", "second", "third")):
        save(name, number, method="lora")
    with engine.using("shop", "first", "v1") as first:
        engine.load("shop", "second", "v1")
        assert engine.load("shop", "third", "v1").slot != first.slot
        with engine.using("shop", "third", "v1"), pytest.raises(Unavailable, match="All 2 versions in memory"):
            engine.load("shop", "second", "v1")
        assert engine.load("shop", "first", "v1") is first
    assert engine.load("shop", "second", "v1")


def test_heads_on_the_bare_encoder_share_features(engine, encoder, save, monkeypatch):
    save("one", 1)
    save("two", 2)
    save("adapted", 3, method="lora")
    encoded = []
    original = encoder.encode
    monkeypatch.setattr(
        encoder, "encode", lambda rows, *rest, **more: encoded.append(len(rows)) or original(rows, *rest, **more)
    )
    engine.answer([Request("shop", head, "v1", "a") for head in ("one", "two", "one")])
    engine.predict("shop", "two", "v1", ["a"])
    assert encoded == [1]
    engine.predict("shop", "adapted", "v1", ["a", "a"])
    assert encoded == [1, 1]


def test_the_feature_cache_is_bounded_and_keeps_what_was_used_last():
    cache = FeatureCache(3)
    for key in "abc":
        cache.put(key, torch.tensor([float(ord(key))]))
    assert cache.get("a") is not None
    cache.put("d", torch.zeros(1))
    assert [cache.get(key) is not None for key in "abcd"] == [True, False, True, True]
    assert cache.get("a").item() == ord("a")
    nothing = FeatureCache(0)
    nothing.put("a", torch.zeros(1))
    assert nothing.get("a") is None


def test_the_engine_keeps_no_more_texts_than_told(registry, encoder, save):
    save("plain")
    engine = Engine(registry, lambda: encoder, cached_texts=8)
    answers = engine.predict("shop", "plain", "v1", [f"text {number}" for number in range(30)])
    assert len(answers) == 30
    assert len(engine._cache._kept) == 8


def test_embed_gives_the_bare_encoders_vectors(engine, encoder):
    assert (engine.embed(TEXTS) == encoder.embed(TEXTS)).all()


def test_a_manifest_is_plain_json(registry, save):
    save("plain")
    folder = registry.open("shop", "plain", "v1")
    assert json.loads((folder.path / "manifest.json").read_text())["files"].keys() == {"head.safetensors"}
