"""A search for a recipe on a tiny encoder: the real engine, study, registry and runs."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from verticals import Recipe
from verticals.contract import BadInput, Conflict, NotFound, PlatformError
from verticals.host.search import _PLAN

pytestmark = pytest.mark.usefixtures("forked")

SHOP = '''"""A shop's chats."""
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

WORDS = {"delivery": ["parcel", "courier"], "payment": ["invoice", "refund"], "account": ["password", "login"]}


class Chat(BaseModel):
    text: str
    label: str


def load():
    for number in range(60):
        label = list(WORDS)[number % 3]
        yield Chat(text=f"please {WORDS[label][number % 2]} {number}", label=label)


@hookimpl
def register_datasets():
    yield Dataset(name="chats", row=Chat, load=load)


@hookimpl
def register_heads():
    recipe = Recipe(method="lora", epochs=2, learning_rate=5e-3, patience=0, max_tokens=16, windows=1)
    yield TaskHead(name="topic", dataset="chats", recipe=recipe)
'''
SPACE = {"learning_rate": "1e-6..2e-2", "lora_rank": "2,4"}

WATCHING = """
from verticals import hookimpl

SPLITS = []

@hookimpl(wrapper=True)
def fit(job):
    SPLITS.append(sorted(job.examples))
    return (yield)
"""


@pytest.fixture
def shop(write_plugin, open_small_host):
    """Opens the head ``shop/topic`` in a home of that name."""
    write_plugin("shop", SHOP)

    def make(home="home", **settings):
        return open_small_host(home, trackers="none", **settings)["shop"].head("topic")

    return make


def said(report):
    return [(one.state, dict(one.changes), one.score, one.epochs) for one in report.trials]


def test_the_best_trial_becomes_the_only_version(shop, write_plugin):
    write_plugin("watching", WATCHING)
    head = shop()
    seen, stages = [], set()
    report = head.tune(3, space=SPACE, each=seen.append, progress=lambda now: stages.add(now.stage))
    host = head.vertical.host
    assert (report.stopped, report.metric, len(report.trials)) == ("done", "accuracy", 3)
    assert seen == list(report.trials)
    assert "trial 1 training" in stages
    assert report.trials[0].changes == {}, "the recipe as it is comes first"
    assert all(set(one.changes) == set(SPACE) for one in report.trials[1:])
    scores = [one.score for one in report.trials if one.state == "finished"]
    assert report.best.score == max(scores)

    (record,) = head.versions()
    assert (record.version, record.stage, record.run) == (report.version, "candidate", report.best.run)
    manifest = host.registry.open("shop", "topic", "v1").manifest
    assert manifest["recipe"] == report.recipe.to_dict()
    assert manifest["metrics"]["accuracy"] == report.best.score
    assert eval(report.expression, {"Recipe": Recipe}) == report.recipe
    assert head.noun.recipe.changed(report.settings) == report.recipe

    assert host.store.runs.list() == []
    runs = {run.id: run for run in host.store.runs.list(search=report.id)}
    assert set(runs) == {one.run for one in report.trials}
    assert [run.version for run in runs.values() if run.version] == ["v1"]
    assert all(host.store.curves.of(run).epochs for run in runs)
    assert not list(host.runs_folder.rglob("checkpoint.pt"))
    assert not list((host.runs_folder / "searches").rglob("drafts/*"))
    assert {split for splits in host.manager.get_plugin("watching").SPLITS for split in splits} == {
        "train", "validation"
    }, "no trial sees the test rows"  # fmt: skip
    assert head.predict("parcel 7", version="v1")[0].version == "shop/topic@v1"


def test_a_search_that_goes_on_keeps_its_best_and_adopts_it_once(quick):
    whole = quick("whole").tune(9, space=SPACE | {"lora_rank": "4,8"})
    assert len({str(one.changes) for one in whole.trials}) == 9
    assert said(quick("parted").tune(3, space=SPACE | {"lora_rank": "4,8"})) == said(whole)[:3]
    assert said(quick("parted").tune(9, resume=True)) == said(whole)
    assert said(quick("parted").tune(resume=True)) == said(whole), "the three that were planned are done"


KILLED = """
import json, os, signal, sys
from verticals.host import Host
home, plugins, settings = sys.argv[1:]
with Host.open(home, plugins_dir=plugins, settings=json.loads(settings)) as host:
    seen = []
    def progress(now):
        if now.stage == "trial 2 training":
            seen.append(now)
            if len(seen) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
    host["shop"].head("topic").tune(2, space=json.loads(sys.stdin.read()), progress=progress)
"""


def test_a_search_that_was_killed_goes_on_with_the_trial_under_way(shop, plugins_dir, tiny_encoder, tmp_path):
    whole = shop("whole").tune(2, space=SPACE)
    blocked = list(shop("killed").vertical.host.settings.blocked)
    settings = {"encoder": tiny_encoder, "threads": 1, "trackers": "none", "blocked": blocked}
    command = [sys.executable, "-c", KILLED, "killed", str(plugins_dir), json.dumps(settings)]
    done = subprocess.run(
        command, cwd=tmp_path, input=json.dumps(SPACE), text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == -signal.SIGKILL
    head = shop("killed")
    runs = head.vertical.host.store.runs
    (under_way,) = [run for run in runs.list(trials=True) if run.status == "interrupted"]
    assert under_way.search
    with pytest.raises(Conflict, match=r"trial of a search.*platform tune shop/topic --resume"):
        head.train(resume=under_way.id)
    report = head.tune(resume=True)
    assert said(report) == said(whole)
    assert report.trials[1].run == under_way.id
    assert len(runs.list(trials=True)) == 2
    assert [one.run for one in head.versions()] == [report.best.run]
    assert head.tune(resume=True).version == "v1", "what was adopted is not adopted again"
    assert len(head.versions()) == 1


def test_ctrl_c_ends_a_search_with_what_it_found(shop):
    head = shop()

    def progress(now):
        if now.stage == "trial 2 training":
            signal.raise_signal(signal.SIGINT)

    report = head.tune(5, space=SPACE, progress=progress)
    assert (report.stopped, len(report.trials), report.version) == ("interrupted", 1, "v1")
    again = head.tune(2, resume=True)
    assert (again.stopped, len(again.trials)) == ("done", 2)


QUICK = """
from verticals import FitReport, Progress, hookimpl

@hookimpl(tryfirst=True)
def fit(job):
    if job.recipe.lora_rank == 2 or job.recipe.dropout < 0.05 or job.recipe.seed == 9:
        raise ValueError("no luck")
    history = []
    for epoch in range(1, 4):
        figures = {"epoch": epoch, "accuracy": min(1.0, job.recipe.learning_rate * 10 * epoch)}
        history.append(figures)
        job.progress(Progress("training", epoch, 3, "epochs", metrics=figures))
    return FitReport("", {"accuracy": history[-1]["accuracy"]}, tuple(history))
"""


@pytest.fixture
def quick(shop, write_plugin):
    """The same where a plugin trains, in no time and without a version; the higher the rate the better."""
    write_plugin("quick", QUICK)
    return shop


def test_hopeless_trials_are_pruned_and_leave_nothing(quick):
    head = quick()
    report = head.tune(12, space={"learning_rate": "1e-6..2e-2"})
    pruned = [one for one in report.trials if one.state == "pruned"]
    assert pruned
    runs = head.vertical.host.store.runs
    for one in pruned:
        assert runs.get(one.run).status == "pruned"
        assert (one.epochs, one.score) == (2, pytest.approx(20 * one.changes["learning_rate"]))
        assert not (head.vertical.host.runs_folder / one.run).exists()
        assert len(head.vertical.host.store.curves.of(one.run).epochs) == 2
    finished = [one.score for one in report.trials if one.state == "finished"]
    assert report.best.score == max(finished)
    assert (report.version, head.versions()) == ("", [])


def test_the_time_ends_a_search_after_its_first_trial(quick):
    report = quick().tune(50, seconds=1e-6, space=SPACE)
    assert (report.stopped, len(report.trials)) == ("time", 1)


def test_the_time_stops_the_trial_under_way_and_the_search_goes_on_with_it(quick, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("verticals.host.search.time", SimpleNamespace(monotonic=lambda: clock[0]))
    head = quick()

    def progress(now):
        if now.stage == "trial 2 training":
            clock[0] = 11.0

    report = head.tune(3, seconds=10, space={"learning_rate": "1e-3..2e-2"}, progress=progress)
    assert (report.stopped, len(report.trials)) == ("time", 1)
    (under_way,) = head.vertical.host.store.runs.list(status="interrupted", trials=True)
    again = head.tune(resume=True)
    assert (again.stopped, len(again.trials), again.trials[1].run) == ("done", 3, under_way.id)


def test_a_trial_that_fails_does_not_end_a_search_but_the_first_does(quick):
    report = quick().tune(6, space=SPACE)
    assert {one.error for one in report.trials if one.changes.get("lora_rank") == 2} == {"ValueError: no luck"}
    assert report.best.state == "finished"
    with pytest.raises(PlatformError, match="The first trial failed: ValueError: no luck"):
        quick("other").tune(5, space=SPACE, changes={"seed": 9})
    with pytest.raises(PlatformError, match="3 trials in a row failed"):
        quick("third").tune(9, space={"dropout": "0.01..0.04"})


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"space": {"learning_rat": "1..2"}}, BadInput, "Did you mean 'learning_rate'"),
        ({"space": {"lora_rank": "4,512"}}, BadInput, "adapters are served up to rank"),
        ({"space": SPACE, "changes": {"lora_rank": 4}}, BadInput, "both set and searched"),
        ({"trials": 0}, BadInput, "cannot be 0 trials"),
        ({"seconds": 0}, BadInput, "Give it some time"),
        ({"dataset_version": "v9"}, NotFound, "v9"),
        ({"resume": True}, BadInput, r"no search of shop/topic to go on with.*platform tune shop/topic"),
        ({"resume": True, "space": SPACE}, BadInput, "keeps its recipe"),
    ],
)
def test_bad_requests_leave_nothing(shop, asked, error, told):
    head = shop()
    with pytest.raises(error, match=told):
        head.tune(**asked)
    assert head.vertical.host.store.runs.list(trials=True) == []
    assert not list(head.vertical.host.runs_folder.rglob(_PLAN))


def test_two_processes_cannot_be_at_one_search(quick):
    head = quick()
    told = []

    def each(trial):
        with pytest.raises(Conflict, match="is in use by process"):
            head.tune(resume=True)
        told.append(trial)

    head.tune(1, space=SPACE, each=each)
    assert len(told) == 1
