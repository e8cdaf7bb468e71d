import math
import os
import subprocess
import sys
import time
from datetime import datetime

import pytest

from verticals.contract import NAME, BadInput, NotFound
from verticals.store import Store
from verticals.store.process import Process, _born

RECIPE = {"method": "lora", "epochs": 2}


def start(store, head="intent", **changes):
    return store.runs.start("shop", head, **{"dataset_version": "v1", "recipe": RECIPE, "seed": 7} | changes)


def test_a_run_is_remembered_as_it_was_started(store):
    run = start(store, tenant="acme")
    assert NAME.fullmatch(run.id)
    assert (run.vertical, run.head, run.status, run.dataset_version) == ("shop", "intent", "running", "v1")
    assert (run.recipe, run.seed, run.tenant, run.process) == (RECIPE, 7, "acme", os.getpid())
    assert (run.progress, run.metrics, run.version, run.error) == ({}, {}, None, None)
    assert store.runs.get(run.id) == run


def test_an_update_changes_what_is_given_and_keeps_the_rest(store):
    run = start(store)
    store.runs.update(run.id, progress={"epoch": 1, "rate": math.inf})
    store.runs.update(run.id, status="finished", metrics={"accuracy": 0.9, "loss": math.nan}, version="v1")
    now = store.runs.get(run.id)
    assert now.progress == {"epoch": 1, "rate": None}
    assert (now.status, now.metrics, now.version) == ("finished", {"accuracy": 0.9, "loss": None}, "v1")
    assert now.started == run.started
    assert now.updated >= run.updated
    other = start(store)
    store.runs.update(other.id, status="failed", error="The disk is full.")
    assert store.runs.get(other.id).error == "The disk is full."
    assert store.runs.get(run.id) == now


def test_runs_are_listed_newest_first_and_by_name(store):
    first, second, third = start(store), start(store, "topic"), start(store)
    store.runs.update(first.id, status="finished")
    assert [run.id for run in store.runs.list()] == [third.id, second.id, first.id]
    assert [run.id for run in store.runs.list(head="intent")] == [third.id, first.id]
    assert [run.id for run in store.runs.list("shop", "intent", "finished")] == [first.id]
    assert [run.id for run in store.runs.list(limit=1)] == [third.id]
    assert store.runs.list("elsewhere") == []


def test_many_runs_of_one_second_have_different_names_that_sort_by_second(store, monkeypatch):
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))

    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 11, 21, 12, 0, 0, tzinfo=tz)

    monkeypatch.setattr("verticals.store.runs.datetime", Stopped)
    assert start(store).id.endswith("-aaaa")
    assert start(store).id.endswith("-bbbb")


def test_an_unknown_run_or_status_is_refused_with_a_suggestion(store):
    run = start(store)
    with pytest.raises(NotFound, match=run.id):
        store.runs.get(run.id[:-1])
    with pytest.raises(NotFound):
        store.runs.update("nothing", status="failed")
    with pytest.raises(BadInput, match="finished"):
        store.runs.update(run.id, status="finish")
    with pytest.raises(BadInput):
        start(store, recipe={"x": object()})
    with pytest.raises(BadInput):
        start(store, "../up")


TRAINER = """
import sys, time
from verticals.store import Store
with Store.open(sys.argv[1]) as store:
    print(store.runs.start("shop", "intent", dataset_version="v1", recipe={}, seed=0).id, flush=True)
    time.sleep(60)
"""


def test_a_run_whose_process_was_killed_is_interrupted_on_the_next_open(store_url):
    trainer = subprocess.Popen([sys.executable, "-c", TRAINER, store_url], stdout=subprocess.PIPE, text=True)
    killed = trainer.stdout.readline().strip()
    with Store.open(store_url) as store:
        assert store.runs.get(killed).status == "running"
        own = start(store)
    trainer.kill()
    trainer.wait()
    trainer.stdout.close()
    with Store.open(store_url) as store:
        assert store.runs.get(killed).status == "interrupted"
        assert store.runs.get(own.id).status == "running"
        store.runs.update(killed, status="running")
        assert store.runs.get(killed).process == os.getpid()
        assert store.runs.notice_interrupted() == 0


def test_a_process_is_told_from_a_later_one_with_its_number():
    current = Process.current()
    assert not current.is_gone()
    assert Process(current.machine, current.number, "an earlier boot").is_gone()
    assert not Process("another-machine", current.number, "").is_gone()


def test_a_process_that_ended_and_was_not_yet_waited_for_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = Process(Process.current().machine, child.pid, _born(child.pid))
    assert not record.is_gone()
    child.kill()
    deadline = time.monotonic() + 10
    while not record.is_gone() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert record.is_gone()
    child.stdin.close()
    child.wait()
    assert record.is_gone()
