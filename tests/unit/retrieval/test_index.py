"""What an index promises while it is open."""

import random
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals import BadInput, Conflict, Document, NotFound
from verticals.contract import Damaged, Unavailable
from verticals.retrieval import Changes, DocumentIndex


def ids(hits):
    return [hit.document.id for hit in hits]


def test_a_document_is_found_as_soon_as_upsert_returns(index, articles):
    assert index.upsert(articles) == Changes(added=4)
    hit = index.search("send an item back")[0]
    assert hit.document == articles[0]
    assert hit.dense_rank == hit.lexical_rank == 1
    assert hit.similarity > 0
    assert index.count() == 4
    assert index.get("shipping") == articles[1]


def test_upserting_the_same_again_changes_and_embeds_nothing(index, articles, embed):
    index.upsert(articles)
    embed.asked.clear()
    assert index.upsert(articles) == Changes(unchanged=4)
    assert embed.asked == []


def test_only_changed_text_is_embedded_again(index, embed):
    index.upsert([Document("a", "one", metadata={"n": 1}), Document("b", "two"), Document("c", "three", title="t")])
    embed.asked.clear()
    changes = index.upsert(
        [Document("a", "one", metadata={"n": 2}), Document("b", "two changed"), Document("c", "three", title="u")]
    )
    assert changes == Changes(updated=3)
    assert embed.asked == ["two changed", "u\nthree"]
    assert ids(index.search("one", where={"n": 2})) == ["a"]
    assert index.search("one", where={"n": 1}) == []


def test_a_moved_border_between_title_and_text_is_an_update(index):
    index.upsert([Document("a", "b\nc", title="a")])
    assert index.upsert([Document("a", "c", title="a\nb")]) == Changes(updated=1)
    assert index.get("a").title == "a\nb"


def test_of_several_documents_with_one_id_the_last_counts(index):
    assert index.upsert([Document("a", "first"), Document("b", "x"), Document("a", "second")]) == Changes(added=2)
    assert index.get("a").text == "second"
    assert ids(index.search("first", mode="lexical")) == []
    assert ids(index.search("second", mode="lexical")) == ["a"]


def test_a_deleted_document_is_not_found_again(index, articles):
    index.upsert(articles)
    assert index.delete(["returns", "nothing"]) == 1
    assert "returns" not in ids(index.search("return an item", k=100))
    assert index.count() == 3
    with pytest.raises(NotFound, match="returns"):
        index.get("returns")
    assert index.delete([]) == 0
    with pytest.raises(BadInput, match="several ids"):
        index.delete("shipping")


def test_documents_are_listed_in_pages_by_id(index):
    index.upsert(Document(f"d{number:02}", "text") for number in range(25))
    first = index.documents(limit=10)
    second = index.documents(after=first[-1].id, limit=10)
    assert [document.id for document in first + second] == [f"d{number:02}" for number in range(20)]
    assert len(index.documents()) == 25


def test_k_may_be_larger_than_the_index(index, articles):
    assert index.search("anything", k=50) == []
    index.upsert(articles)
    assert len(index.search("parcel", k=10_000, mode="dense")) == 4


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_query_finds_nothing(index, articles, text):
    index.upsert(articles)
    assert index.search(text) == []


@pytest.mark.parametrize(
    "text",
    ['"', 'title:"parcel', "(a OR", "a AND NOT b", "[1 TO 5}", "row:1", "*", "\\", "-parcel", "^2 ~1", "the of and",
     "🙂", "\x00", "\ud800 parcel", "a" * 100_000, "parcel " * 50_000, "'; DROP TABLE documents; --"],
)  # fmt: skip
def test_any_text_is_a_query(index, articles, text):
    index.upsert(articles)
    for mode in ("hybrid", "dense", "lexical"):
        assert len(index.search(text, mode=mode)) <= 4


def test_a_query_is_words_and_no_syntax(index):
    index.upsert([Document("a", "apples and pears"), Document("b", "cherries")])
    assert set(ids(index.search('NOT apples: "cherries"', mode="lexical"))) == {"a", "b"}


def test_titles_weigh_more_than_texts(index):
    index.upsert([Document("text", "refund policy", title="money"), Document("title", "money policy", title="refund")])
    assert ids(index.search("refund", mode="lexical")) == ["title", "text"]


def test_each_mode_ranks_by_its_own_part(index, articles):
    index.upsert(articles)
    dense = index.search("parcel", mode="dense")
    assert [hit.dense_rank for hit in dense] == [1, 2, 3, 4]
    assert all(hit.lexical_rank is None for hit in dense)
    assert [hit.similarity for hit in dense] == sorted((hit.similarity for hit in dense), reverse=True)
    lexical = index.search("parcel", mode="lexical")
    assert sorted(ids(lexical)) == ["returns", "shipping"]
    assert all(hit.similarity is None and hit.dense_rank is None for hit in lexical)
    scores = [hit.score for hit in index.search("parcel refund")]
    assert scores == sorted(scores, reverse=True)


