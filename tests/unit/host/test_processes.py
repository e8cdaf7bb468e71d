"""Training in several processes, as `torchrun` starts them."""

import json
import os
import subprocess
import sys

import pytest
import torch

from verticals.cli import main
from verticals.encoder import tiny

pytestmark = pytest.mark.usefixtures("forked")

PLUGIN = '''
"""Two moods."""
from pydantic import BaseModel
from verticals import Dataset, TaskHead, hookimpl

class Row(BaseModel):
    text: str
    label: str

def load():
    words = {"good": ["fine", "sunny", "warm"], "bad": ["grey", "cold", "wet"]}
    for at in range(120):
        label = ("good", "bad")[at % 2]
        yield {"text": f"the day {at} is {words[label][at % 3]}", "label": label,
               "split": "validation" if at % 5 == 0 else "train"}

@hookimpl
def register_datasets():
    yield Dataset("days", Row, load)

@hookimpl
def register_heads():
    yield TaskHead("mood", "days")
    yield TaskHead("tone", "days")
'''


@pytest.fixture
def in_this_process(monkeypatch, capsys):
    """Runs a command as `subprocess.run` does, without the seconds that a start takes."""

    def run(command, env, **options):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        code = main(command[1:])
        told = capsys.readouterr()
        return subprocess.CompletedProcess(command, code, told.out, told.err)

    return run


def trained(folder, heads, *start, run=subprocess.run):
    """Records and weights of heads trained by a command that begins so."""
    settings = {
        "PLATFORM_HOME": str(folder / "home"), "PLATFORM_ENCODER": str(tiny.create(folder / "encoder")),
        "PLATFORM_DEVICE": "cpu", "PLATFORM_TRACKERS": "none", "PLATFORM_THREADS": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    (folder / "plugins").mkdir()
    (folder / "plugins" / "days.py").write_text(PLUGIN, encoding="utf-8")
    recipe = {"method": "lora", "epochs": 2, "batch_size": 9, "dropout": 0, "lora_rank": 4, "learning_rate": 1e-3,
              "head_start": "fitted", "head_learning_rate": 1e-3, "micro_batch": 4}  # fmt: skip
    command = [*start, "verticals", "train", *heads, "--json", "--plugins-dir", str(folder / "plugins")]
    command += [part for key, value in recipe.items() for part in ("--set", f"{key}={value}")]
    done = run(command, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    models = folder / "home" / "models"
    from safetensors.torch import load_file

    weights = {
        f"{path.relative_to(models)}:{name}": tensor
        for path in sorted(models.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
    records = json.loads(done.stdout[done.stdout.index("{" if len(heads) == 1 else "[\n") :])
    return records if len(heads) > 1 else [records], weights


@pytest.mark.parametrize("heads", [["days/mood"], ["days/mood", "days/tone"]], ids=["alone", "together"])
@pytest.mark.slow
def test_two_processes_train_the_same_versions_as_one(tmp_path, heads, in_this_process):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, weights = trained(tmp_path / "one", heads, run=in_this_process)
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    two, others = trained(tmp_path / "two", heads, *launched)
    assert len(one) == len(two) == len(heads)
    for first, second in zip(one, two, strict=True):
        assert second["version"] == first["version"] == "v1", "only the first process saves"
        assert second["metrics"].keys() == first["metrics"].keys()
        for name, value in first["metrics"].items():
            assert abs(second["metrics"][name] - value) < 1e-3, name
    assert weights.keys() == others.keys()
    assert any("lora_A" in name for name in weights), "it is the adapter that both have trained"
    for name, tensor in weights.items():
        torch.testing.assert_close(others[name], tensor, rtol=1e-3, atol=1e-4)
