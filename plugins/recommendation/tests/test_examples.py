"""What the head learns from: texts, histories, and the steps held out."""

import datetime as dt
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from verticals import BadInput
from verticals_recommendation import data
from verticals_recommendation.data import Behaviour, Item
from verticals_recommendation.examples import prepare, steps
from verticals_recommendation.histories import chosen, met
from verticals_recommendation.text import HISTORY_ITEMS, history_text, item_text

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ITEMS = {f"i{number}": Item(item_id=f"i{number}", title=f"Title {number}") for number in range(12)}


def behaviour(user, item, minute, action="view"):
    return Behaviour(user_id=user, item_id=item, action=action, at=START + dt.timedelta(minutes=minute))


class Rows:
    """What `prepare` is given, with rows as the data store gives them."""

    def __init__(self, items, behaviours):
        self._rows = {"items": items, None: behaviours}

    def rows(self, dataset=None):
        return iter([{**one.model_dump(), "split": "train"} for one in self._rows[dataset]])


def test_an_item_is_told_by_title_category_and_tags():
    item = Item(item_id="i", title="Proof", description="Long.", category="baking", tags="podcast| bread ")
    assert item_text(item) == "Proof (baking: podcast, bread)"
    assert item_text(item.model_copy(update={"category": ""})) == "Proof (podcast, bread)"
    assert item_text(item.model_copy(update={"category": "", "tags": []})) == "Proof. Long."
    assert item_text(Item(item_id="i", title="Proof")) == "Proof"


def test_a_history_is_told_latest_first_and_one_item_reads_as_itself():
    items = list(ITEMS.values())
    assert history_text(items[:2]) == "Title 1; Title 0"
    assert history_text(items[:1]) == item_text(items[0])
    assert history_text(items).count(";") == HISTORY_ITEMS - 1
    assert history_text(items).startswith("Title 11; Title 10")


def test_an_item_met_again_keeps_its_place_and_takes_the_stronger_action():
    history = met(
        [behaviour("u", "a", 3, "buy"), behaviour("u", "a", 1), behaviour("u", "b", 2), behaviour("u", "a", 9)]
    )
    assert [(one.item_id, one.action) for one in history] == [("a", "buy"), ("b", "view")]
    assert history[0].at == START + dt.timedelta(minutes=3)
    assert [one.item_id for one in chosen(["b", "a", "b"])] == ["b", "a"]


@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from([*ITEMS, "gone"]), st.integers(0, 10_000)), max_size=60)
)
def test_each_user_has_one_item_to_test_the_one_before_to_validate_and_the_rest_to_learn(rows):
    behaviours = [behaviour(*row) for row in rows]
    by_user = defaultdict(list)
    for step in steps(behaviours, ITEMS):
        assert step.item_id not in step.before
        assert "gone" not in {step.item_id, *step.before}
        by_user[step.user_id].append(step)
    for own in by_user.values():
        known = len(own) + 1
        splits = [step.split for step in own]
        expected = ["train"] * (known - 1) if known < 4 else ["train"] * (known - 3) + ["validation", "test"]
        assert splits == expected
        assert [step.before for step in own] == [own[-1].before[: place + 1] for place in range(len(own))]


def test_the_starter_data_gives_every_user_one_item_to_test():
    found = list(prepare(Rows(list(data.items()), list(data.behaviours()))))
    splits = Counter(example["split"] for example in found)
    assert splits["test"] == splits["validation"] == 200
    assert splits["train"] > 2000
    assert all(example["history"] and example["item"] for example in found)
    assert all(example["item"] not in example["history"] for example in found)


def test_behaviours_without_a_catalogue_are_refused_with_the_remedy():
    with pytest.raises(BadInput, match=r"names an item of the catalogue.*'zzz'.*Import the items"):
        list(prepare(Rows(list(ITEMS.values()), [behaviour("u", "zzz", 1)])))


def test_rows_take_what_files_hold_and_refuse_what_cannot_be_meant():
    assert Behaviour(user_id="u", item_id="i", action="buy", at="2026-01-01T00:00:00").at.tzinfo is not None
    assert Item(item_id="i", title="T", tags="a|| b").tags == ["a", "b"]
    starter = next(iter(data.items()))
    assert (starter.format, starter.level) == ("course", "beginner")
    assert data.as_document(starter).metadata["category"] == "baking"
    for bad in ({"title": " "}, {"title": "T", "tags": ["x" * 101]}, {"title": "T", "description": "d" * 4001}):
        with pytest.raises(ValidationError):
            Item(item_id="i", **bad)
    with pytest.raises(ValidationError):
        Behaviour(user_id="u", item_id="i", action="liked", at="2026-01-01")