def test_hits_below_the_minimum_similarity_are_left_out(index, articles):
    index.upsert(articles)
    hits = index.search("track the parcel online")
    limit = sorted(hit.similarity for hit in hits)[-2]
    assert {hit.document.id for hit in index.search("track the parcel online", minimum_similarity=limit)} == {
        hit.document.id for hit in hits if hit.similarity >= limit
    }
    assert index.search("track the parcel online", minimum_similarity=1.1) == []


def test_a_hit_that_only_words_found_still_knows_its_similarity(index):
    index.upsert([Document(f"filler{number}", "zebra zebra zebra") for number in range(150)])
    index.upsert([Document("long", "zebra quagga " + " ".join(f"word{number}" for number in range(400)))])
    hit = next(hit for hit in index.search("zebra quagga", k=50, weights=(1, 3)) if hit.document.id == "long")
    assert hit.dense_rank is None
    assert hit.lexical_rank == 1
    assert -1 <= hit.similarity < 0.9


def test_similarity_is_the_cosine_whatever_the_length_of_the_vectors(folder):
    with DocumentIndex.open(folder, lambda texts: np.array([[3.0, 4.0]] * len(texts))) as index:
        index.upsert([Document("a", "x")])
        assert index.search("y")[0].similarity == pytest.approx(1.0)


def test_the_span_is_the_sentence_that_answers(index, articles):
    index.upsert(articles)
    hit = index.search("when do refunds come")[0]
    span = {hit.document.id: hit.document.text[slice(*hit.span)] for hit in index.search("refund week") if hit.span}
    assert span["returns"] == "Refunds take a week."
    assert hit.span is not None
    chinese = index.search("退款要多久", mode="lexical")[0]
    assert chinese.document.text[slice(*chinese.span)] == "退款需要一周。"


def test_a_text_of_one_megabyte_is_stored_and_found(index):
    text = "Lorem ipsum dolor sit amet, nothing of interest here. " * 20_000 + "The needle is here."
    index.upsert([Document("big", text), Document("small", "haystack")])
    started = time.perf_counter()
    hit = index.search("needle", mode="lexical")[0]
    assert hit.document.text == text
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 2.5}, "k is 2.5"),
        ({"mode": "hybird"}, "Did you mean 'hybrid'"),
        ({"mode": "lexical", "minimum_similarity": 0.5}, "no similarity"),
        ({"where": {"topic": {"a": 1}}}, "Filter 'topic'"),
        ({"where": ["topic"]}, "mapping"),
        ({"where": {1: "a"}}, "Filter key 1"),
        ({"where": {"topic": float("nan")}}, "Filter 'topic'"),
    ],
)
def test_a_search_that_cannot_be_done_says_why(index, articles, arguments, message):
    index.upsert(articles)
    with pytest.raises(BadInput, match=message):
        index.search("parcel", **arguments)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document("", "text"), "empty id"),
        (Document("a", None), "text is not a string"),
        (Document("a", "half a pair \ud800"), "not valid Unicode"),
        (Document("a", "x", metadata={"when": object()}), "metadata is not JSON"),
        (Document("a", "x", metadata={"n": float("inf")}), "metadata is not JSON"),
        (Document("a", "x", metadata={1: 2}), "keys are strings"),
        ({"id": "a", "text": "x"}, "is a dict"),
    ],
)
def test_a_document_that_cannot_be_stored_says_why_and_nothing_of_its_batch_is(index, document, message):
    with pytest.raises(BadInput, match=message):
        index.upsert([Document("good", "text"), document])
    assert index.count() == 0


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.full((1, 64), np.nan), "not finite"),
        (np.ones((1, 32)), "width 32.*64"),
        (np.ones((2, 64)), "shape"),
        (np.ones(64), "shape"),
    ],
)
def test_bad_vectors_are_refused_and_nothing_is_stored(folder, embed, vectors, message):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert([Document("a", "x")])
    with DocumentIndex.open(folder, lambda texts: vectors) as index:
        with pytest.raises(BadInput, match=message):
            index.upsert([Document("b", "y")])
        with pytest.raises(BadInput, match=message):
            index.search("y")
        assert index.count() == 1


def test_a_generator_that_fails_leaves_whole_batches(index):
    def documents():
        for number in range(700):
            yield Document(f"d{number}", "text")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        index.upsert(documents())
    assert index.count() == 512
    assert len(index.search("text", k=1000)) == 512


def test_a_second_writer_is_told_who_has_the_index(index, folder, embed):
    with pytest.raises(Conflict, match="in use by process"):
        DocumentIndex.open(folder, embed)


