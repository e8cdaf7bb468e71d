"""kill -9 at every step of saving a version: afterwards there is the old state or the new one, never half."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from verticals.store import Registry, Store

SAVER = """
import os, signal, sys
from pathlib import Path
import verticals.files.atomic
from verticals.store import Registry, Store
from verticals.store.versions import VersionTable

url, models, step = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(owner, name):
    original = getattr(owner, name)
    def act(*arguments, **named):
        original(*arguments, **named)
        die()
    setattr(owner, name, act)

def write(folder):
    (folder / "head.safetensors").write_bytes(os.urandom(100_000))
    if step == "during write":
        die()
    (folder / "README.md").write_text("card")

with Store.open(url) as store:
    registry = Registry(store, Path(models))
    if step == "after the manifest":
        die_after(verticals.files.atomic, "flush")
    elif step == "before the rename":
        Path.rename = die
    elif step == "after the rename":
        die_after(Path, "rename")
    elif step == "before the row":
        VersionTable.add = die
    elif step == "before the commit":
        import verticals.store.versions
        verticals.store.versions._row = die
    elif step == "after the row":
        die_after(VersionTable, "add")
    print("ready", flush=True)
    while True:
        registry.save("shop", "intent", {"labels": ["a", "b"]}, write)
        if step != "forever":
            break
"""


def killed_saver(url, models, step, seconds=None):
    saver = subprocess.Popen([sys.executable, "-c", SAVER, url, models, step], stdout=subprocess.PIPE)
    assert saver.stdout.readline() == b"ready\n"
    if seconds is not None:
        time.sleep(seconds)
        saver.kill()
    assert saver.wait(60) == -signal.SIGKILL
    saver.stdout.close()


def check_whole(url, models):
    """Every version there is opens; no temporary is left; rows and folders agree. Gives the versions' names."""
    with Store.open(url) as store:
        registry = Registry(store, models)
        names = {record.version for record in registry.list()}
        assert {path.name for path in (models / "shop" / "intent").iterdir()} == names
        for name in names:
            assert registry.open("shop", "intent", name).manifest["version"] == name
        return names


@pytest.fixture
def models(tmp_path, store_url):
    """A folder of models that holds one live version."""
    with Store.open(store_url) as store:
        registry = Registry(store, tmp_path / "models")
        registry.save("shop", "intent", {"labels": ["a"]}, lambda folder: (folder / "README.md").write_text("card"))
        registry.promote("shop", "intent", "v1")
    return tmp_path / "models"


@pytest.mark.parametrize("step", ["during write", "after the manifest", "before the rename"])
def test_killed_before_the_rename_the_old_state_is_there(store_url, models, step):
    killed_saver(store_url, models, step)
    assert check_whole(store_url, models) == {"v1"}


@pytest.mark.parametrize("step", ["after the rename", "before the row", "before the commit", "after the row"])
def test_killed_after_the_rename_the_new_state_is_there(store_url, models, step):
    killed_saver(store_url, models, step)
    assert check_whole(store_url, models) == {"v1", "v2"}
    with Store.open(store_url) as store:
        registry = Registry(store, models)
        assert registry.get("shop", "intent", "v2").stage == "candidate"
        assert registry.live("shop", "intent").version == "v1"
        assert registry.promote("shop", "intent", "v2").stage == "live"


@pytest.mark.parametrize("round_", range(2))
def test_killed_at_any_moment_everything_there_is_whole(store_url, models, round_):
    before = check_whole(store_url, models)
    killed_saver(store_url, models, "forever", random.Random(round_).uniform(0.02, 0.3))
    names = check_whole(store_url, models)
    assert names >= before
    assert names == {f"v{number}" for number in range(1, len(names) + 1)}


PROMOTER = """
import itertools, sys
from pathlib import Path
from verticals.store import Registry, Store

with Store.open(sys.argv[1]) as store:
    registry = Registry(store, Path(sys.argv[2]))
    print("ready", flush=True)
    for number in itertools.count():
        registry.promote("shop", "intent", f"v{number % 2 + 1}")
"""


def test_killed_while_promoting_one_version_is_live_and_the_history_tells_which(store_url, models):
    with Store.open(store_url) as store:
        Registry(store, models).save("shop", "intent", {"labels": ["a"]}, lambda folder: None)
    for seconds in (0.05, 0.11):
        promoter = subprocess.Popen(
            [sys.executable, "-c", PROMOTER, store_url, models], stdout=subprocess.PIPE, env=os.environ
        )
        assert promoter.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        promoter.kill()
        promoter.wait()
        promoter.stdout.close()
        with Store.open(store_url) as store:
            registry = Registry(store, models)
            live = [record.version for record in registry.list() if record.stage == "live"]
            assert live == [registry.history("shop", "intent")[-1].version]
            assert len(registry.history("shop", "intent")) == registry.live_signature()
