"""Turns many concurrent requests into few batches, off the event loop.

One thread computes what reads the shared encoder, another what computes by itself (a head that writes text takes
seconds). While a thread works, requests gather; when it is free it takes the next of them by fair shares, as many as
it computes in a moment: an idle platform answers at once, a busy one in large batches, and nobody waits for others
for long.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verticals.contract import PlatformError, Prediction, TooLate, TooMany, Unavailable

from .caller import CALLER, Caller
from .engine import Engine, Request
from .shares import Shares
from .threads import Threads

_log = logging.getLogger("verticals.inference")
_WAITING = 4096
_BATCH_TOKENS = 1 << 15
_FIRST_TOKENS = 64  # before it is known how long anything takes
# Who comes while a batch is computed waits for it, and then for its own: so a batch takes so many seconds, yet at least
# so many tokens. A CPU needs 0.01 s for a single short text, and 0.03 s for four.
_ALONE, _SHARED = (0.04, 256), (0.02, 64)
# Who asks several heads and searches at once has asked within so many rounds of the event loop; so all of it comes into
# one batch, and not the first of it into one of its own.
_ROUNDS = 3
_BUSY_SECONDS = 1.0  # for which it is remembered that requests came faster than they were answered
_SHARED_SECONDS = 1.0  # for which it is remembered that several tenants asked
_BYTES_PER_TOKEN, _LEAST = 4, 2


@dataclass(eq=False, slots=True)
class _Job:
    """One request of several inputs, whose answers arrive one by one."""

    requests: list[Request]
    loop: asyncio.AbstractEventLoop
    answered: asyncio.Future[list[Prediction | PlatformError]]
    deadline: float | None
    answers: dict[int, Prediction | PlatformError] = field(default_factory=dict)

    @property
    def given_up(self) -> bool:
        return self.answered.done()

    def tell(self) -> None:
        self._call(self._resolve, [self.answers[place] for place in range(len(self.requests))])

    def fail(self, error: BaseException) -> None:
        # A future takes no StopIteration, and SystemExit would end the client's event loop.
        plain = isinstance(error, Exception) and not isinstance(error, StopIteration)
        self._call(self._fail, error if plain else RuntimeError(f"The engine failed: {error!r}."))

    def _call(self, call: Callable[[Any], None], value: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(call, value)
        except RuntimeError:  # the job's event loop has ended
            return

    def _resolve(self, answers: list[Prediction | PlatformError]) -> None:
        if not self.answered.done():
            self.answered.set_result(answers)

    def _fail(self, error: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)


_Item = tuple[_Job, int]  # the job, and which of its requests


class Queue:
    """The way from an event loop to the engine.

    Args:
        engine: that answers.
        waiting: inputs that may wait; more are turned away, and of one tenant's more than half as many.
        tokens: of inputs computed together, at most and by estimate (a single longer input is a batch of its own).
        patience: seconds after which nobody waits for an answer any more, unless the caller says otherwise.
    """

    def __init__(
        self, engine: Engine, waiting: int = _WAITING, tokens: int = _BATCH_TOKENS, patience: float = 60.0
    ) -> None:
        self.engine, self.patience = engine, patience
        self._lanes = {apart: _Lane(engine, waiting, tokens, name) for apart, name in _LANES.items()}

    async def start(self) -> None:
        """Start the computing threads."""
        for lane in self._lanes.values():
            lane.start()

    async def stop(self) -> None:
        """Answer what waits, then end the threads; new requests are turned away at once."""
        for lane in self._lanes.values():
            lane.close()
        for lane in self._lanes.values():
            await asyncio.to_thread(lane.join)

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
        """Answer inputs for one version, in their order.

        Args:
            vertical, head, version: what answers.
            inputs: as the head takes them.
            tenant: whose they are; each gets its share.
            apart: whether the head computes by itself, without the encoder.

        Raises:
            TooMany: the tenant has too much waiting already.
            Unavailable: too much waits already, or the queue is stopping.
            TooLate: it was not this request's turn in time.
            BadInput: an input does not fit the head.
        """
        if not inputs:
            return []
        loop = asyncio.get_running_loop()
        caller = CALLER.get() or Caller()
        deadline = time.monotonic() + self.patience if caller.deadline is None else caller.deadline
        requests = [Request(vertical, head, version, value) for value in inputs]
        job = _Job(requests, loop, loop.create_future(), deadline)
        self._lanes[apart].put(tenant, job)
        caller.waits_for(job.answered)  # type: ignore[arg-type] # a future of anything is meant
        try:
            answers = await job.answered
        except asyncio.CancelledError:
            if caller.gone:
                raise Unavailable("The client has gone.") from None
            raise
        for answer in answers:
            if isinstance(answer, PlatformError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Prediction)]

    @property
    def waiting(self) -> int:
        """Inputs that wait to be computed."""
        return sum(lane.waiting for lane in self._lanes.values())


_LANES: Mapping[bool, str] = {False: "inference", True: "inference apart"}


class _Lane:
    """One thread that computes, and what waits for it."""

    def __init__(self, engine: Engine, limit: int, tokens: int, name: str) -> None:
        self._engine, self._limit, self._tokens, self._name = engine, limit, tokens, name
        self._shares: Shares[_Item] = Shares()
        self._changed = threading.Condition()
        self._open = False
        self._thread: threading.Thread | None = None
        self._rate = 0.0  # tokens a second, of late
        self._shared_until = self._busy_until = 0.0
        self._taken: list[_Item] = []
        self._threads = Threads()

    @property
    def waiting(self) -> int:
        with self._changed:
            return len(self._shares)

    def start(self) -> None:
        self._open = True
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def put(self, tenant: str, job: _Job) -> None:
        """Let a job wait; see `Queue.predict` for what is raised."""
        items = [((job, place), estimated_tokens(request.value)) for place, request in enumerate(job.requests)]
        with self._changed:
            if not self._open:
                raise Unavailable("The platform is stopping.", "Try again in a moment.")
            own, all_ = self._shares.of(tenant), len(self._shares)
            if own and own + len(items) > self._limit // 2:
                raise TooMany(f"{own} inputs of yours are waiting already.", "Send fewer at once.", self._seconds())
            if all_ and all_ + len(items) > self._limit:
                raise Unavailable(f"{all_} inputs are waiting already.", "Try again later.", self._seconds())
            self._shares.put(tenant, items)
        job.loop.call_soon(self._wake, job.loop, _ROUNDS)

    def _wake(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        """Have the thread look for work, after so many more rounds of the event loop."""
        if rounds:
            loop.call_soon(self._wake, loop, rounds - 1)
            return
        with self._changed:
            self._changed.notify()

    def _seconds(self) -> float:
        """Until what waits is computed, at the rate of late."""
        return self._shares.cost / self._rate if self._rate else 1.0

    def _run(self) -> None:
        """Work until the lane is closed; a fault in the work itself costs what was in work, and no more."""
        while True:
            try:
                self._work()
            except BaseException:  # noqa: BLE001 - whatever it is, those who come later must be answered
                _log.exception("%s: the work was begun again", self._name)
                for job in _jobs(self._taken):
                    job.fail(Unavailable("The engine was started again.", "Try again in a moment.", 1.0))
                time.sleep(0.1)  # a fault that comes again at once must not keep a core busy
            else:
                return

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            items = self._taken = [item for item, _ in taken if not self._late(item)]
            if not items:
                continue
            began = time.perf_counter()
            try:
                with self._threads.chosen(busy=time.monotonic() < self._busy_until):
                    answers = self._engine.answer([job.requests[place] for job, place in items])
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to those who wait
                for job in _jobs(items):
                    job.fail(error)
                continue
            for (job, place), answer in zip(items, answers, strict=True):
                job.answers[place] = answer
            for job in _jobs(items):
                if len(job.answers) == len(job.requests):
                    job.tell()
            rate = sum(cost for _, cost in taken) / max(1e-6, time.perf_counter() - began)
            self._rate = 0.8 * self._rate + 0.2 * rate if self._rate else rate

    def _take(self) -> list[tuple[_Item, int]] | None:
        """Wait for work, then the next batch; `None` when the lane is closed and empty."""
        with self._changed:
            if len(self._shares):  # it came while the last batch was computed
                self._busy_until = time.monotonic() + _BUSY_SECONDS
            while not (taken := self._shares.take(self._budget())):
                if not self._open:
                    return None
                self._changed.wait()
        return taken

    def _budget(self) -> int:
        """Tokens that are computed in a moment, at the rate of late: a shorter one where several tenants ask."""
        now = time.monotonic()
        if self._shares.tenants > 1:
            self._shared_until = now + _SHARED_SECONDS
        seconds, least = _SHARED if now < self._shared_until else _ALONE
        wanted = max(least, int(self._rate * seconds)) if self._rate else _FIRST_TOKENS
        return min(self._tokens, wanted)

    def _late(self, item: _Item) -> bool:
        """Whether nobody waits for it any more; one whose time is over is told so."""
        job, _ = item
        if job.given_up:
            return True
        if job.deadline is None or time.monotonic() < job.deadline:
            return False
        job.fail(TooLate("It was not this request's turn in time.", "Try again later, or wait longer."))
        return True


def estimated_tokens(value: Any) -> int:
    """Tokens that an input has, about: to read it properly is for the thread that computes."""
    if isinstance(value, str):
        return _LEAST + len(value.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN
    if isinstance(value, Mapping):
        return sum(map(estimated_tokens, value.values()), _LEAST)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return sum(map(estimated_tokens, value), _LEAST)
    return _LEAST


def _jobs(items: Sequence[_Item]) -> Iterable[_Job]:
    return dict.fromkeys(job for job, _ in items)
