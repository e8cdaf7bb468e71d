"""Heads of several verticals trained together: whose recipe counts, their runs, the hook, and how they go on."""

import pytest

from verticals.contract import BadInput, Conflict, NotFound, PluginError

VERTICAL = """
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

class Remark(BaseModel):
    text: str
    mood: str
    weight: float

def load():
    for number in range(40):
        yield Remark(text=f"what a sunny morning {{number}}", mood="glad", weight=1.0 + number % 3)
        yield Remark(text=f"rain and fog again {{number}}", mood="sad", weight=8.0 + number % 3)

@hookimpl
def register_datasets():
    yield Dataset(name="remarks", row=Remark, load=load)

@hookimpl
def register_heads():
    yield TaskHead(name="mood", dataset="remarks", target="mood", recipe=Recipe({recipe}))
    yield TaskHead(name="weight", dataset="remarks", target="weight", objective="score", recipe=Recipe(epochs=7))
"""
HEADS = ["weather/mood", "sea/weight", "weather/weight"]
QUICK = {"method": "lora", "epochs": 2, "patience": 0}

WRAPPING = """
import dataclasses
from verticals import hookimpl

SEEN = []

@hookimpl(wrapper=True)
def fit(job):
    SEEN.append(("begins", job.vertical, job.head))
    report = yield
    SEEN.append(("ends", job.vertical, job.head))
    return dataclasses.replace(report, notes=(*report.notes, f"wrapped {job.head}"))
"""
REPLACING = """
from verticals import FitReport, hookimpl

@hookimpl
def fit(job):
    return FitReport("", {}) if job.vertical == "sea" else None
"""
STOPPING = """
from verticals import hookimpl

@hookimpl
def fit(job):
    if job.vertical == "sea":
        raise KeyboardInterrupt
"""


@pytest.fixture
def host(write_plugin, open_small_host):
    """Two verticals of two heads each."""
    write_plugin("weather", VERTICAL.format(recipe="epochs=2, batch_size=16"))
    write_plugin("sea", VERTICAL.format(recipe="epochs=5"))
    return open_small_host()


def test_heads_of_two_verticals_come_out_as_a_version_each(host):
    seen = []
    reports = host.train_together(HEADS, changes=QUICK, progress=seen.append)
    assert [report.version for report in reports] == ["v1"] * 3
    assert "r2" in reports[1].metrics
    assert "accuracy" in reports[0].metrics
    assert {"weather/mood encoding", "sea/weight encoding", "training"} <= {progress.stage for progress in seen}
    runs = {f"{run.vertical}/{run.head}": run for run in host.store.runs.list()}
    assert set(runs) == set(HEADS)
    for name, report in zip(HEADS, reports, strict=True):
        run = runs[name]
        assert (run.status, run.version, run.dataset_version) == ("finished", "v1", "v1")
        assert (run.recipe["batch_size"], run.recipe["together"]) == (16, ",".join(HEADS)), "the first head's recipe"
        assert dict(run.metrics) == pytest.approx(dict(report.metrics))
        points = host.store.curves.of(run.id).epochs
        assert [point.at for point in points] == [1, 2]
        assert {"loss", "mean", "r2" if "weight" in name else "accuracy"} <= set(points[0].figures)
        vertical, head = name.split("/")
        manifest = host.registry.open(vertical, head, "v1").manifest
        assert manifest["plugin"].endswith(f"{vertical}.py"), "each remembers its own plugin"
        (answer,) = host[vertical].head(head).predict("what a sunny morning", version="v1")
        assert answer.version == f"{name}@v1"


def test_the_recipe_may_name_the_others(host):
    head = host["weather"].head("mood")
    report = head.train(changes={**QUICK, "epochs": 1, "together": "sea/weight, weather/weight"})
    assert "accuracy" in report.metrics
    assert {record.reference for record in host.registry.list()} == {f"{name}@v1" for name in HEADS}
    with pytest.raises(BadInput, match=r"together is 'sea/mood'; a search trains one head"):
        head.tune(trials=1, changes={"together": "sea/mood"})


def test_wrappers_of_the_fit_hook_see_each_head_as_if_it_were_alone(host, write_plugin, open_small_host):
    write_plugin("watching", WRAPPING)
    host = open_small_host(host.home)
    reports = host.train_together(HEADS[:2], changes={**QUICK, "epochs": 1})
    assert [report.notes[-1] for report in reports] == ["wrapped mood", "wrapped weight"]
    assert [what for what, *_ in host.manager.get_plugin("watching").SEEN] == ["begins", "begins", "ends", "ends"]


