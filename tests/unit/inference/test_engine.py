"""Answers for many heads at once: each as it would be alone."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from verticals.contract import BadInput, Damaged, NotFound, PlatformError, Prediction, Unavailable
from verticals.encoder import Encoder
from verticals.encoder.heads import ClassifyHead, MultilabelHead, TagHead
from verticals.inference import BARE, Engine
from verticals.inference.cache import FeatureCache, Features
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


def test_in_bf16_what_rounding_might_decide_is_decided_in_fp32(registry, encoder, mixed, monkeypatch):
    half, computed = encoder.private_copy().computing_in("bf16"), []
    encode = Encoder.encode_each
    monkeypatch.setattr(
        Encoder,
        "encode_each",
        lambda self, *given, **named: computed.append(self.precision.name) or encode(self, *given, **named),
    )
    chosen = [request for request in mixed if request.head in {"plain", "adapted", "private"}]
    monkeypatch.setattr("verticals.inference.engine._ROUNDING", 0.0)
    Engine(registry, lambda: half, cached_texts=0).answer(chosen)
    assert set(computed) == {"bf16"}
    monkeypatch.setattr("verticals.inference.engine._ROUNDING", 1.1)  # every answer is in doubt
    engine, single = Engine(registry, lambda: half), Engine(registry, lambda: half, cached_texts=0)
    together = engine.answer(chosen)
    assert set(computed) == {"bf16", "fp32"}
    for request, answer in zip(chosen, together, strict=True):
        near(answer, single.answer([request])[0])
    computed.clear()
    for one, again in zip(together, engine.answer(chosen), strict=True):
        near(one, again)
    assert not computed, "what was computed in fp32 is remembered"


@pytest.mark.parametrize(
    ("likely", "familiarity", "in_doubt"),
    [((0.51, 0.49), 0.9, False), ((0.504, 0.496), 0.9, True), ((0.9, 0.1), 0.501, True), ((1.0,), 0.9, False)],
)
def test_a_label_is_in_doubt_near_another_or_near_the_threshold(likely, familiarity, in_doubt):
    head = ClassifyHead(4, ["a", "b"][: len(likely)], threshold=0.5)
    ranking = tuple(zip(head.labels, likely, strict=True))
    answer = Prediction(label="a", confidence=likely[0], ranking=ranking, familiarity=familiarity)
    assert head.undecided(answer, 0.01, "a text", torch.empty(0)) == in_doubt


@pytest.mark.parametrize(("likely", "in_doubt"), [((0.9, 0.1), False), ((0.69, 0.1), True), ((0.9, 0.309), True)])
def test_a_label_of_several_is_in_doubt_near_its_own_threshold(likely, in_doubt):
    head = MultilabelHead(4, ["a", "b"], thresholds=[0.7, 0.3])
    answer = Prediction(label="a", confidence=0.9, ranking=tuple(zip("ab", likely, strict=True)))
    assert head.undecided(answer, 0.02, "a text", torch.empty(0)) == in_doubt


@pytest.mark.parametrize(
    ("outside", "logits", "in_doubt"),
    [
        (0.0, ((4.0, 0.0, 0.0), (1.0, 1.0, 0.0)), True),
        (0.0, ((4.0, 0.0, 0.0), (2.0, 1.0, 0.0)), False),
        (1.0, ((4.0, 0.0, 0.0), (2.0, 1.0, 0.0)), True),
        (1.0, ((4.0, 0.0, 0.0), (1.0, 1.0, 0.0)), False),
    ],
)
def test_spans_are_in_doubt_where_two_tags_are_nearly_as_good(outside, logits, in_doubt):
    head = TagHead(4, ["name"], outside=outside)
    features = torch.tensor([(*row, 0.0) for row in logits])
    head.forward = lambda read: read[..., :3]  # its features are its logits
    (answer,) = head.answer(features, ["two words"])
    assert head.undecided(answer, 0.02, "two words", features) == in_doubt


def test_what_is_remembered_changes_no_answer(engine, mixed):
    first = engine.answer(mixed)
    for again, answer in zip(engine.answer(mixed[::-1])[::-1], first, strict=True):
        near(again, answer)


def test_cut_tokens_are_reported_and_remembered(engine, save):
    save("short", max_tokens=5)
    for _ in range(2):
        long, brief = engine.predict("shop", "short", "v1", ["a b c d e", "a b"])
        assert (long.tokens_cut, brief.tokens_cut) == (2, 0)


def test_a_long_text_is_read_to_the_end_of_its_last_window(engine, save):
    save("long", max_tokens=5, windows=3)
    read = engine.predict("shop", "long", "v1", ["a b c d e", "a b c", "a b c d e f g " * 3, "a b c d e"])
    assert [one.tokens_cut for one in read] == [0, 0, 12, 0]
    assert read[0].confidence != read[1].confidence
    near(read[0], read[3])
    near(read[0], engine.predict("shop", "long", "v1", ["a b c d e"])[0])


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


def memory_of(registry, encoder, *names):
    """What versions take together."""
    apart = Engine(registry, lambda: encoder)
    return sum(apart.load("shop", name, "v1").bytes for name in names)


def test_more_versions_than_fit_are_answered_right(registry, encoder, save):
    names = [f"head-{number}" for number in range(5)]
    for number, name in enumerate(names):
        save(name, number, method="lora")
    expected = {}
    for name in names:
        (expected[name],) = Engine(registry, lambda: encoder, cached_texts=0).predict("shop", name, "v1", ["a parcel"])
    engine = Engine(registry, lambda: encoder, cached_texts=0, memory=memory_of(registry, encoder, *names[:3]))
    taken = len(encoder.bank)
    order = [*names, *names[::-1], names[0], names[4], names[0]]
    answers = engine.answer([Request("shop", name, "v1", "a parcel") for name in order])
    for name, answer in zip(order, answers, strict=True):
        near(answer, expected[name])
    for name in order:
        near(engine.predict("shop", name, "v1", ["a parcel"])[0], expected[name])
    assert len(encoder.bank) == taken + 3 == taken + len(engine.versions)


def test_the_version_used_last_stays(registry, encoder, save):
    for name in ("first", "second", "third"):
        save(name)
    engine = Engine(registry, lambda: encoder, memory=memory_of(registry, encoder, "first", "second"))
    first, second = (engine.load("shop", name, "v1") for name in ("first", "second"))
    assert engine.load("shop", "first", "v1") is first
    engine.load("shop", "third", "v1")
    assert engine.load("shop", "first", "v1") is first
    assert engine.load("shop", "second", "v1") is not second


def test_a_version_in_use_is_not_put_away(registry, encoder, save):
    for number, name in enumerate(("first", "second", "third")):
        save(name, number, method="lora")
    engine = Engine(registry, lambda: encoder, memory=memory_of(registry, encoder, "first", "second"))
    with engine.using("shop", "first", "v1") as first:
        engine.load("shop", "second", "v1")
        assert engine.load("shop", "third", "v1").slot != first.slot
        with engine.using("shop", "third", "v1"):
            before = len(encoder.bank)
            with pytest.raises(Unavailable, match="The 2 versions in use leave no memory for another"):
                engine.load("shop", "second", "v1")
            assert len(encoder.bank) == before, "what did not fit left nothing behind"
            answers = engine.answer([Request("shop", name, "v1", "a") for name in ("second", "first", "second")])
            assert [type(answer).__name__ for answer in answers] == ["Full", "Prediction", "Full"]
        assert engine.load("shop", "first", "v1") is first
    assert engine.load("shop", "second", "v1")


def test_a_version_larger_than_the_memory_is_answered_alone(registry, encoder, save):
    for number, name in enumerate(("first", "second")):
        save(name, number, method="full")
    engine = Engine(registry, lambda: encoder, memory=10)
    answers = engine.answer([Request("shop", name, "v1", "a") for name in ("first", "second", "first")])
    assert [answer.version for answer in answers] == ["shop/first@v1", "shop/second@v1", "shop/first@v1"]
    assert len(engine.versions) == 1


def test_loading_a_version_keeps_no_other_waiting(registry, encoder, save, monkeypatch):
    save("slow", 1, method="lora")
    save("quick", 2, method="lora")
    engine = Engine(registry, lambda: encoder, cached_texts=0)
    engine.load("shop", "quick", "v1")
    reads, go_on, original = threading.Event(), threading.Event(), registry.open

    def opened(*key):
        reads.set()
        assert go_on.wait(20)
        return original(*key)

    monkeypatch.setattr(registry, "open", opened)
    with ThreadPoolExecutor(3) as pool:
        loading = [pool.submit(engine.predict, "shop", "slow", "v1", ["a"]) for _ in range(2)]
        assert reads.wait(20)
        assert engine.predict("shop", "quick", "v1", ["a"])[0].version == "shop/quick@v1"
        assert not any(one.done() for one in loading)
        go_on.set()
        assert {one.result(20)[0].version for one in loading} == {"shop/slow@v1"}
    assert len(encoder.bank) == 2, "both who asked for it got the same"


def test_heads_on_the_bare_encoder_share_features(engine, encoder, save, monkeypatch):
    save("one", 1)
    save("two", 2)
    save("adapted", 3, method="lora")
    encoded = []
    original = encoder.encode_each
    monkeypatch.setattr(encoder, "encode_each", lambda rows, *rest: encoded.append(len(rows)) or original(rows, *rest))
    engine.answer([Request("shop", head, "v1", "a") for head in ("one", "two", "one")])
    engine.predict("shop", "two", "v1", ["a"])
    assert encoded == [1]
    engine.predict("shop", "adapted", "v1", ["a", "a"])
    assert encoded == [1, 1]


def features(*values, cut=0):
    return Features(torch.tensor([[float(value), -value] for value in values]), cut)


def test_the_feature_cache_is_bounded_and_keeps_what_was_used_last():
    cache = FeatureCache(3)
    for number, key in enumerate("abc"):
        cache.put(key, features(number, cut=number))
    assert cache.get("a") is not None
    cache.put("d", features(7))
    assert [cache.get(key) is not None for key in "abcd"] == [True, False, True, True]
    for key, number in (("a", 0), ("c", 2)):
        kept = cache.get(key)
        assert kept.cut == number
        assert kept.vectors.equal(features(number).vectors)
    nothing = FeatureCache(0)
    nothing.put("a", features(1))
    assert nothing.get("a") is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.sampled_from([2, 3])), max_size=60), st.integers(0, 12)
)
def test_what_the_feature_cache_gives_is_what_was_put(puts, capacity):
    cache, last = FeatureCache(capacity), {}
    told = None
    for number, (key, words, dimension) in enumerate(puts):
        vectors = torch.full((words, dimension), float(number))
        vectors[:, 0] = torch.arange(words)
        before = None if told is None else told.clone()
        cache.put(key, Features(vectors, number))
        assert told is None or told.equal(before), "what was given stays as it was"
        last[key] = vectors
        found = {one: cache.get(one) for one in last}
        assert sum(len(one.vectors) for one in found.values() if one is not None) <= capacity
        assert all(one is None or one.vectors.equal(last[name]) for name, one in found.items())
        if 0 < words <= capacity:
            told = found[key].vectors
            assert found[key].cut == number


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


def test_a_vector_is_that_of_the_bare_encoder_whoever_has_read_the_text(registry, encoder, save, monkeypatch):
    save("plain", 1)
    save("adapted", 2, method="lora")
    save("short", 3, max_tokens=5)
    engine = Engine(registry, lambda: encoder)
    long = "parcel " * 40
    texts = ["where is my parcel", "näh", long, "never read", "where is my parcel"]
    for head in ("short", "adapted", "plain"):
        engine.predict("shop", head, "v1", texts[:3])
    asked, encode_each = [], encoder.encode_each
    monkeypatch.setattr(encoder, "encode_each", lambda rows, *rest: asked.append(len(rows)) or encode_each(rows, *rest))
    vectors = [one.vector for one in engine.predict(*BARE, texts)]
    assert np.array(vectors) == pytest.approx(encoder.embed(texts), abs=1e-5)
    assert asked == [3], "what `plain` has read whole is not computed again"
    near(*engine.predict("shop", "plain", "v1", ["never read"]), Engine(registry, lambda: encoder, 0).predict(
        "shop", "plain", "v1", ["never read"])[0])  # fmt: skip
