import json
import math

from hypothesis import given
from hypothesis import strategies as st

from verticals.store.values import fingerprint, finite

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
).filter(lambda value: "Infinity" not in json.dumps(value))


def as_json(value):
    """Equality of JSON values: as in Python, but true is not 1."""
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


@given(JSON, JSON)
def test_two_values_have_one_fingerprint_exactly_where_they_are_equal(one, other):
    assert (fingerprint("f", one) == fingerprint("f", other)) == (as_json(one) == as_json(other))


@given(JSON)
def test_fingerprints_depend_on_the_field_and_not_on_the_order_of_keys(value):
    assert fingerprint("a", value) != fingerprint("b", value)
    assert fingerprint("a", {"x": 1, "y": value}) == fingerprint("a", {"y": value, "x": 1.0})
    assert len(fingerprint("a", value)) == 16


def test_numbers_that_json_has_not_become_null():
    assert finite({"a": math.nan, "b": [math.inf, 1.5, (2, -math.inf)], 3: "x"}) == {
        "a": None, "b": [None, 1.5, [2, None]], "3": "x",
    }  # fmt: skip
