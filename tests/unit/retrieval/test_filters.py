"""Filters restrict the search; they don't thin its results."""

import operator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verticals import BadInput, Document
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
        ({"year": {"$gte": 2026}}, {"refunds", "shipping"}),
        ({"year": {"$gt": 2026}}, set()),
        ({"year": {"$gt": 2025, "$lte": 2026}, "topic": "returns"}, {"refunds"}),
        ({"topic": {"$gte": "e", "$lt": "s"}}, {"returns", "refunds"}),
        ({"topic": {"$gt": 1}}, set()),
        ({"topic": {"$ne": "returns"}}, {"shipping", "退货"}),
        ({"nothing": {"$ne": "x"}}, {"returns", "refunds", "shipping", "退货"}),
        ({"topic": {"$nin": ["returns", "delivery"]}}, {"退货"}),
        ({"topic": {"$in": ["delivery"]}}, {"shipping"}),
        ({"topic": {"$eq": "delivery"}}, {"shipping"}),
        ({"note": {"$exists": True}}, {"refunds"}),
        ({"note": {"$exists": False}, "topic": {"$ne": "中文"}}, {"returns", "shipping"}),
        ({"$or": [{"topic": "中文"}, {"year": 2026, "topic": "returns"}]}, {"refunds", "退货"}),
        ({"$not": {"topic": "returns", "year": 2026}}, {"returns", "shipping", "退货"}),
        ({"$and": [{"tags": "money"}, {"tags": "parcel"}]}, {"returns"}),
        ({"$not": {"$or": [{"tags": "money"}, {"year": {"$exists": True}}]}}, {"退货"}),
        ({"$not": {}}, set()),
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


KEY = st.text(max_size=5).filter(lambda key: key not in ("$and", "$or", "$not"))


@settings(max_examples=25, deadline=None)
@example(metadata={}, key="$", value=None)
@given(metadata=st.dictionaries(KEY, VALUES, max_size=3), key=KEY, value=VALUES)
def test_whatever_is_stored_can_be_asked_for(shared_index, metadata, key, value):
    metadata = metadata | {key: value}
    shared_index.upsert([Document("a", "text", metadata=metadata)])
    assert shared_index.get("a").metadata == metadata
    assert len(shared_index.search("text", where=metadata)) == 1
    other = "another value" if value != "another value" else "yet another"
    assert shared_index.search("text", where={key: other}) == []


SMALL = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b", "c"]), st.booleans(), st.none(), st.floats(0, 3))
KEYS = st.sampled_from(["x", "y", "z"])
BOUNDS = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.integers(0, 3), min_size=1) | (
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.sampled_from("abc"), min_size=1)
)
COMPARISONS = (
    BOUNDS
    | st.fixed_dictionaries({"$ne": SMALL})
    | st.fixed_dictionaries({"$in": st.lists(SMALL, max_size=2)})
    | st.fixed_dictionaries({"$nin": st.lists(SMALL, max_size=2), "$exists": st.booleans()})
)
LEAVES = st.dictionaries(KEYS, SMALL | st.lists(SMALL, max_size=3) | COMPARISONS, max_size=2)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"$not": inner, "x": SMALL})
    ),
    max_leaves=6,
)
METADATA = st.dictionaries(KEYS, SMALL | st.lists(SMALL, max_size=3), max_size=3)


def matches(metadata, where):
    return all(_matches(metadata, key, wanted) for key, wanted in where.items())


def _matches(metadata, key, wanted):
    if key in ("$and", "$or"):
        return {"$and": all, "$or": any}[key](matches(metadata, part) for part in wanted)
    if key == "$not":
        return not matches(metadata, wanted)
    own = metadata.get(key, [])
    own = own if isinstance(own, list) else [own]
    if not isinstance(wanted, dict):
        return any(value in (wanted if isinstance(wanted, list) else [wanted]) for value in own)
    bounds = {name: bound for name, bound in wanted.items() if name in ("$gt", "$gte", "$lt", "$lte")}
    rest = {"$ne": lambda value: value not in own, "$in": lambda values: any(value in values for value in own),
            "$nin": lambda values: not any(value in values for value in own),
            "$exists": lambda there: there == bool(own)}  # fmt: skip
    return (not bounds or any(_within(value, bounds) for value in own)) and all(
        rest[name](value) for name, value in wanted.items() if name not in bounds
    )


def _within(value, bounds):
    text = isinstance(next(iter(bounds.values())), str)
    if value is None or isinstance(value, str) != text:
        return False
    compared = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
    return all(compared[name](value, bound) for name, bound in bounds.items())


@settings(max_examples=60, deadline=None)
@given(stored=st.lists(METADATA, max_size=6), where=FILTERS)
def test_filters_choose_as_a_plain_model_does(shared_index, stored, where):
    shared_index.delete([document.id for document in shared_index.documents()])
    shared_index.upsert(Document(f"d{at}", "text", metadata=metadata) for at, metadata in enumerate(stored))
    found = {hit.document.id for hit in shared_index.search("text", where=where or None)}
    assert found == {f"d{at}" for at, metadata in enumerate(stored) if matches(metadata, where)}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"year": {"$gte": 1, "gt": 2}}, "Filter 'year': there is no comparison 'gt'"),
        ({"year": {}}, "Filter 'year' is empty"),
        ({"year": {"$gte": None}}, "Filter 'year': None cannot be a bound of [$]gte"),
        ({"year": {"$gte": True}}, "Filter 'year': True cannot be a bound"),
        ({"year": {"$gt": 1, "$lt": "b"}}, "Filter 'year': its bounds are a number and a string"),
        ({"year": {"$lt": float("inf")}}, "Filter 'year'"),
        ({"year": {"$in": 3}}, "Filter 'year': 3 is not a list"),
        ({"year": {"$exists": "yes"}}, "Filter 'year': [$]exists is 'yes'"),
        ({"$nor": [{"a": 1}]}, "Filter '[$]nor': {'a': 1} is not a value"),
        ({"$or": []}, r"Filter '[$]or': \[\] is not a list of filters"),
        ({"$and": {"a": 1}}, "Filter '[$]and'"),
        ({"$or": ["a"]}, "must be a mapping"),
        ({"$not": 3}, "must be a mapping"),
        ({"\ud800": 1}, "not valid Unicode"),
        ({f"key{n}": n for n in range(500)}, "more than 100 conditions"),
    ],
)
def test_a_malformed_filter_is_refused_and_says_where(index, articles, where, told):
    index.upsert(articles)
    with pytest.raises(BadInput, match=told):
        index.search("parcel", where=where)


def test_a_filter_nested_too_deep_is_refused_and_a_deep_one_works(index, articles):
    index.upsert(articles)

    def nested(levels):
        return {"$not": nested(levels - 1)} if levels else {"topic": "returns"}

    either = {"$or": [{"topic": "returns", "year": year} for year in range(1500, 2027)]}
    assert {hit.document.id for hit in index.search("parcel", where=either)} == {"returns", "refunds"}
    assert {hit.document.id for hit in index.search("parcel", where=nested(50))} == {"returns", "refunds"}
    with pytest.raises(BadInput, match="more than 50 levels"):
        index.search("parcel", where=nested(51))


def test_numbers_that_no_database_holds_are_kept_and_found_by_others(index):
    index.upsert([Document("a", "text", metadata={"huge": 10**400, "large": 2**70, "x": 1})])
    assert index.get("a").metadata["huge"] == 10**400
    assert len(index.search("text", where={"x": 1, "large": 2**70, "huge": {"$gt": 5}})) == 1
