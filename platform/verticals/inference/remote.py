"""Queue and engine from another process: several HTTP workers ask the one that computes.

Both ends belong to one platform. They speak over a Unix socket in a folder that only its user can enter, in messages of
four bytes of length and a pickle.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from verticals.contract import PlatformError, Prediction, Unavailable
from verticals.encoder import Encoder
from verticals.store import Registry

from .caller import CALLER, Caller
from .engine import Engine
from .queue import Queue

_PREDICT, _CALL, _LEAVE = "predict", "call", "leave"


class Desk:
    """Answers other processes from this one's queue and functions.

    Args:
        queue: for predictions; it has been started. That of another process would do as well.
        calls: what else may be asked for, by name; each is called in a thread.
    """

    def __init__(self, queue: Queue | RemoteQueue, calls: dict[str, Callable[..., Any]]) -> None:
        self._queue, self._calls = queue, calls
        # Of its own: those of the event loop may all wait for something that is to be done here.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="desk")

    async def open(self, path: Path) -> asyncio.Server:
        """Listen on a Unix socket."""
        return await asyncio.start_unix_server(self._connected, path)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers: dict[int, Caller] = {}
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                number, kind, arguments = await _read(reader)
                if kind == _LEAVE:
                    if number in callers:
                        callers[number].leave()
                    continue
                seconds, *rest = arguments
                callers[number] = caller = Caller(seconds)
                task = asyncio.create_task(self._answer(number, kind, rest, caller, writer))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                task.add_done_callback(lambda _, number=number: callers.pop(number, None))  # type: ignore[misc]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for caller in tuple(callers.values()):
                caller.leave()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()

    async def _answer(
        self, number: int, kind: str, arguments: list[Any], caller: Caller, writer: asyncio.StreamWriter
    ) -> None:
        CALLER.set(caller)
        try:
            if kind == _PREDICT:
                vertical, head, version, inputs, tenant, apart = arguments
                given: Any = await self._queue.predict(vertical, head, version, inputs, tenant=tenant, apart=apart)
            else:
                name, *rest = arguments
                given = await asyncio.get_running_loop().run_in_executor(self._threads, self._calls[name], *rest)
            _write(writer, (number, None, given))
        except PlatformError as error:
            _write(writer, (number, error, None))
        except Exception as error:  # noqa: BLE001 - it belongs to who asked, who may not know its class
            _write(writer, (number, RuntimeError(f"{type(error).__name__}: {error}"), None))
        with contextlib.suppress(ConnectionError):
            await writer.drain()


class RemoteQueue:
    """The queue of another process, in place of one's own `Queue`.

    Args:
        path: of the socket.
        lost: called when the other process has gone.
    """

    def __init__(self, path: Path, lost: Callable[[], None] = lambda: None) -> None:
        self._path, self._lost = path, lost
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: the other process has gone.
        """
        self._loop = asyncio.get_running_loop()
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise _gone() from error
        self._reading = asyncio.create_task(self._read(reader))

    async def stop(self) -> None:
        """Wait for what was asked, then hang up."""
        if self._pending:
            await asyncio.wait(tuple(self._pending.values()))
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def predict(
        self,
        vertical: str,
        head: str,
        version: str,
        inputs: Sequence[Any],
        *,
        tenant: str = "default",
        apart: bool = False,
    ) -> list[Prediction]:
        """As `Queue.predict`."""
        if not inputs:
            return []
        answers: list[Prediction] = await self._ask(_PREDICT, vertical, head, version, list(inputs), tenant, apart)
        return answers

    def call(self, name: str, *arguments: Any) -> Any:
        """Have the other process call one of its functions; from any thread but that of the event loop."""
        return self.wait_for(self._ask(_CALL, name, *arguments))

    def wait_for(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """The result of what is asked on the event loop, awaited in another thread."""
        if self._loop is None:
            asked.close()
            raise _gone()
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    @property
    def waiting(self) -> int:
        """Requests that wait for an answer."""
        return len(self._pending)

    async def _ask(self, kind: str, *arguments: Any) -> Any:
        if self._writer is None or self._writer.is_closing():
            raise _gone()
        caller = CALLER.get() or Caller()
        seconds = None if caller.deadline is None else max(0.0, caller.deadline - time.monotonic())
        number, answered = next(self._numbers), asyncio.get_running_loop().create_future()
        self._pending[number] = answered
        _write(self._writer, (number, kind, (seconds, *arguments)))
        caller.waits_for(answered)
        try:
            return await answered
        except asyncio.CancelledError:
            _write(self._writer, (number, _LEAVE, ()))
            if caller.gone:
                raise Unavailable("The client has gone.") from None
            raise
        finally:
            self._pending.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                number, error, given = await _read(reader)
                answered = self._pending.get(number)
                if answered is None or answered.done():
                    continue
                if error is None:
                    answered.set_result(given)
                else:
                    answered.set_exception(error)
        except (asyncio.IncompleteReadError, ConnectionError):
            for answered in self._pending.values():
                if not answered.done():
                    answered.set_exception(_gone())
            self._lost()


class RemoteEngine(Engine):
    """An engine whose answers and vectors another process computes; what is looked into is loaded here.

    Args:
        remote: where it is computed.
        registry, encoder, other, memory: see `Engine`.
    """

    def __init__(
        self,
        remote: RemoteQueue,
        registry: Registry,
        encoder: Callable[[], Encoder],
        other: Callable[[str], Encoder],
        memory: int,
    ) -> None:
        super().__init__(registry, encoder, 0, other, memory)
        self._remote = remote

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Normalised vectors of the bare encoder, float32 [n, dimension]."""
        vectors: np.ndarray = self._remote.call("embed", list(texts))
        return vectors

    def predict(self, vertical: str, head: str, version: str, inputs: Sequence[Any]) -> list[Prediction]:
        """As `Engine.predict`."""
        answers: list[Prediction] = self._remote.wait_for(self._remote.predict(vertical, head, version, inputs))
        return answers

    def warm(self, vertical: str, head: str, version: str) -> None:
        """Nothing: the other process has."""


def _gone() -> Unavailable:
    return Unavailable("The process that computes has gone.", "Try again in a moment.", 1.0)


async def _read(reader: asyncio.StreamReader) -> Any:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(size))  # noqa: S301 - from a process of one's own


def _write(writer: asyncio.StreamWriter, message: Any) -> None:
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(len(body).to_bytes(4, "big") + body)
