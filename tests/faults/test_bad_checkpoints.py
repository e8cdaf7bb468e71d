"""A checkpoint that cannot be written, is damaged, or stands on something else: said, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch

from verticals.contract import BadInput, Conflict, Damaged, StorageError
from verticals.encoder import tiny
from verticals.host import Host

PLUGIN = '''"""A shop's chats."""
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl


class Chat(BaseModel):
    text: str
    label: str


def load():
    for number in range(60):
        yield Chat(text=f"where is my parcel {number}", label="delivery")
        yield Chat(text=f"refund my invoice {number}", label="payment")


def prepare(context):
    return ({key: row[key] for key in ("text", "label", "split")} for row in context.rows())


@hookimpl
def register_datasets():
    yield Dataset(name="chats", row=Chat, load=load)


@hookimpl
def register_heads():
    rates = {"learning_rate": 5e-3, "head_learning_rate": 5e-3}
    recipe = Recipe(method="lora", epochs=4, patience=0, max_tokens=16, windows=1, **rates)
    yield TaskHead(name="topic", dataset="chats", recipe=recipe, prepare=prepare)
'''


@pytest.fixture
def open_host(tmp_path, tiny_encoder):
    """Opens a host on one home, with one plugin and the tiny encoder."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "shop.py").write_text(PLUGIN, encoding="utf-8")
    blocked = [entry.name for entry in entry_points(group="verticals")]
    settings = {"device": "cpu", "precision": "fp32", "threads": 1, "blocked": blocked, "trackers": []}

    def make(encoder=tiny_encoder):
        return Host.open(
            tmp_path / "home", plugins_dir=tmp_path / "plugins", settings={**settings, "encoder": str(encoder)}
        )

    return make


class Full:
    """Fills a small disk once the first checkpoint is on it."""

    def __init__(self, runs: Path) -> None:
        self.runs, self.filler = runs, runs / "filler"

    def __call__(self, progress) -> None:
        if not self.filler.exists() and list(self.runs.glob("*/checkpoint.pt")):
            with self.filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of two MiB where the runs are kept."""
    runs = tmp_path / "home" / "runs"
    runs.mkdir(parents=True)
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", runs], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield runs
    subprocess.run(["umount", "-l", runs], check=True)


def test_a_disk_that_fills_in_mid_training_leaves_the_last_checkpoint_and_the_run_goes_on(open_host, small_disk):
    with open_host() as host:
        head = host["shop"].head("topic")
        whole = head.train()
        with pytest.raises(StorageError) as caught:
            head.train(progress=Full(small_disk))
        run = host.store.runs.list()[0]
        folder = small_disk / run.id
        assert caught.value.message == f"The disk that holds {folder} is full."
        assert caught.value.remedy == (
            f"Free some space and try again. Then go on with: platform train shop/topic --resume {run.id}"
        )
        assert (run.status, run.error) == ("interrupted", caught.value.message)
        assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"], "nothing half-written is left"
        assert torch.load(folder / "checkpoint.pt", weights_only=True)["counters"][0] >= 1
        assert [record.version for record in host.registry.list()] == ["v1"]
        (small_disk / "filler").unlink()
        resumed = head.train(resume=run.id)
        assert (resumed.metrics, resumed.history) == (whole.metrics, whole.history)
        assert (host.store.runs.get(run.id).status, host.store.runs.get(run.id).error) == ("finished", "")


LIMITED = """
import resource, signal, sys
from verticals.cli import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(["train", "shop/topic"]))
"""


def test_a_checkpoint_larger_than_files_may_be_is_said(tmp_path, open_host, tiny_encoder):
    with open_host() as host:
        host["shop"].head("topic").examples()
    database = sum(path.stat().st_size for path in (tmp_path / "home").glob("platform.db*"))
    names = {"HOME": tmp_path / "home", "PLUGINS_DIR": tmp_path / "plugins", "ENCODER": tiny_encoder, "DEVICE": "cpu",
             "PRECISION": "fp32", "THREADS": 1, "TRACKERS": "[]"}  # fmt: skip
    environment = {**os.environ, **{f"PLATFORM_{name}": str(value) for name, value in names.items()}}
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(database + 50_000)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 6, ran.stderr
    assert "may not become that large.\nRaise the limit on the size of files (ulimit -f)." in ran.stderr
    assert "Traceback" not in ran.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.fixture
def interrupted(open_host):
    """The id of a run that was interrupted after its first epoch."""
    with open_host() as host:

        def interrupt(progress):
            if progress.stage == "training" and progress.done > 100:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            host["shop"].head("topic").train(progress=interrupt)
        (run,) = host.store.runs.list()
        assert run.status == "interrupted"
        return run.id


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-2000])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [cut_short, flip, lambda path: path.write_bytes(b""), lambda path: path.write_text("x")]
)
def test_a_damaged_checkpoint_is_refused_and_says_so(tmp_path, open_host, interrupted, damage):
    checkpoint = tmp_path / "home" / "runs" / interrupted / "checkpoint.pt"
    damage(checkpoint)
    with open_host() as host:
        with pytest.raises(Damaged) as caught:
            host["shop"].head("topic").train(resume=interrupted)
        assert caught.value.message == f"The checkpoint {checkpoint} is damaged."
        assert caught.value.remedy == "Start anew without --resume."
        assert host.store.runs.get(interrupted).status == "failed"
        assert host.registry.list() == []


def test_what_the_run_stands_on_must_be_the_same_and_the_run_is_kept(tmp_path, open_host, interrupted):
    plugin = tmp_path / "plugins" / "shop.py"
    plugin.write_text(
        PLUGIN.replace("for row in context.rows())", "for row in list(context.rows())[1:])"), encoding="utf-8"
    )
    with open_host() as host:
        with pytest.raises(Conflict) as caught:
            host["shop"].head("topic").train(resume=interrupted)
        assert str(caught.value) == (
            "The run began with other rows than there are now. Give it the same as then, or start anew without "
            "--resume."
        )
        assert host.store.runs.get(interrupted).status == "interrupted"
    plugin.write_text(PLUGIN, encoding="utf-8")
    other = tiny.create(tmp_path / "other", seed=5)
    with (
        open_host(other) as host,
        pytest.raises(Conflict, match="The run began with another encoder than there is now"),
    ):
        host["shop"].head("topic").train(resume=interrupted)
    with open_host() as host:
        assert host["shop"].head("topic").train(resume=interrupted).version == "v1"


def test_a_run_goes_on_with_the_rows_it_began_with_though_newer_ones_were_imported(tmp_path, open_host, interrupted):
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "text,label\n" + "".join(f"hello {n},{'a' if n % 2 else 'b'}\n" for n in range(60)), encoding="utf-8"
    )
    with open_host() as host:
        head = host["shop"].head("topic")
        begun = host.store.runs.get(interrupted).dataset_version
        assert host["shop"].dataset("chats").import_file(rows, replace=True).version.version != begun
        for changes in ({"changes": {"epochs": "9"}}, {"dataset_version": "v2"}, {"recipe": head.noun.recipe}):
            with pytest.raises(BadInput, match="A run that is resumed keeps its recipe and its rows"):
                head.train(resume=interrupted, **changes)
        report = head.train(resume=interrupted)
        assert host.registry.get("shop", "topic", report.version).dataset_version == begun
        assert host.registry.open("shop", "topic", report.version).manifest["labels"] == ["delivery", "payment"]
