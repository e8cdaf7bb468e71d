"""A plugin that holds the contract, to be broken in one place at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from verticals.testing.check import Result, Subject, run_one

GOOD = '''"""Tea or coffee."""
from pydantic import BaseModel, Field

from verticals import Dataset, Endpoints, Page, TaskHead, hookimpl

# at the top


class Wish(BaseModel):
    text: str = Field(min_length=1)
    drink: str


def load():
    for number in range(16):
        yield {"text": f"A cup of green tea at table {number}, please", "drink": "tea"}
        yield {"text": f"One more espresso for guest number {number}", "drink": "coffee"}
    # more rows


def make_router():
    from fastapi import APIRouter
    from fastapi.responses import JSONResponse
    from verticals import CurrentVertical

    class Asked(BaseModel):
        text: str = Field(examples=["An espresso"])

    class Said(BaseModel):
        drink: str | None
        confidence: float

    async def taste(body: Asked, vertical: CurrentVertical) -> Said:
        prediction = await vertical.head("drink").predict(body.text)
        return Said(drink=prediction.label, confidence=prediction.confidence)

    router = APIRouter()
    router.post("/taste")(taste)
    return router


def __getattr__(name):
    if name == "router":
        return make_router()
    raise AttributeError(name)


def page(vertical):
    from verticals.web import ui

    ui.heading("Tea or coffee")


@hookimpl
def register_datasets():
    yield Dataset(name="wishes", row=Wish, load=load)


@hookimpl
def register_heads():
    yield TaskHead(name="drink", dataset="wishes", target="drink", labels=("tea", "coffee"), example="A latte")


@hookimpl
def register_endpoints():
    yield Endpoints(router=f"{__name__}:router")


@hookimpl
def register_pages():
    yield Page(title="Drinks", render=page)
'''

Broken = Callable[..., Subject]


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Broken]:
    """The good plugin with some of its lines replaced, as the subject of a check."""
    opened: list[Subject] = []

    def make(*replacements: tuple[str, str]) -> Subject:
        source = GOOD
        for old, new in replacements:
            assert old in source
            source = source.replace(old, new)
        path = tmp_path / "drinks.py"
        path.write_text(source, encoding="utf-8")
        opened.append(Subject(str(path)).__enter__())
        return opened[-1]

    yield make
    for subject in opened:
        subject.__exit__(None, None, None)


@pytest.fixture
def failures() -> Callable[[str, Subject], list[Result]]:
    """Runs one check and gives what failed."""

    def run(check: str, subject: Subject) -> list[Result]:
        return [result for result in run_one(check, subject) if result.status == "failed"]

    return run
