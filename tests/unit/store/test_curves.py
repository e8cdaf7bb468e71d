"""Curves of runs, on both kinds of database."""

import math

import pytest

from verticals.contract import BadInput
from verticals.store import Curves, Point


@pytest.fixture
def run(store):
    return store.runs.start("shop", "intent", dataset_version="v1", recipe={}, seed=0).id


def test_points_come_back_in_order_and_by_kind(store, run):
    store.curves.add(run, [Point("step", 64, {"loss": 2.0}), Point("epoch", 1, {"accuracy": 0.5})])
    store.curves.add(run, [Point("step", 32, {"loss": math.nan})])
    assert store.curves.of(run) == Curves(
        (Point("step", 32, {"loss": None}), Point("step", 64, {"loss": 2.0})), (Point("epoch", 1, {"accuracy": 0.5}),)
    )
    assert store.curves.of("another") == Curves()


def test_a_point_measured_again_is_replaced(store, run):
    store.curves.add(run, [Point("epoch", 1, {"accuracy": 0.5}), Point("step", 1, {"loss": 1.0})])
    store.curves.add(run, [Point("epoch", 1, {"accuracy": 0.6})])
    assert store.curves.of(run).epochs == (Point("epoch", 1, {"accuracy": 0.6}),)
    assert store.curves.of(run).steps == (Point("step", 1, {"loss": 1.0}),)


def test_steps_can_be_forgotten_and_epochs_stay(store, run):
    store.curves.add(run, [Point("step", at, {"loss": 1.0}) for at in range(1, 9)])
    store.curves.add(run, [Point("epoch", 9, {"accuracy": 0.5})])
    store.curves.forget_steps(run, after=6, at=[1, 3])
    assert [point.at for point in store.curves.of(run).steps] == [2, 4, 5, 6]
    assert len(store.curves.of(run).epochs) == 1


def test_figures_without_a_json_form_are_refused(store, run):
    with pytest.raises(BadInput, match="JSON"):
        store.curves.add(run, [Point("step", 1, {"loss": object()})])
    assert store.curves.of(run) == Curves()


def test_trials_are_listed_only_when_asked_for(store, run):
    trial = store.runs.start("shop", "intent", dataset_version="v1", recipe={}, seed=0, search="search-1").id
    assert [one.id for one in store.runs.list()] == [run]
    assert {one.id for one in store.runs.list(trials=True)} == {run, trial}
    assert [one.id for one in store.runs.list(search="search-1")] == [trial]
    assert store.runs.get(trial).search == "search-1"
