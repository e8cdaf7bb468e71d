"""A new plugin, installed as its README says, works as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verticals.testing.new import create


@pytest.mark.slow
def test_a_new_plugin_passes_its_own_tests(tmp_path: Path) -> None:
    folder = create("small-talk", tmp_path)
    installed = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", installed, folder], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(pytest_command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
