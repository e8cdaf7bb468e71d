"""A real home with one small vertical, and the application that serves it."""

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel

from verticals import Conflict, Dataset, Endpoints, Event, Page, PluginError, Prediction, TaskHead, Unavailable
from verticals.contract import (
    BadInput,
    BadRows,
    Damaged,
    NotFound,
    PlatformError,
    RowProblem,
    SettingsError,
    StorageError,
    suggest,
)
from verticals.data import DatasetStore
from verticals.store import Registry, Store
from verticals.web.app import create_app
from verticals.web.current import CurrentVertical

ERRORS = {
    "platform": PlatformError("Something is wrong.", "Do this."),
    "bad-input": BadInput("The text is empty.", "Write something."),
    "not-found": NotFound.named("topic", "retruns", ["returns", "orders"]),
    "conflict": Conflict("The name is taken.", "Choose another."),
    "unavailable": Unavailable("Too many requests wait.", "Try again."),
    "storage": StorageError("The disk is full.", "Free some space."),
    "damaged": Damaged("A file does not match its checksum.", "Restore it."),
    "plugin": PluginError("The plugin cannot be used.", "Repair it."),
    "settings": SettingsError("There is no setting 'prot'.", "Did you mean 'port'?"),
    "bad-rows": BadRows("rows.csv", [RowProblem(3, "label", "unknown label", "intnet")], "Correct it."),
}


class Greeting(BaseModel):
    text: str


class Echo(BaseModel):
    text: str
    by: str


def greeting_router() -> APIRouter:
    router = APIRouter()

    @router.post("/echo")
    async def echo(body: Greeting, vertical: CurrentVertical) -> Echo:
        return Echo(text=body.text, by=vertical.name)

    @router.get("/items/{item}")
    async def item(item: str, vertical: CurrentVertical) -> Echo:
        return Echo(text=item, by=vertical.name)

    @router.get("/errors/{kind}")
    async def fail(kind: str) -> None:
        raise ERRORS[kind]

    @router.get("/crash")
    async def crash() -> None:
        raise RuntimeError("the secret is 1234")

    return router


class Row(BaseModel):
    text: str
    label: str


def rows():
    for number in range(20):
        yield Row(text=f"text number {number}", label="even" if number % 2 == 0 else "odd")


@dataclass
class Plugin:
    name: str
    state: str = "loaded"
    distribution: str = "verticals-shop"
    version: str = "1.2"
    summary: str = "Answers customers."
    cause: str = ""


@dataclass
class SmallVertical:
    name: str
    title: str = "Shop"
    summary: str = "Answers customers of a shop."
    datasets: dict = field(default_factory=dict)
    heads: dict = field(default_factory=dict)
    indexes: dict = field(default_factory=dict)
    pages: list = field(default_factory=list)
    endpoints: list = field(default_factory=list)


class SmallHead:
    version = "shop/parity@v1"

    async def predict_many(self, inputs):
        return [Prediction(label="even", confidence=0.9, version="parity@v1") for _ in inputs]


class SmallEvents:
    def __init__(self, store, name):
        self._store, self._name = store, name

    async def follow(self, after=0):
        for event in self._store.events.read(self._name, after=after):
            yield event


@dataclass
class SmallServed:
    name: str
    store: Store

    @property
    def events(self):
        return SmallEvents(self.store, self.name)

    def head(self, _name):
        return SmallHead()


class SmallHost:
    """The face of a host, over a real store, registry and data sets."""

    def __init__(self, home: Path, verticals, plugins=()):
        self.home = home
        self._verticals = {vertical.name: vertical for vertical in verticals}
        self.plugins = {plugin.name: plugin for plugin in (*(Plugin(v.name) for v in verticals), *plugins)}
        self.store = Store.open(f"sqlite:///{home / 'platform.db'}")
        self.registry = Registry(self.store, home / "models")
        self.datasets = DatasetStore(home / "datasets")
        self.stopped = []

    @property
    def verticals(self):
        return list(self._verticals.values())

    def __getitem__(self, name):
        if name not in self._verticals:
            raise NotFound(f"There is no plugin {name!r}.", suggest(name, self._verticals))
        return self._verticals[name]

    @contextlib.asynccontextmanager
    async def serve(self, names):
        yield {name: SmallServed(name, self.store) for name in names}
        self.stopped.extend(names)


def render_hello(vertical):
    from nicegui import ui

    ui.label(f"Hello from {vertical.name}")


async def render_broken(_vertical):
    raise RuntimeError("the secret is 1234")


def render_refusing(_vertical):
    raise Unavailable("The index is being built.", "Come back in a minute.")


def shop() -> SmallVertical:
    return SmallVertical(
        "shop",
        datasets={"numbers": Dataset(name="numbers", row=Row, load=rows)},
        heads={"parity": TaskHead(name="parity", dataset="numbers", description="Even or odd", example="two")},
        pages=[
            Page(title="Chat", render=render_hello),
            Page(title="Broken", render=render_broken, path="/broken"),
            Page(title="Refusing", render=render_refusing, path="/refusing"),
        ],
        endpoints=[Endpoints(router=greeting_router())],
    )


@pytest.fixture
def host(tmp_path):
    broken = Plugin("sarcasm", state="failed", cause="ModuleNotFoundError: No module named 'irony'")
    host = SmallHost(tmp_path, [shop()], [broken])
    yield host
    host.store.close()


@pytest.fixture
def client(host):
    with TestClient(create_app(host, ["shop"], pages=False)) as client:
        yield client


@pytest.fixture
def browser(host):
    """A client that takes pages."""
    with TestClient(create_app(host, ["shop"]), headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def save_version(host):
    """Saves a version of shop/parity."""

    def save(**metrics):
        def write(folder):
            (folder / "head.safetensors").write_bytes(b"weights")

        manifest = {
            "vertical": "shop",
            "head": "parity",
            "objective": "classify",
            "plugin": "verticals-shop",
            "plugin_version": "1.2",
            "dataset_version": "v1",
            "metrics": metrics or {"accuracy": 0.9},
        }
        return host.registry.save("shop", "parity", manifest, write)

    return save


@pytest.fixture
def an_event():
    return Event(1, "shop", "feedback", {}, datetime.now(UTC))


@pytest.fixture
def errors():
    return ERRORS
