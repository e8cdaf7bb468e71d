"""What one can ask of a search beside the query."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals import BadInput, Document
from verticals.retrieval import DocumentIndex, Embedded, lexical
from verticals.retrieval.fusion import convex_combination, maximal_marginal_relevance, reciprocal_rank_fusion
from verticals.retrieval.tokens import Tokens


def ids(hits):
    return [hit.document.id for hit in hits]


@pytest.fixture
def shelf(index):
    colours = ["red", "green", "blue", "white", "black"]
    index.upsert(
        Document(f"d{n:03}", " ".join([colours[n % 5]] * (1 + n % 7) + ["book"] * (1 + n % 3) + [f"number{n}"]))
        for n in range(120)
    )
    return index


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_pages_are_parts_of_one_ranking(shelf, mode):
    whole = ids(shelf.search("red book", k=48, mode=mode))
    pages = [ids(shelf.search("red book", k=12, offset=start, mode=mode)) for start in range(0, 48, 12)]
    assert [name for page in pages for name in page] == whole
    assert len(set(whole)) == 48
    assert shelf.search("red book", offset=5000, mode=mode) == []


def test_a_query_with_its_vector_is_not_embedded_again_unless_the_vector_is_of_another_model(shelf, embed, word_bag):
    expected = shelf.search("red book", k=20)
    embedding, (vector,) = shelf.facts().embedding, embed(["red book"])
    embed.asked.clear()
    found = shelf.search(Embedded("red book", embedding, vector), k=20)
    assert ids(found) == ids(expected)
    assert [hit.similarity for hit in found] == pytest.approx([hit.similarity for hit in expected], abs=1e-6)
    assert embed.asked == []
    other = Embedded("red book", "another", word_bag(salt="other")(["red book"])[0])
    assert ids(shelf.search(other, k=20)) == ids(expected)
    assert embed.asked == ["red book"]
    with pytest.raises(BadInput, match="width 3"):
        shelf.search(Embedded("red book", embedding, np.ones(3, np.float32)))


def test_few_documents_are_ranked_at_once_as_many_are_in_part(shelf, monkeypatch):
    ways = {"mode": "lexical"}, {"mode": "lexical", "k": 100}, {"weights": (0.9, 0.1), "k": 30}
    asked = [(text, way) for text in ("red book", "number7 number9 white", "nothing") for way in ways]

    def found():
        return [
            [(hit.document.id, hit.score, hit.lexical_rank) for hit in shelf.search(text, **way)] for text, way in asked
        ]

    at_once = found()
    assert len(at_once[1]) == 100
    assert {name for name, *_ in at_once[3]} >= {"d007", "d009"}
    monkeypatch.setattr(lexical, "_FEW", 0)
    assert found() == at_once


def test_weights_lean_towards_meaning_or_words(shelf):
    dense, lexical = (ids(shelf.search("red book", mode=mode, k=20)) for mode in ("dense", "lexical"))
    assert dense != lexical
    assert ids(shelf.search("red book", k=20, weights=(1, 0))) == dense
    assert ids(shelf.search("red book", k=20, weights=(0, 1))) == lexical
    assert ids(shelf.search("red book", k=20, weights=(1000, 1), fusion="ranks"))[:5] == dense[:5]
    best = [hit.similarity for hit in shelf.search("red book", k=5, weights=(1000, 1))]
    assert best == pytest.approx([hit.similarity for hit in shelf.search("red book", k=5, mode="dense")], abs=1e-3)
    assert ids(shelf.search("red book", k=20, weights=(0, 1), mode="dense")) == dense, "one ranking needs no weights"


def test_an_index_may_have_weights_of_its_own(shelf, folder, embed):
    usual, by_words, by_ranks = (
        ids(shelf.search("red book", k=20, **options)) for options in ({}, {"weights": (0, 1)}, {"fusion": "ranks"})
    )
    shelf.close()
    with DocumentIndex.open(folder, embed, weights=(0, 1)) as leaning:
        assert ids(leaning.search("red book", k=20)) == by_words != usual
        assert ids(leaning.search("red book", k=20, weights=(0.6, 0.4))) == usual
        assert ids(leaning.search("red book", k=20, fusion="ranks")) == by_ranks, "they are of scores"


def test_duplicates_are_folded_into_the_best_and_named(index):
    index.upsert([
        Document("one", "the same words", title="Title", metadata={"n": 1}),
        Document("two", "the same words", title="Title", metadata={"n": 2}),
        Document("three", "the same words", title="Other"),
        Document("four", "other words"),
    ])  # fmt: skip
    hits = index.search("the same words", fold=True)
    assert sorted(ids(hits)) == ["four", "one", "three"]
    assert {hit.document.id: hit.duplicates for hit in hits} == {"one": ("two",), "three": (), "four": ()}
    assert len(index.search("the same words")) == 4
    assert ids(index.search("the same words", fold=True, where={"n": 2})) == ["two"]


def test_another_judge_orders_the_best_anew(shelf):
    asked = []

    def backwards(query, documents):
        asked.append((query, len(documents)))
        return [-len(document.text) for document in documents]

    before = shelf.search("red book", k=100)
    hits = shelf.search("red book", k=100, rerank=backwards)
    assert asked == [("red book", 100)]
    lengths = [len(hit.document.text) for hit in hits]
    assert lengths == sorted(lengths)
    assert all(hit.relevance == -len(hit.document.text) for hit in hits)
    assert set(ids(hits)) == set(ids(before))
    unheard = shelf.search("red book", k=100, rerank=backwards, rerank_weight=0.0)
    assert ids(unheard) == ids(before)
    assert ids(shelf.search("red book", k=100, rerank=backwards, rerank_weight=0.5)) not in (ids(hits), ids(before))
    shallow = shelf.search("red book", k=2, rerank=backwards, rerank_depth=3)
    assert asked[-1] == ("red book", 3)
    assert set(ids(shallow)) < set(ids(before)[:3])
    with pytest.raises(BadInput, match="rerank_weight is 2"):
        shelf.search("red book", rerank=backwards, rerank_weight=2)
    with pytest.raises(BadInput, match="rerank_depth is 0"):
        shelf.search("red book", rerank=backwards, rerank_depth=0)
    few = shelf.search("red book", k=3, rerank=backwards)
    assert asked[-1] == ("red book", 50)
    best = min(before[:50], key=lambda hit: len(hit.document.text))
    assert len(few[0].document.text) == len(best.document.text)
    assert all(hit.relevance is None for hit in before)


def test_hits_differ_where_that_is_asked_for(index):
    index.upsert([Document(f"same{n}", "red red red book") for n in range(6)])
    index.upsert([Document("other", "red blue green book"), Document("far", "white black yellow")])
    plain = ids(index.search("red book", k=4))
    assert all(name.startswith("same") for name in plain)
    varied = index.search("red book", k=4, diversity=0.6)
    assert varied[0].document.id == plain[0]
    assert "other" in ids(varied)
    assert ids(index.search("red book", k=8, diversity=0.0)) == ids(index.search("red book", k=8))
    assert len(ids(index.search("red book", k=20, diversity=1.0))) == 8, "nothing is lost"
    judged = index.search("red book", k=3, diversity=0.5, rerank=lambda query, found: [len(one.id) for one in found])
    assert judged[0].document.id in {"other", *(f"same{n}" for n in range(6))}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"offset": -1}, "offset is -1"),
        ({"k": True}, "k is True"),
        ({"weights": (0, 0)}, "Both weights are 0"),
        ({"weights": (1,)}, "weights is"),
        ({"weights": (-1, 1)}, "weights is"),
        ({"weights": (float("inf"), 1)}, "weights is"),
        ({"diversity": 1.5}, "diversity is 1.5"),
        ({"fusion": "rank"}, "Did you mean 'ranks'"),
    ],
)
def test_what_cannot_be_asked_is_refused(index, arguments, message):
    with pytest.raises(BadInput, match=message):
        index.search("red", **arguments)


def marked(language, text, query):
    tokens = Tokens(language)
    return [text[start:end] for start, end in tokens.marks(text, set(tokens(query)), 0, len(text))]


@pytest.mark.parametrize(
    ("language", "text", "query", "expected"),
    [
        ("en", "Refunds are paid. You were refunded, “refund” said he.", "refund", ["Refunds", "refunded", "refund"]),
        ("en", "A parcel-based offer", "parcels", ["parcel"]),
        ("en", "naïve café", "cafe", ["café"]),
        ("en", "nothing here", "refund", []),
        ("zh", "您可以在三十天内退货。退款需要一周。", "退货", ["退货"]),
        ("zh", "您可以在三十天内退货。退款需要一周。", "怎么退款", ["退款"]),
        ("zh", "用GPU加速训练", "gpu 加速", ["GPU", "加速"]),
        ("en", "", "refund", []),
    ],
)
def test_the_querys_words_are_marked(language, text, query, expected):
    assert marked(language, text, query) == expected


def test_marks_lie_within_the_span_of_a_hit(index, articles):
    index.upsert(articles)
    hit = next(hit for hit in index.search("refund bank") if hit.document.id == "refunds")
    assert [hit.document.text[start:end] for start, end in hit.marks] == ["refund", "bank"]
    hit = next(hit for hit in index.search("refund bank") if hit.document.id == "returns")
    assert [hit.document.text[start:end] for start, end in hit.marks] == ["Refunds"]
    assert all(hit.span[0] <= start < end <= hit.span[1] for start, end in hit.marks)


VECTORS = st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=0, max_size=8)


@settings(deadline=None)
@given(vectors=VECTORS, diversity=st.floats(0, 1), count=st.integers(0, 10))
def test_marginal_relevance_takes_each_item_once(vectors, diversity, count):
    stacked = np.array(vectors, np.float32).reshape(len(vectors), 3)
    chosen = maximal_marginal_relevance(list(range(len(vectors), 0, -1)), stacked, diversity, count)
    assert len(set(chosen)) == len(chosen) == min(count, len(vectors))
    if chosen:
        assert chosen[0] == 0
    if diversity == 0:
        assert chosen == sorted(chosen)


def test_marginal_relevance_weighs_likeness_against_relevance():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert maximal_marginal_relevance([1.0, 0.9, 0.5], vectors, 0.0, 3) == [0, 1, 2]
    assert maximal_marginal_relevance([1.0, 0.9, 0.5], vectors, 0.5, 3) == [0, 2, 1]


def test_scores_are_the_weighted_mean_of_cosine_and_share_of_the_best_words():
    found = dict(convex_combination({1: 0.5, 2: 0.1}, {2: 8.0, 3: 4.0}, (3.0, 1.0)))
    assert found == pytest.approx({1: 0.375, 2: 0.325, 3: 0.125})
    assert [item for item, _ in convex_combination({1: 0.5, 2: 0.1}, {2: 8.0, 3: 4.0}, (1.0, 1.0))] == [2, 1, 3]
    assert convex_combination({4: 0.2, 3: 0.2}, {}, (1.0, 1.0)) == [(3, 0.1), (4, 0.1)]
    assert convex_combination({}, {}, (1.0, 1.0)) == []


def test_every_hit_of_a_hybrid_search_has_the_score_that_its_own_cosine_and_words_give(shelf):
    meaning = {hit.document.id: hit.similarity for hit in shelf.search("red book", mode="dense", k=120)}
    words = {hit.document.id: hit.score for hit in shelf.search("red book", mode="lexical", k=120)}
    expected = {name: 0.6 * meaning[name] + 0.4 * words.get(name, 0) / max(words.values()) for name in meaning}
    for hit in shelf.search("red book", k=40):  # of a hundred of each ranking
        assert hit.score == pytest.approx(expected[hit.document.id], abs=1e-5)
    best = sorted(expected, key=expected.get, reverse=True)[:10]
    assert {hit.document.id for hit in shelf.search("red book", k=10)} <= {
        name for name in expected if expected[name] >= expected[best[-1]] - 1e-5
    }


def test_weights_count_in_fusion():
    assert reciprocal_rank_fusion([[1], [2]], [1.0, 2.0]) == [(2, 2 / 61), (1, 1 / 61)]
    assert reciprocal_rank_fusion([[1], [2]], [0.0, 2.0]) == [(2, 2 / 61)]
