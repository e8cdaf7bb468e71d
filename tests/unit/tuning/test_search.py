"""The study of a search: what it proposes, what it gives up, and that it goes on after any end."""

import pytest

from verticals.tuning.search import Study, Trial, best_of
from verticals.tuning.space import Choice, Span

SPACE = {"learning_rate": Span(1e-5, 1e-1), "epochs": Span(1, 4), "schedule": Choice(("linear", "cosine"))}
USUAL = {"learning_rate": 1e-3, "epochs": 3, "schedule": "linear"}


def score(changes):
    return -abs(changes.get("learning_rate", 1e-3) - 0.02) - 0.01 * (changes.get("schedule") == "cosine")


def go(study, trials):
    while len(study.trials()) < trials:
        attempt = study.ask()
        study.begin(attempt, attempt.run or f"run-{len(study.trials()) + 1}")
        study.end(attempt, "finished", score(attempt.changes))
    return study.trials()


@pytest.fixture
def study(tmp_path):
    """Opens the study of a name."""
    return lambda name="study", seed=0: Study(tmp_path / name / "study.db", SPACE, USUAL, seed)


def test_proposals_lie_in_the_space_and_the_usual_comes_first(study):
    trials = go(study(), 10)
    assert [trial.number for trial in trials] == list(range(1, 11))
    assert trials[0].changes == {}
    for trial in trials[1:]:
        assert 1e-5 <= trial.changes["learning_rate"] <= 1e-1
        assert trial.changes["learning_rate"] == float(f"{trial.changes['learning_rate']:.3g}")
        assert trial.changes["epochs"] in (1, 2, 3, 4)
    assert best_of(trials).score == max(trial.score for trial in trials)
    assert len({trial.changes.get("learning_rate") for trial in trials}) == 10


def test_another_seed_proposes_something_else(study):
    assert go(study("a", seed=1), 3)[1:] != go(study("b", seed=2), 3)[1:]


def test_a_study_that_goes_on_proposes_what_it_would_have_proposed(study):
    whole = go(study("whole"), 9)
    for trials in (2, 5, 9):
        parted = go(study("parted"), trials)
    assert parted == whole


@pytest.mark.parametrize("ended", [0, 1, 7])
def test_a_trial_that_was_not_ended_is_the_next(study, ended):
    whole = go(study("whole"), ended + 2)
    first = study("killed")
    go(first, ended)
    attempt = first.ask()
    first.begin(attempt, "run-under-way")
    again = study("killed")
    ((number, run),) = again.unfinished()
    assert run == "run-under-way"
    again.repeat(number, run)
    assert again.unfinished() == []
    trials = go(again, ended + 2)
    assert trials[ended].run == "run-under-way"
    assert [trial.changes for trial in trials] == [trial.changes for trial in whole]


def test_a_trial_killed_before_its_run_began_or_before_it_was_repeated_is_proposed_again(study):
    whole = go(study("whole"), 2)
    killed = study("killed")
    killed.ask()
    again = study("killed")
    ((number, run),) = again.unfinished()
    assert run is None
    again.settle(number, "failed")  # as far as `repeat` comes when it is killed in its middle
    assert [trial.changes for trial in go(study("killed"), 2)] == [trial.changes for trial in whole]


def test_a_trial_that_ended_without_being_noted_is_settled(study):
    first = study()
    first.begin(first.ask(), "run-1")
    again = study()
    ((number, _),) = again.unfinished()
    again.settle(number, "finished", 0.5)
    assert [(trial.run, trial.state, trial.score) for trial in again.trials()] == [("run-1", "finished", 0.5)]


def test_what_is_worse_than_half_the_trials_is_given_up(study):
    opened = study()
    for figure in (0.5, 0.6, 0.7, 0.8):
        attempt = opened.ask()
        assert not any(opened.hopeless(attempt, epoch, figure) for epoch in (1, 2, 3))
        opened.end(attempt, "finished", figure)
    good, bad = opened.ask(), None
    assert not any(opened.hopeless(good, epoch, 0.7) for epoch in (1, 2, 3))
    opened.end(good, "finished", 0.7)
    bad = opened.ask()
    assert not opened.hopeless(bad, 1, 0.1), "the first epoch says too little"
    assert opened.hopeless(bad, 2, 0.1)
    assert not opened.hopeless(bad, 2, 0.1), "an epoch counts once"
    opened.end(bad, "pruned", seconds=2.0)
    last = opened.trials()[-1]
    assert (last.state, last.score, last.epochs, last.seconds) == ("pruned", 0.1, 2, 2.0)


def test_a_failed_trial_is_kept_with_its_error_and_not_proposed_again(study):
    opened = study()
    go(opened, 1)
    attempt = opened.ask()
    opened.end(attempt, "failed", error="no luck")
    assert opened.trials()[-1].error == "no luck"
    assert opened.ask().changes != attempt.changes


def test_the_best_is_the_first_of_the_highest():
    trials = [Trial(number, "", "finished", {}, score) for number, score in ((1, 0.5), (2, 0.9), (3, 0.9))]
    assert best_of([*trials, Trial(4, "", "pruned", {}, 1.0)]).number == 2
    assert best_of([]) is None
