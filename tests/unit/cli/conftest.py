"""A command line in this process, on a one-file plugin in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from verticals.cli import main

PLUGIN = '''"""Weather small talk."""
import click
from pydantic import BaseModel
from verticals import Command, Dataset, Document, EventKind, Index, TaskHead, hookimpl


class Remark(BaseModel):
    text: str
    mood: str


def load():
    for number in range(20):
        yield Remark(text=f"What a lovely sunny morning number {number}", mood="glad")
        yield Remark(text=f"Rain and fog and rain again on day {number}", mood="sad")


def documents():
    yield Document(id="umbrella", title="Umbrellas", text="Take an umbrella when it rains.", metadata={"topic": "rain"})
    yield Document(id="hat", title="Hats", text="Wear a hat in the sun.", metadata={"topic": "sun"})


@click.command()
@click.option("--loud", is_flag=True)
@click.pass_obj
def greet(vertical, loud):
    """Say hello."""
    text = f"Hello from {vertical.name}"
    click.echo(text.upper() if loud else text)


@hookimpl
def register_datasets():
    yield Dataset(name="remarks", row=Remark, load=load, description="Remarks on the weather")


@hookimpl
def register_heads():
    yield TaskHead(name="mood", dataset="remarks", target="mood", example="Sunny at last")


@hookimpl
def register_indexes():
    yield Index(name="advice", documents=documents)


@hookimpl
def register_events():
    yield EventKind(name="remark")
    yield EventKind(name="reply")


@hookimpl
def register_commands():
    yield Command(name="greet", command=greet, help="Say hello")
'''


class Ran(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Ran]


@pytest.fixture
def plugins_dir(tmp_path: Path) -> Path:
    """A folder with the plugin `weather`."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "weather.py").write_text(PLUGIN, encoding="utf-8")
    return folder


@pytest.fixture
def platform(
    tmp_path: Path,
    plugins_dir: Path,
    tiny_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> CommandLine:
    """Runs a command line in an empty folder, on a home there, on the tiny encoder."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": tmp_path / "home", "PLUGINS_DIR": plugins_dir, "ENCODER": tiny_encoder}.items():
        monkeypatch.setenv(f"PLATFORM_{name}", str(value))
    monkeypatch.setenv("PLATFORM_DEVICE", "cpu")
    monkeypatch.setenv("PLATFORM_PRECISION", "fp32")
    monkeypatch.setenv("PLATFORM_THREADS", "1")

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return run
