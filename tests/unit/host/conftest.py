"""Plugins and hosts to test with."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from verticals.host import Host

SARCASM = '''
"""Sarcasm in support chats.

More of it.
"""
from contextlib import asynccontextmanager

from pydantic import BaseModel, SecretStr

from verticals import Command, Dataset, Document, Endpoints, EventKind, Index, Page, Recipe, TaskHead, hookimpl

__version__ = "1.2"


class Chat(BaseModel):
    text: str
    label: str


class Seen(BaseModel):
    text: str
    times: int = 1


class Settings(BaseModel):
    greeting: str = "Hello"
    token: SecretStr | None = None


def load():
    for number in range(30):
        yield Chat(text=f"oh great, it broke again {number}", label="sarcastic")
        yield Chat(text=f"my parcel has not arrived {number}", label="plain")


def articles():
    yield Document(id="returns", title="Returns", text="You may return anything within 30 days.")
    yield Document(id="parcels", title="Parcels", text="A parcel takes two days.")


@hookimpl
def register_settings():
    return Settings


@hookimpl
def register_datasets():
    yield Dataset(name="chats", row=Chat, load=load)


@hookimpl
def register_heads():
    yield TaskHead(name="sarcasm", dataset="chats", recipe=Recipe(method="head", epochs=2))


@hookimpl
def register_indexes():
    yield Index(name="knowledge", documents=articles)


@hookimpl
def register_events():
    yield EventKind(name="seen", payload=Seen)
    yield EventKind(name="noted")


@hookimpl
def register_endpoints():
    yield Endpoints(router="nowhere.api:router")


@hookimpl
def register_pages():
    yield Page(title="Sarcasm", render="nowhere.pages:home")


@hookimpl
def register_commands():
    yield Command(name="detect", command="nowhere.commands:detect")


LIVED = []


@hookimpl
def lifespan(vertical):
    @asynccontextmanager
    async def run():
        LIVED.append("entered")
        vertical.state["greeting"] = vertical.settings.greeting
        await vertical.events.append("noted", {"what": "started"})
        yield
        await vertical.events.append("noted", {"what": "stopped"})
        LIVED.append("left")
    return run()
'''


@pytest.fixture
def plugins_dir(tmp_path):
    """An empty folder for one-file plugins."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
def write_plugin(plugins_dir):
    """Write a one-file plugin; gives its path."""

    def write(name: str, source: str) -> Path:
        path = plugins_dir / f"{name}.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


@pytest.fixture
def sarcasm(write_plugin):
    """A plugin with every noun."""
    return write_plugin("sarcasm", SARCASM)


@pytest.fixture
def open_host(tmp_path, plugins_dir, monkeypatch):
    """Open a host on the plugins of the folder alone; closed at the end."""
    for variable in [name for name in os.environ if name.startswith("PLATFORM_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    installed = [entry.name for entry in entry_points(group="verticals")]
    opened = []

    def make(home=None, **settings):
        settings["blocked"] = [*installed, *settings.get("blocked", ())]
        host = Host.open(home or tmp_path / "home", plugins_dir=plugins_dir, settings=settings)
        opened.append(host)
        return host

    yield make
    for host in opened:
        host.close()


@pytest.fixture
def add_distribution(tmp_path):
    """Lay a distribution with one plugin into ``tmp_path/site``."""

    def add(distribution: str, *, plugin: str, requires=(), source: str = "", version: str = "1.0") -> None:
        site = tmp_path / "site"
        module = f"module_{distribution.replace('-', '_')}"
        information = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir(parents=True)
        lines = ["Metadata-Version: 2.4", f"Name: {distribution}", f"Version: {version}"]
        lines += [f"Requires-Dist: {one}" for one in requires]
        (information / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (information / "entry_points.txt").write_text(f"[verticals]\n{plugin} = {module}\n", encoding="utf-8")
        (site / f"{module}.py").write_text(
            f'"""Plugin {plugin}."""\nprint("imported {plugin}")\n' + textwrap.dedent(source), encoding="utf-8"
        )

    return add


@pytest.fixture
def states(tmp_path, plugins_dir):
    """What a host in a fresh process makes of the laid-out plugins: name to state, and the names it imported."""

    def look(**settings):
        settings["plugins_dir"] = str(plugins_dir)
        code = f"""
            import json
            from verticals.host import Host
            host = Host.open({str(tmp_path / "home")!r}, settings=json.loads({json.dumps(settings)!r}))
            fields = ("state", "distribution", "version", "summary", "cause", "remedy")
            print(json.dumps({{name: {{f: getattr(s, f) for f in fields}} for name, s in host.plugins.items()}}))
        """
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PLATFORM_")}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment | {"PYTHONPATH": str(tmp_path / "site")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *imported, found = done.stdout.splitlines()
        return json.loads(found), {line.removeprefix("imported ") for line in imported}

    return look


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """A folder with a tiny encoder of random weights."""
    from verticals.encoder import tiny

    return str(tiny.create(tmp_path_factory.mktemp("encoder")))


@pytest.fixture
def open_small_host(open_host, tiny_encoder):
    """Open a host on the tiny encoder."""
    return lambda home=None, **settings: open_host(home, encoder=tiny_encoder, threads=1, **settings)


@pytest.fixture(scope="session")
def _trained(tmp_path_factory, tiny_encoder):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "sarcasm.py").write_text(SARCASM, encoding="utf-8")
    blocked = [entry.name for entry in entry_points(group="verticals")]
    settings = {"blocked": blocked, "encoder": tiny_encoder, "threads": 1}
    with Host.open(folder / "home", plugins_dir=folder / "plugins", settings=settings) as host:
        head = host["sarcasm"].head("sarcasm")
        head.promote(head.train().version)
    return folder / "home"


@pytest.fixture
def trained_home(_trained, tmp_path):
    """A home of its own in which the version v1 of ``sarcasm/sarcasm`` is live."""
    return shutil.copytree(_trained, tmp_path / "trained")