def test_a_reader_cannot_write_and_needs_an_index(index, folder, embed, tmp_path):
    with DocumentIndex.open(folder, embed, writable=False) as reader:
        for action in (lambda: reader.upsert([]), lambda: reader.delete([]), reader.snapshot):
            with pytest.raises(Conflict, match="reading only"):
                action()
    with pytest.raises(NotFound, match="no index"):
        DocumentIndex.open(tmp_path / "nothing", embed, writable=False)


def test_a_closed_index_says_so(folder, embed):
    index = DocumentIndex.open(folder, embed)
    index.close()
    index.close()
    with pytest.raises(Unavailable, match="closed"):
        index.search("x")


def test_a_file_that_is_no_database_is_damage(folder, embed):
    folder.mkdir()
    (folder / "documents.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(Damaged, match="cannot be read"):
        DocumentIndex.open(folder, embed)


def test_a_language_must_be_a_code(folder, embed):
    with pytest.raises(BadInput, match="'english' is not a language code"):
        DocumentIndex.open(folder, embed, language="english")
    DocumentIndex.open(folder, embed, language="ja").close()


def test_searches_go_on_while_a_thread_writes(index):
    index.upsert(Document(f"d{number}", f"apple word{number}") for number in range(50))
    stop = threading.Event()
    problems = []

    def read():
        while not stop.is_set():
            hits = index.search("apple", k=500)
            # Every update replaces one document by another of the same words: a search sees it before or after.
            if len(hits) < 50 or len({hit.document.id for hit in hits}) != len(hits):
                problems.append(ids(hits))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for round_number in range(10):
        index.upsert(Document(f"d{number}", f"apple round{round_number}") for number in range(50))
        index.upsert([Document(f"new{round_number}", "apple")])
        if round_number % 4 == 0:
            index.snapshot()
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert len(index.search("apple", k=500)) == 60


WORDS = ["red", "green", "blue", "apple", "pear", "退货", "政策"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("upsert"), st.lists(st.tuples(st.integers(0, 6), TEXTS, st.integers(0, 2)), max_size=4)),
        st.tuples(st.just("delete"), st.lists(st.integers(0, 6), max_size=3)),
        st.tuples(st.just("snapshot"), st.none()),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_an_index_agrees_with_a_plain_dictionary(tmp_path_factory, word_bag_shared, steps):
    folder = tmp_path_factory.mktemp("index")
    model = {}
    index = DocumentIndex.open(folder, word_bag_shared)
    try:
        for action, argument in steps:
            if action == "upsert":
                documents = [Document(f"d{n}", text, metadata={"kind": kind}) for n, text, kind in argument]
                changes = index.upsert(documents)
                latest = {document.id: document for document in documents}
                assert changes.added == len(latest.keys() - model.keys())
                assert changes.unchanged == sum(model.get(key) == value for key, value in latest.items())
                model |= latest
            elif action == "delete":
                gone = {f"d{n}" for n in argument}
                assert index.delete(gone) == len(gone & model.keys())
                model = {key: value for key, value in model.items() if key not in gone}
            elif action == "snapshot":
                index.snapshot()
            else:
                index.close()
                index = DocumentIndex.open(folder, word_bag_shared)
        assert index.documents() == [model[key] for key in sorted(model)]
        assert sorted(ids(index.search("red", mode="dense", k=99))) == sorted(model)
        for word in WORDS:
            expected = {key for key, document in model.items() if word in document.text.split()}
            assert set(ids(index.search(word, mode="lexical", k=99))) == expected
        for kind in range(3):
            expected = {key for key, document in model.items() if document.metadata["kind"] == kind}
            assert set(ids(index.search("red", k=99, where={"kind": kind}))) == expected
    finally:
        index.close()


def test_many_small_changes_give_the_same_ranking_as_a_fresh_build(index, tmp_path, embed):
    generator = random.Random(7)
    model = {}
    for _ in range(15):
        batch = [
            Document(f"d{generator.randrange(300)}", " ".join(generator.choices(WORDS[:5], k=6))) for _ in range(150)
        ]
        index.upsert(batch)
        gone = [f"d{generator.randrange(300)}" for _ in range(3)]
        index.delete(gone)
        model |= {document.id: document for document in batch}
        model = {key: value for key, value in model.items() if key not in gone}
    with DocumentIndex.open(tmp_path / "fresh", embed) as fresh:
        fresh.upsert(model.values())
        for word in WORDS[:5]:
            there = [(hit.document.id, round(hit.similarity, 5)) for hit in fresh.search(word, k=999, mode="dense")]
            here = [(hit.document.id, round(hit.similarity, 5)) for hit in index.search(word, k=999, mode="dense")]
            assert sorted(here) == sorted(there)
            assert [similarity for _, similarity in here] == [similarity for _, similarity in there]
