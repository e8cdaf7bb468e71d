"""What restricts a search on the command line."""

import click
import pytest

from verticals.cli.conditions import conditions


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ([], None),
        (["topic=returns"], {"topic": {"$in": ["returns"]}}),
        (["year=2025"], {"year": {"$in": ["2025", 2025]}}),
        (["year>=2025"], {"year": {"$gte": 2025}}),
        (["year<2.5"], {"year": {"$lt": 2.5}}),
        (["name > m"], {"name": {"$gt": "m"}}),
        (["public!=true"], {"public": {"$nin": ["true", True]}}),
        (["note=null"], {"note": {"$in": ["null", None]}}),
        (["size=NaN"], {"size": {"$in": ["NaN"]}}),
        (["list=[1]"], {"list": {"$in": ["[1]"]}}),
        (["formula=a=b"], {"formula": {"$in": ["a=b"]}}),
        (["empty="], {"empty": {"$in": [""]}}),
        (["a=1", "a=x"], {"a": {"$in": ["1", 1, "x"]}}),
        (["a=x", "year>1", "year<=3"], {"$and": [{"year": {"$gt": 1}}, {"year": {"$lte": 3}}, {"a": {"$in": ["x"]}}]}),
    ],
)
def test_conditions_become_a_filter(written, where):
    assert conditions(written, "--where") == where


@pytest.mark.parametrize("written", ["topic", "=x", "", ">3"])
def test_what_is_no_condition_is_a_usage_error_that_names_the_option(written):
    with pytest.raises(click.UsageError, match="--where"):
        conditions([written], "--where")
