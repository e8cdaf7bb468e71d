"""Memory that really runs out in training: the step is computed in parts, and the report says so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.faults.test_bad_checkpoints import PLUGIN

TRAINER = """
import resource, sys
from pathlib import Path
import torch
from verticals.cli import main
from verticals.tuning import step as steps
from verticals.tuning.step import Step

steps.tokens_at_once = lambda device: 1 << 30
# oneDNN maps its generated code itself: for it, address space that the C library keeps for later tensors is lost, so
# that under a limit of addresses (not of memory) it may fail with one row, as it fails with a thousand.
torch.backends.mkldnn.set_flags(False)
compute = Step.__call__


def limited(step, which):
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (100 << 20), resource.RLIM_INFINITY))
    try:
        return compute(step, which)
    finally:  # what is computed between the steps is not what is tried here
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


Step.__call__ = limited
sys.exit(main(["train", "shop/topic", "--epochs", "1", "--set", "batch_size=1000", "--set", "max_tokens=128"]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_memory_that_runs_out_is_met_and_told(tmp_path, tiny_encoder):
    (tmp_path / "plugins").mkdir()
    longer = PLUGIN.replace("range(60)", "range(600)").replace(" {number}", " {number}{' now please' * 60}")
    (tmp_path / "plugins" / "shop.py").write_text(longer, encoding="utf-8")
    names = {"HOME": tmp_path / "home", "PLUGINS_DIR": tmp_path / "plugins", "ENCODER": tiny_encoder, "DEVICE": "cpu",
             "PRECISION": "fp32", "THREADS": 1, "TRACKERS": "[]"}  # fmt: skip
    environment = {**os.environ, **{f"PLATFORM_{name}": str(value) for name, value in names.items()}}
    ran = subprocess.run([sys.executable, "-c", TRAINER], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Note: memory ran out with 1000 rows at once: " in ran.stderr
    assert " at once were computed instead (micro_batch=" in ran.stderr
    assert "shop/topic@v1 is live" in ran.stdout