@pytest.mark.parametrize("names", [["weather/mood", "sea/mood"], ["sea/mood", "weather/mood"]])
def test_a_plugin_that_trains_by_itself_cannot_share(host, write_plugin, open_small_host, names):
    write_plugin("alone", REPLACING)
    host = open_small_host(host.home)
    with pytest.raises(PluginError, match=r"A plugin trains sea/mood in a way of its own: it cannot share a body"):
        host.train_together(names, changes=QUICK)
    assert {run.status for run in host.store.runs.list()} == {"failed"}


@pytest.mark.parametrize(
    ("heads", "changes", "kind", "told"),
    [
        ([], {}, BadInput, "Heads to train together: none. Name two or more"),
        (["sea/mood"], {}, BadInput, "Heads to train together: sea/mood. Name two"),
        (["sea/mood", "sea/mood"], {}, BadInput, "sea/mood, sea/mood. Name two or more, each of them once"),
        (["sea/mood", "sea"], {}, BadInput, "'sea' is no name of a head. Write it as VERTICAL/HEAD"),
        (["sea/mood", "sea/mod"], {}, NotFound, "Did you mean 'mood'"),
        (["sea/mood", "sea/weight"], {"method": "adalora"}, BadInput, "by 'lora' or 'full'"),
        (["sea/mood", "sea/weight"], {"start_from": "live"}, BadInput, "start_from is 'live'"),
        (["sea/mood", "sea/weight"], {"epoch": "3"}, BadInput, "Did you mean 'epochs'"),
    ],
)
def test_bad_requests_leave_no_run(host, heads, changes, kind, told):
    with pytest.raises(kind, match=told):
        host.train_together(heads, changes=changes)
    assert host.store.runs.list() == []


def test_heads_on_other_encoders_are_asked_which_they_share(host, write_plugin, open_small_host):
    write_plugin("sea", VERTICAL.format(recipe="encoder='of-the-sea'"))
    host = open_small_host(host.home)
    with pytest.raises(
        BadInput,
        match=r"weather/mood has the encoder that of the platform, sea/mood has of-the-sea;.*--set encoder=NAME",
    ):
        host.train_together(["weather/mood", "sea/mood"], changes=QUICK)
    reports = host.train_together(["weather/mood", "sea/mood"], changes={**QUICK, "epochs": 1, "encoder": ""})
    assert len(reports) == 2


def test_interrupted_runs_go_on_together(host, write_plugin, open_small_host):
    stopping = write_plugin("stopping", STOPPING)
    host = open_small_host(host.home)
    with pytest.raises(KeyboardInterrupt):
        host.train_together(HEADS, changes={**QUICK, "seed": 5})
    runs = {f"{run.vertical}/{run.head}": run.id for run in host.store.runs.list(status="interrupted")}
    assert set(runs) == set(HEADS)
    stopping.unlink()
    host = open_small_host(host.home)
    with pytest.raises(Conflict, match=r"trains weather/mood sea/weight weather/weight, not weather/mood sea/weight\."):
        host.train_together(HEADS[:2], resume=runs["weather/mood"])
    reports = host.train_together([*reversed(HEADS)], resume=runs["sea/weight"])
    assert "accuracy" in reports[2].metrics, "the reports come in the order asked for"
    ended = host.store.runs.list()
    assert {run.id for run in ended} == set(runs.values())
    assert {(run.status, run.seed, run.version) for run in ended} == {("finished", 5, "v1")}
    with pytest.raises(Conflict, match="is finished"):
        host.train_together(HEADS, resume=runs["weather/mood"])
    with pytest.raises(Conflict, match=r"not sea/mood weather/mood"):
        host.train_together(["sea/mood", "weather/mood"], resume=runs["weather/mood"])


def test_one_head_of_several_goes_on_with_all(host, write_plugin, open_small_host):
    stopping = write_plugin("stopping", STOPPING)
    host = open_small_host(host.home)
    with pytest.raises(KeyboardInterrupt):
        host.train_together(HEADS, changes={**QUICK, "epochs": 1})
    stopping.unlink()
    host = open_small_host(host.home)
    (run,) = host.store.runs.list("sea")
    assert "r2" in host["sea"].head("weight").train(resume=run.id).metrics
    assert len(host.registry.list()) == 3


def test_a_single_run_is_not_gone_on_with_by_several(host, write_plugin, open_small_host):
    stopping = write_plugin("stopping", STOPPING)
    host = open_small_host(host.home)
    with pytest.raises(KeyboardInterrupt):
        host["sea"].head("mood").train()
    stopping.unlink()
    host = open_small_host(host.home)
    (run,) = host.store.runs.list()
    with pytest.raises(Conflict, match=r"trains sea/mood, not sea/mood sea/weight"):
        host.train_together(["sea/mood", "sea/weight"], resume=run.id)
