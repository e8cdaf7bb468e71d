"""Training that is killed or interrupted goes on where it was, and ends as if nothing had happened."""

import os
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points

import pytest
import torch
from safetensors.torch import load_file

from verticals.cli import main
from verticals.host import Host

pytestmark = pytest.mark.usefixtures("forked")

PLUGIN = '''"""A shop's chats."""
from pydantic import BaseModel
from verticals import Dataset, Recipe, TaskHead, hookimpl

WORDS = {"delivery": ["parcel", "courier"], "payment": ["invoice", "refund"], "account": ["password", "login"]}


class Chat(BaseModel):
    text: str
    label: str


def load():
    for number in range(300):
        label = list(WORDS)[number % 3]
        yield Chat(text=f"please {WORDS[label][number % 2]} {number}", label=label)


@hookimpl
def register_datasets():
    yield Dataset(name="chats", row=Chat, load=load)


@hookimpl
def register_heads():
    rates = {"learning_rate": 5e-3, "head_learning_rate": 5e-3}
    recipe = Recipe(method="lora", epochs=60, patience=0, max_tokens=16, windows=1, **rates)
    yield TaskHead(name="topic", dataset="chats", recipe=recipe)
'''

TRAINER = """
import json, sys
from verticals.host import Host

home, plugins, settings = sys.argv[1:]
with Host.open(home, plugins_dir=plugins, settings=json.loads(settings)) as host:
    host["shop"].head("topic").train(
        changes={"epochs": 4}, progress=lambda progress: print(progress.stage, progress.done, flush=True)
    )
"""


@pytest.fixture
def settings(tmp_path, tiny_encoder):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "shop.py").write_text(PLUGIN, encoding="utf-8")
    blocked = [entry.name for entry in entry_points(group="verticals")]
    return {"encoder": str(tiny_encoder), "device": "cpu", "precision": "fp32", "threads": 1, "blocked": blocked}


@pytest.fixture
def open_host(tmp_path, settings):
    """Open a host on the home ``tmp_path/<name>``."""
    return lambda name: Host.open(tmp_path / name, plugins_dir=tmp_path / "plugins", settings=settings)


def weights(host, version):
    folder = host.registry.open("shop", "topic", version).path
    return {f"{path.name}:{name}": tensor for path in folder.glob("*.safetensors")
            for name, tensor in load_file(path).items()}  # fmt: skip


def test_kill_9_in_the_middle_of_an_epoch_then_resume_gives_the_weights_of_an_uninterrupted_run(
    tmp_path, settings, open_host
):
    import json

    command = [sys.executable, "-c", TRAINER, tmp_path / "killed", tmp_path / "plugins", json.dumps(settings)]
    trainer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    for line in trainer.stdout:
        stage, done = line.split()
        if stage == "training" and int(done) > 560:  # of about 240 in an epoch: within the third
            trainer.kill()
            break
    assert trainer.wait(60) == -signal.SIGKILL
    trainer.stdout.close()

    with open_host("whole") as host:
        whole = host["shop"].head("topic").train(changes={"epochs": 4})
        expected = weights(host, whole.version)
        assert host.registry.open("shop", "topic", whole.version).manifest["method"] == "lora"
    with open_host("killed") as host:
        (run,) = host.store.runs.list()
        assert run.status == "interrupted"
        assert host.registry.list() == []
        steps = []
        report = (
            host["shop"]
            .head("topic")
            .train(
                resume=run.id,
                progress=lambda progress: steps.append(progress) if progress.stage == "training" else None,
            )
        )
        assert steps[0].done > 400, "it went on from a checkpoint"
        assert host.store.runs.get(run.id).status == "finished"
        found = weights(host, report.version)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (report.metrics, report.history) == (whole.metrics, whole.history)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_how_to_go_on_and_the_line_it_prints_works(
    tmp_path, settings, open_host, monkeypatch, capfd, number
):
    names = {"HOME": tmp_path / "home", "PLUGINS_DIR": tmp_path / "plugins", "ENCODER": settings["encoder"],
             "DEVICE": "cpu", "PRECISION": "fp32", "THREADS": 1}  # fmt: skip
    for name, value in names.items():
        monkeypatch.setenv(f"PLATFORM_{name}", str(value))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code = "import sys; from verticals.cli import main; sys.exit(main(['train', 'shop/topic', '--epochs', '500']))"
    trainer = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("home/runs/*/checkpoint.pt")):
        assert trainer.poll() is None, trainer.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    trainer.send_signal(number)
    _, told = trainer.communicate(timeout=60)
    assert trainer.returncode == 130
    assert "Traceback" not in told
    (line,) = [line.strip() for line in told.splitlines() if "--resume" in line]
    with open_host("home") as host:
        (run,) = host.store.runs.list()
        assert (run.status, run.version) == ("interrupted", None)
        assert line == f"platform train shop/topic --resume {run.id}"
        assert host.registry.list() == []
        # The rest of 500 epochs is more than a test should wait for: stop at those that are done.
        checkpoint = tmp_path / "home" / "runs" / run.id / "checkpoint.pt"
        state = torch.load(checkpoint, weights_only=True)
        state["counters"] = [500, 0, state["counters"][2]]
        torch.save(state, checkpoint)
    capfd.readouterr()
    assert main(shlex.split(line)[1:]) == 0
    assert "Trained shop/topic@v1" in capfd.readouterr().out
    with open_host("home") as host:
        assert host.store.runs.get(run.id).status == "finished"
        assert host.registry.live("shop", "topic").version == "v1"
