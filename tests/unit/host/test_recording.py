"""What is kept of a run on its way, and what trackers are told."""

import itertools
import logging
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from verticals.contract import FitReport, Progress, SettingsError
from verticals.host.recording import Recorder, epoch_of
from verticals.store import Store
from verticals.tuning.trackers import check_trackers


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'platform.db'}") as opened:
        yield opened


@pytest.fixture
def run(store):
    return store.runs.start("shop", "intent", dataset_version="v1", recipe={"epochs": 3, "learning_rate": None}, seed=0)


@pytest.fixture
def recorder(store, run, tmp_path):
    """Makes a recorder of the run."""

    def make(resumed=False, trackers=(), then=None):
        return Recorder(store, run, resumed, trackers, tmp_path / "runs", then)

    return make


@pytest.fixture
def clock(monkeypatch):
    """Half a second passes whenever anyone looks."""
    ticks = itertools.count(start=100, step=0.5)
    monkeypatch.setattr("verticals.host.recording.time", SimpleNamespace(monotonic=lambda: next(ticks)))


def step(done, total=10_000, loss=1.0):
    return Progress("training", done, total, metrics={"loss": loss, "learning_rate": 1e-3, "epoch": done / 100})


def epoch(number, accuracy=0.5):
    return Progress("training", number * 100, 300, metrics={"epoch": number, "loss": 0.7, "accuracy": accuracy})


def test_an_epoch_is_told_from_a_step():
    assert epoch_of(epoch(2)) == 2
    assert epoch_of(step(50)) is None
    assert epoch_of(Progress("encoding", 1, 2, metrics={"epoch": 1, "accuracy": 0.5})) is None
    assert epoch_of(Progress("training", 1, 2)) is None


def test_steps_and_epochs_are_written_and_passed_on(store, run, recorder, clock):
    seen = []
    record = recorder(then=seen.append)
    for report in (step(32), step(64), epoch(1), step(132), epoch(2, 0.75)):
        record(report)
    record.finish(FitReport("v1", {"accuracy": 0.75}, ({"epoch": 2, "accuracy": 0.75}, {"epoch": 3, "accuracy": 0.6})))
    curves = store.curves.of(run.id)
    assert [point.at for point in curves.steps] == [32, 64, 132]
    assert curves.steps[0].figures["learning_rate"] == 1e-3
    assert [(point.at, point.figures["accuracy"]) for point in curves.epochs] == [(1, 0.5), (2, 0.75), (3, 0.6)]
    assert len(seen) == 5
    assert store.runs.get(run.id).progress["metrics"]["accuracy"] == 0.75


def test_a_loop_that_repeats_the_last_epochs_figures_gives_one_point_an_epoch(store, run, recorder, clock):
    record = recorder()
    for number, done in ((1, 110), (1, 120), (2, 210)):
        record(Progress("training", done, 300, metrics={"epoch": number, "loss": 0.7, "accuracy": 0.5}))
    record.finish(None)
    assert [point.at for point in store.curves.of(run.id).epochs] == [1, 2]
    assert store.curves.of(run.id).steps == ()


def test_a_long_run_is_thinned_evenly(store, run, recorder, clock):
    record = recorder()
    for done in range(10, 15_010, 10):
        record(step(done, 15_000))
    record.finish(None)
    places = [point.at for point in store.curves.of(run.id).steps]
    assert 200 < len(places) <= 512
    gaps = [later - earlier for earlier, later in itertools.pairwise(places)]
    assert max(gaps) <= 3 * min(gaps)
    assert places[0] == 10
    assert places[-1] > 14_500


def test_a_resumed_run_forgets_what_it_will_train_again(store, run, recorder, clock):
    before = recorder()
    for done in (10, 20, 30, 40):
        before(step(done, loss=9.0))
    before.finish(None)
    after = recorder(resumed=True)
    after(step(30, loss=2.0))
    after.finish(None)
    points = store.curves.of(run.id).steps
    assert [(point.at, point.figures["loss"]) for point in points] == [(10, 9.0), (20, 9.0), (30, 2.0)]


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(one.step, round(one.value, 4)) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_gets_the_curves(run, recorder, clock, tmp_path):
    record = recorder(trackers=("tensorboard",))
    for report in (step(32), epoch(1), step(132, loss=0.5)):
        record(report)
    record.finish(FitReport("v1", {"accuracy": 0.5}))
    found = scalars(tmp_path / "runs" / "tensorboard" / "shop" / "intent" / run.id)
    assert found["training/loss"] == [(32, 1.0), (132, 0.5)]
    assert found["held_out/accuracy"] == [(100, 0.5)]
    assert found["final/accuracy"] == [(132, 0.5)]


def test_a_tracker_that_fails_is_said_once_and_training_goes_on(run, store, recorder, clock, tmp_path, caplog):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tensorboard").write_text("a file where the folder should be")
    record = recorder(trackers=("tensorboard",))
    with caplog.at_level(logging.WARNING):
        for report in (step(32), step(64), epoch(1)):
            record(report)
        record.finish(FitReport("v1", {"accuracy": 0.5}))
    (told,) = [message for message in caplog.messages if "tensorboard" in message]
    assert told.startswith(f"The tracker tensorboard failed and is left out of {run.id}: ")
    assert len(store.curves.of(run.id).steps) == 2


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_other_trackers_keep_their_files_in_the_runs_folder(name, run, recorder, clock, tmp_path, caplog, monkeypatch):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    record = recorder(trackers=(name,))
    for report in (step(32), epoch(1)):
        record(report)
    record.finish(FitReport("v1", {"accuracy": 0.5}))
    assert not [message for message in caplog.messages if name in message]
    assert list((tmp_path / "runs" / name).iterdir())


def test_a_tracker_that_is_not_installed_is_refused_before_training(sarcasm, open_small_host, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    host = open_small_host(trackers="tensorboard,wandb")
    with pytest.raises(SettingsError, match=r"asks for wandb, which is not installed\..*pip install wandb"):
        host["sarcasm"].head("sarcasm").train()
    assert host.store.runs.list() == []
    check_trackers(())


@pytest.mark.parametrize(
    ("given", "trackers"), [("none", ()), ("mlflow, wandb", ("mlflow", "wandb")), (["wandb"], ("wandb",))]
)
def test_trackers_are_a_setting(open_host, given, trackers):
    assert open_host(trackers=given).settings.trackers == trackers


def test_an_unknown_tracker_is_refused(open_host):
    with pytest.raises(SettingsError, match=r"'tensorbord'.*Did you mean 'tensorboard'"):
        open_host(trackers="tensorbord")


def test_training_a_head_leaves_its_figures(sarcasm, open_small_host):
    host = open_small_host()
    report = host["sarcasm"].head("sarcasm").train()
    (run,) = host.store.runs.list()
    (point,) = host.store.curves.of(run.id).epochs
    assert point.figures["accuracy"] == report.history[0]["accuracy"]
    assert scalars(host.home / "runs" / "tensorboard" / "sarcasm" / "sarcasm" / run.id)["final/accuracy"]
