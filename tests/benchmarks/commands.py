"""The command line as a user has it, on real data."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    """Skip where the data set ``name`` is not at hand."""
    return pytest.mark.skipif(not (DATA / name).is_dir(), reason=f"{DATA / name} is not there")


def platform(home: Path, *arguments: str) -> str:
    """Run the command ``platform``; what it prints."""
    environment = {**os.environ, "NO_COLOR": "1", "PLATFORM_TRACKERS": "none"}
    environment.pop("OMP_NUM_THREADS", None)
    plugins = home / "plugins"
    options = ["--plugins-dir", str(plugins)] if plugins.is_dir() else []
    command = [sys.executable, "-m", "verticals", "--home", str(home), *options, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def platform_json(home: Path, *arguments: str) -> Any:
    """The same, of a command that can print JSON."""
    return json.loads(platform(home, *arguments, "--json"))


def add_plugin(home: Path, name: str, text: str) -> None:
    """A plugin in one file, loaded by every later command."""
    (home / "plugins").mkdir(parents=True, exist_ok=True)
    (home / "plugins" / f"{name}.py").write_text(text, encoding="utf-8")


def trained_and_measured(home: Path, head: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A new version as the command line tells of it, and its figures on the test split."""
    version = platform_json(home, "train", head, *options)
    return version, platform_json(home, "evaluate", f"{head}@{version['version']}", "--split", "test")


def peak_memory() -> float:
    """Of the largest command run so far, in GB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
