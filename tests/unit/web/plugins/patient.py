"""A vertical that is up only when a file is there; `broken` in the file makes its start fail."""

import asyncio
import contextlib
import os

import anyio

from verticals import EventKind, hookimpl


@hookimpl
def register_events():
    yield EventKind(name="message")


@hookimpl
def lifespan(vertical):
    @contextlib.asynccontextmanager
    async def run():
        gate = anyio.Path(os.environ["PATIENT_GATE"])
        while not await gate.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.02)
        if await gate.read_text() == "broken":
            raise RuntimeError("the gate is broken")
        yield

    return run()
