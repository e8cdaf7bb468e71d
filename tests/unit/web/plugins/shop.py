"""Answers customers of a shop."""

from contextlib import asynccontextmanager

from fastapi import APIRouter
from pydantic import BaseModel

from verticals import (
    BadInput,
    BadRows,
    Conflict,
    CurrentVertical,
    Dataset,
    Endpoints,
    EventKind,
    NotFound,
    Notice,
    Page,
    PlatformError,
    PluginError,
    Prediction,
    Predictions,
    SettingsError,
    StorageError,
    TaskHead,
    Unavailable,
    hookimpl,
)
from verticals.contract import Damaged, RowProblem

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
STOPPED = []
router = APIRouter()


class Greeting(BaseModel):
    text: str


class Echo(BaseModel):
    text: str
    by: str


@router.post("/echo")
async def echo(body: Greeting, vertical: CurrentVertical) -> Echo:
    """Say it back."""
    return Echo(text=body.text, by=vertical.name)


@router.get("/items/{item}")
async def get_item(item: str, vertical: CurrentVertical) -> Echo:
    """Name an item."""
    return Echo(text=item, by=vertical.name)


@router.get("/errors/{kind}")
async def fail(kind: str) -> None:
    """Raise one of the platform's errors."""
    raise ERRORS[kind]


@router.get("/crash")
async def crash() -> None:
    """Raise what nobody foresaw."""
    raise RuntimeError("the secret is 1234")


def rows():
    """Forty rows."""
    for number in range(40):
        yield {"text": f"text number {number}", "label": "even" if number % 2 == 0 else "odd"}


class Row(BaseModel):
    text: str
    label: str


def render_hello(vertical):
    """A page that works."""
    from nicegui import ui

    ui.label(f"Hello from {vertical.name}")


def render_order(vertical):
    """A page for each order."""
    from nicegui import ui

    ui.label(f"Order {ui.context.client.request.path_params['order']} of {vertical.name}")


async def render_mine(vertical):
    """A page that keeps tenants apart."""
    from nicegui import ui

    for event in await vertical.events.read(kinds=["message"]):
        ui.label(f"{vertical.tenant} wrote {event.payload['text']}")


async def render_broken(vertical):
    """A page that fails."""
    raise RuntimeError("the secret is 1234")


def render_refusing(vertical):
    """A page that has something to say instead."""
    raise ERRORS["unavailable"]


@hookimpl
def register_datasets():
    yield Dataset(name="numbers", row=Row, load=rows)


@hookimpl
def register_heads():
    yield TaskHead(name="parity", dataset="numbers", description="Even or odd", example="two")


@hookimpl
def notices(vertical):
    live = vertical.head("parity").live
    if live and live.version == "v2":
        yield Notice("Parity was not measured.", "Run: platform evaluate shop/parity")
    if live and live.version == "v3":
        raise RuntimeError("the secret is 1234")


@hookimpl
def register_events():
    yield EventKind(name="message")


@hookimpl
def register_endpoints():
    yield Endpoints(router=router)


@hookimpl
def register_pages():
    yield Page(title="Chat", render=render_hello)
    yield Page(title="Order", render=render_order, path="/order/{order}")
    yield Page(title="Broken", render=render_broken, path="/broken")
    yield Page(title="Refusing", render=render_refusing, path="/refusing")
    yield Page(title="Mine", render=render_mine, path="/mine", tenants=True)


@hookimpl
def predict(batch):
    """Answer without an encoder."""
    if batch.vertical != "shop":
        return None
    version = f"{batch.head}@{batch.version}"
    return Predictions([Prediction("even", 0.9, (("even", 0.9), ("odd", 0.1)), version=version) for _ in batch.inputs])


@hookimpl
def lifespan(vertical):
    @asynccontextmanager
    async def run():
        yield
        STOPPED.append(vertical.name)

    return run()
