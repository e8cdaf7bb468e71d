"""Filters restrict the search; they don't thin its results."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals import Document
from verticals.retrieval import DocumentIndex, lexical


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"topic": "returns"}, {"returns", "refunds"}),
        ({"topic": ["returns", "delivery"]}, {"returns", "refunds", "shipping"}),
        ({"topic": "中文"}, {"退货"}),
        ({"topic": "Returns"}, set()),
        ({"topic": "returns", "year": 2026}, {"refunds"}),
        ({"year": 2026.0}, {"refunds", "shipping"}),
        ({"year": "2026"}, set()),
        ({"tags": "money"}, {"returns", "refunds"}),
        ({"tags": ["parcel", "nothing"]}, {"returns", "shipping"}),
        ({"public": True}, {"returns", "shipping"}),
        ({"public": False}, {"refunds"}),
        ({"note": None}, {"refunds"}),
        ({"note": [None, "x"]}, {"refunds"}),
        ({"topic": []}, set()),
        ({"nothing": "x"}, set()),
        ({"topic": "' OR 1=1 --"}, set()),
        ({}, {"returns", "refunds", "shipping", "退货"}),
        (None, {"returns", "refunds", "shipping", "退货"}),
    ],
)
def test_a_filter_is_exact(index, articles, where, expected):
    index.upsert(articles)
    for mode in ("hybrid", "dense"):
        assert {hit.document.id for hit in index.search("parcel money", where=where, mode=mode)} == expected
    words = {hit.document.id for hit in index.search("parcel money", where=where, mode="lexical")}
    assert words == expected - {"退货"}


@pytest.mark.parametrize("listed", [10_000, 0])
@pytest.mark.parametrize("folded", [False, True])
def test_a_rare_match_is_found_however_many_others_rank_before_it(folder, embed, monkeypatch, listed, folded):
    monkeypatch.setattr(lexical, "_MOST_LISTED_ROWS", listed)
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(Document(f"d{n}", "parcel " * 5, metadata={"rare": n in (3, 1700)}) for n in range(1800))
        index.upsert(
            Document(f"worse{n}", f"parcel and many other words {n}", metadata={"rare": n == 9}) for n in range(20)
        )
        index.delete(["d3"])
        if folded:
            index.snapshot()
        for mode in ("hybrid", "dense", "lexical"):
            hits = index.search("parcel", where={"rare": True}, mode=mode, k=5)
            assert [hit.document.id for hit in hits] == ["d1700", "worse9"], mode
        assert len(index.search("parcel", where={"rare": False}, k=5000)) == 1817


VALUES = st.one_of(
    st.text(max_size=5), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)


@settings(max_examples=25, deadline=None)
@given(metadata=st.dictionaries(st.text(max_size=5), VALUES, max_size=3), key=st.text(max_size=5), value=VALUES)
def test_whatever_is_stored_can_be_asked_for(shared_index, metadata, key, value):
    metadata = metadata | {key: value}
    shared_index.upsert([Document("a", "text", metadata=metadata)])
    assert shared_index.get("a").metadata == metadata
    assert len(shared_index.search("text", where=metadata)) == 1
    other = "another value" if value != "another value" else "yet another"
    assert shared_index.search("text", where={key: other}) == []
