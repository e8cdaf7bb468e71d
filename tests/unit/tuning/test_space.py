"""What may be searched, and how it is written."""

import pytest

from verticals.contract import BadInput, Recipe
from verticals.tuning.space import Choice, Span, check_space, default_space, read_space, usual, write_space

RECIPE = Recipe()


def test_ranges_and_lists_are_read_as_the_recipe_types_them():
    written = {"learning-rate": "1e-5..1e-3", "epochs": "2..5", "lora_rank": "4, 8,8", "schedule": "linear,cosine"}
    space = read_space(written, RECIPE)
    assert space == {
        "learning_rate": Span(1e-5, 1e-3), "epochs": Span(2, 5), "lora_rank": Choice((4, 8)),
        "schedule": Choice(("linear", "cosine")),
    }  # fmt: skip
    assert read_space(write_space(space), RECIPE) == space
    assert (space["learning_rate"].logarithmic, space["learning_rate"].whole) == (True, False)
    assert (space["epochs"].logarithmic, space["epochs"].whole) == (False, True)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"learning_rat": "1e-5..1e-3"}, r"no 'learning_rat'.*Did you mean 'learning_rate'"),
        ({"seed": "1..5"}, r"seed cannot be searched: .*luck"),
        ({"validation": "0.1,0.2"}, "must be measured on the same rows"),
        ({"dropout": "0..1.5"}, r"dropout is 1.5.*between 0 and 0.95"),
        ({"epochs": "0..5"}, "epochs is 0"),
        ({"epochs": "a..5"}, "must be a whole number"),
        ({"epochs": "5..2"}, r"the range '5\.\.2' is empty"),
        ({"epochs": "5"}, r"leaves nothing to choose.*--set epochs=5"),
        ({"schedule": "linear,cosin"}, "Did you mean 'cosine'"),
        ({"schedule": "constant..linear"}, "is no number"),
    ],
)
def test_what_no_recipe_may_have_is_refused(written, told):
    with pytest.raises(BadInput, match=told):
        read_space(written, RECIPE)


def test_nothing_is_both_set_and_searched():
    with pytest.raises(BadInput, match="epochs is both set and searched"):
        check_space({"epochs": Span(1, 2)}, RECIPE, {"epochs": 3})
    with pytest.raises(BadInput, match="nothing to search"):
        check_space({}, RECIPE, {})


@pytest.mark.parametrize("method", ["head", "lora", "full", "another"])
def test_every_default_space_is_one(method):
    space = default_space(RECIPE, method, 3, 16)
    check_space(space, RECIPE, {})
    start = usual(space, RECIPE, method, 3)
    assert start.keys() == space.keys()
    for key, value in start.items():
        part = space[key]
        assert part.low <= value <= part.high if isinstance(part, Span) else value in part.values
    assert ("lora_rank" in space) == (method == "lora")


def test_ranks_stay_below_what_is_served():
    assert default_space(RECIPE, "lora", 3, 8)["lora_rank"] == Choice((4, 8))
    assert "lora_rank" not in default_space(RECIPE, "lora", 3, 2)
