"""kill -9 at every step of an import: afterwards the old state or the new one, and the next import works."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from verticals import Dataset
from verticals.data import DatasetStore, import_file

# Imports once, then forks a child per home (a single home needs none). The n-th child kills itself just before its
# n-th operation on the files of its home (0: never), so every step has its turn. Prints how each child ended.
CHILDREN = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet
from pydantic import BaseModel
from verticals import Dataset
from verticals.data import DatasetStore, import_file

path, *homes = sys.argv[1:]
operations = {"open", "os.mkdir", "os.rename", "os.chmod", "os.listdir", "os.scandir", "os.remove", "shutil.rmtree"}
current = ["nowhere", 0, 0]

class Row(BaseModel):
    text: str
    label: str

def watch(event, arguments):
    home, step, count = current
    if event in operations and str(arguments[0]).startswith(home):
        current[2] += 1
        if current[2] == step:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
dataset = Dataset(name="rows", row=Row, load=list)
print("ready", flush=True)
for step, home in enumerate(homes):
    child = os.fork() if len(homes) > 1 else 0
    if not child:
        current[:] = [home, step, 0]
        import_file(DatasetStore(Path(home)), "v", dataset, Path(path))
        os._exit(current[2])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Row(BaseModel):
    text: str
    label: str


DATASET = Dataset(name="rows", row=Row, load=list)
OLD, NEW = 20, 2_000


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = []
    for name, rows in (("old", OLD), ("new", NEW)):
        path = tmp_path / f"{name}.csv"
        path.write_text("text,label\n" + "".join(f"{name} text {number},a\n" for number in range(rows)))
        paths.append(path)
    return paths[0], paths[1]


def prepared(home: Path, old: Path) -> DatasetStore:
    store = DatasetStore(home)
    import_file(store, "v", DATASET, old, replace=True)
    return store


def children(path: Path, *homes: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILDREN, str(path), *map(str, homes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def assert_old_or_new(store: DatasetStore, old: Path) -> str:
    versions = store.list("v", DATASET)
    assert [version.rows for version in versions] in ([OLD], [OLD, OLD + NEW])
    for version in versions:
        assert len(version.read()) == version.rows
    state = "old" if len(versions) == 1 else "new"
    again = import_file(DatasetStore(store.folder), "v", DATASET, old).version
    assert again.rows == versions[-1].rows + OLD
    assert not list(store.folder.rglob(".new-*")), "the next writer clears what a dead one left"
    return state


@pytest.mark.slow
def test_killed_before_each_operation_on_its_files(tmp_path, files):
    old, new = files
    before = prepared(tmp_path / "before", old).folder
    homes = [shutil.copytree(before, tmp_path / f"home-{step}") for step in range(41)]
    whole, *ends = map(int, children(new, *homes).communicate()[0].split()[1:])
    assert 8 < whole <= 40, "how many operations an import takes that nobody kills"
    assert ends == [-signal.SIGKILL] * whole + [whole] * (40 - whole)
    states = [assert_old_or_new(DatasetStore(home), old) for home in homes[1 : whole + 1]]
    assert states == sorted(states, reverse=True), "once it is new it stays new"
    assert set(states) == {"old", "new"}


def test_killed_from_outside_at_any_moment(tmp_path, files):
    old, new = files
    moments = random.Random(7)
    for trial in range(4):
        store = prepared(tmp_path / f"home-{trial}", old)
        process = children(new, store.folder)
        assert process.stdout
        process.stdout.readline()
        time.sleep(moments.uniform(0, 0.4))
        process.kill()
        process.communicate()
        assert_old_or_new(store, old)
