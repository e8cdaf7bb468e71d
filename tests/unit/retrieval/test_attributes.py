"""Metadata as filters see it, against a plain dictionary, through changes, joined segments and snapshots."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals.retrieval.attributes import Attributes, attributes
from verticals.retrieval.truth import Rows

KEYS = st.sampled_from(["a", "b", "$", ""])
SCALARS = st.one_of(st.integers(-3, 3), st.just(2**70), st.sampled_from([0.5, True, None, "", "x", "xy", "中"]))
METADATA = st.dictionaries(KEYS, st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just({"in": "side"})), max_size=3)
STEPS = st.lists(
    st.tuples(st.lists(METADATA, max_size=6), st.sets(st.integers(0, 30), max_size=4), st.booleans(), st.booleans()),
    max_size=6,
)
QUESTIONS = st.lists(
    st.one_of(
        st.tuples(KEYS, st.lists(SCALARS, max_size=2)),
        st.tuples(KEYS, st.fixed_dictionaries({"$gte": st.integers(-2, 2)}, optional={"$lt": st.just(2**71)})),
        st.tuples(KEYS, st.fixed_dictionaries({"$gt": st.sampled_from(["", "x"])}, optional={"$lte": st.just("y")})),
        st.tuples(KEYS, st.just({"$exists": True})),
    ),
    min_size=1,
    max_size=4,
)
COMPARED = {
    "$gt": lambda value, bound: value > bound,
    "$gte": lambda value, bound: value >= bound,
    "$lt": lambda value, bound: value < bound,
    "$lte": lambda value, bound: value <= bound,
}


def wanted(metadata, key, condition):
    values = [value for name, value in attributes(metadata) if name == key]
    if isinstance(condition, list):
        return any(value in condition for value in values)
    if "$exists" in condition:
        return bool(values)
    return any(
        value is not None
        and all(
            isinstance(value, str) == isinstance(bound, str) and COMPARED[name](value, bound)
            for name, bound in condition.items()
        )
        for value in values
    )


def array(rows) -> Rows:
    return np.array(sorted(rows), np.int64)


@settings(deadline=None, max_examples=100)
@given(steps=STEPS, questions=QUESTIONS)
def test_filters_agree_with_a_plain_dictionary(tmp_path_factory, steps, questions):
    state, model, next_row = Attributes(), {}, 1
    for change, (added, removed, folded, saved) in enumerate(steps, start=1):
        removed &= model.keys()
        rows = range(next_row, next_row + len(added))
        next_row = rows.stop
        written = zip(rows, map(json.dumps, added), strict=True)
        state = state.advanced(change, array(removed), written)
        model = {row: one for row, one in (*model.items(), *zip(rows, added, strict=True)) if row not in removed}
        if folded or saved:
            state = state.folded()
            assert len(state.segments) <= 1
        if saved:
            folder = tmp_path_factory.mktemp("snapshot")
            state.save(folder)
            state = Attributes.load(folder, change)
        assert state.change == change
        assert state.matching({}).tolist() == sorted(model)
        for key, condition in questions:
            expected = [row for row, metadata in model.items() if wanted(metadata, key, condition)]
            assert state.matching({key: condition}).tolist() == expected
            others = sorted(model.keys() - set(expected))
            assert state.matching({"$not": {key: condition}}).tolist() == others


def test_segments_stay_few_and_each_document_moves_a_few_times_only():
    state = Attributes()
    for change in range(1, 501):
        state = state.advanced(change, array([]), [(change, json.dumps({"n": change % 7, "id": f"d{change}"}))])
        assert len(state.segments) <= 11
    assert state.matching({"n": 3}).tolist() == list(range(3, 501, 7))
    assert state.matching({"id": "d77"}).tolist() == [77]
