"""Turns many concurrent requests into few batches, off the event loop.

One thread computes. While it works, requests gather; when it is free it takes all that wait, up to a budget of
texts, so an idle platform answers at once and a busy one in large batches.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verticals.contract import PlatformError, Prediction, Unavailable

from .engine import Engine, Request

_WAITING = 4096
_BATCH = 256


@dataclass(slots=True)
class _Job:
    requests: list[Request]
    loop: asyncio.AbstractEventLoop
    answers: asyncio.Future[list[Prediction | PlatformError]]

    def resolve(self, answers: list[Prediction | PlatformError]) -> None:
        if not self.answers.done():
            self.answers.set_result(answers)

    def fail(self, error: BaseException) -> None:
        if not self.answers.done():
            # A future takes no StopIteration, and SystemExit would end the client's event loop.
            plain = isinstance(error, Exception) and not isinstance(error, StopIteration)
            self.answers.set_exception(error if plain else RuntimeError(f"The engine failed: {error!r}."))


class Queue:
    """The way from an event loop to the engine.

    Args:
        engine: that answers.
        waiting: inputs that may wait; more are turned away.
        batch: inputs computed together, at most (a single larger request is a batch of its own).
    """

    def __init__(self, engine: Engine, waiting: int = _WAITING, batch: int = _BATCH) -> None:
        self.engine = engine
        self._limit, self._batch = waiting, batch
        self._jobs: deque[_Job] = deque()
        self._count = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start the computing thread."""
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Answer what waits, then end the thread; new requests are turned away at once."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def predict(self, vertical: str, head: str, version: str, inputs: Sequence[Any]) -> list[Prediction]:
        """Answer inputs for one version, in their order.

        Raises:
            Unavailable: too much waits already, or the queue is stopping.
            BadInput: an input does not fit the head.
        """
        loop = asyncio.get_running_loop()
        requests = [Request(vertical, head, version, value) for value in inputs]
        job = _Job(requests, loop, loop.create_future())
        with self._changed:
            if self._closing or self._thread is None:
                raise Unavailable("The platform is stopping.", "Try again in a moment.")
            if self._jobs and self._count + len(requests) > self._limit:
                raise Unavailable(f"{self._count} inputs are waiting already.", "Try again in a second.")
            self._jobs.append(job)
            self._count += len(requests)
            self._changed.notify()
        answers = await job.answers
        for answer in answers:
            if isinstance(answer, PlatformError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Prediction)]

    @property
    def waiting(self) -> int:
        """Inputs that wait to be computed."""
        return self._count

    def _work(self) -> None:
        while jobs := self._take():
            try:
                answers = self.engine.answer([request for job in jobs for request in job.requests])
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to those who wait
                for job in jobs:
                    _tell(job, job.fail, error)
                continue
            start = 0
            for job in jobs:
                _tell(job, job.resolve, answers[start : start + len(job.requests)])
                start += len(job.requests)

    def _take(self) -> list[_Job]:
        """Wait for work, then all that fits into one batch; nothing when the queue is closed and empty."""
        taken: list[_Job] = []
        size = 0
        with self._changed:
            while not taken:
                while not self._jobs:
                    if self._closing:
                        return []
                    self._changed.wait()
                while self._jobs and (not taken or size + len(self._jobs[0].requests) <= self._batch):
                    job = self._jobs.popleft()
                    self._count -= len(job.requests)
                    if not job.answers.cancelled():  # else its client has gone
                        taken.append(job)
                        size += len(job.requests)
        return taken


def _tell(job: _Job, call: Any, value: Any) -> None:
    """Hand a result to the job's event loop, unless that has ended."""
    try:
        job.loop.call_soon_threadsafe(call, value)
    except RuntimeError:
        return
