"""Several processes that speak HTTP, around one that computes.

The first process loads the versions, owns the encoder and writes the indexes. Each worker is a whole application on the
same home and the same socket, with its queue and its engine at the other end of a Unix socket. They serve the API only:
a page lives in the process that made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pickle
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from verticals.contract import PlatformError, Unavailable
from verticals.host.addresses import announced

from .server import GRACE_SECONDS, STOPPING, Captured, listen, serve_on, url

if TYPE_CHECKING:
    from verticals.host import Host, Settings

_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_PAUSE_SECONDS = 0.2


def serve_by_workers(
    host: Host,
    names: Sequence[str],
    address: str,
    port: int,
    workers: int,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the API of verticals by several processes until SIGINT or SIGTERM; see `verticals.web.server.serve`.

    A worker that dies is begun again.

    Raises:
        Conflict, SettingsError: see `verticals.web.server.serve`.
        Unavailable: a worker dies before it serves.
    """
    with listen(address, port) as listening, contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_supervised(host, names, listening, workers, ready))


async def _supervised(
    host: Host, names: Sequence[str], listening: socket.socket, workers: int, ready: Callable[[str], None] | None
) -> None:
    from verticals.host.serving import calls_of
    from verticals.inference import Desk

    serving, loop = cast("asyncio.Task[None]", asyncio.current_task()), asyncio.get_running_loop()

    def stop(sig: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(serving.cancel)

    with Captured(dict.fromkeys(STOPPING, stop)), tempfile.TemporaryDirectory(prefix="platform-") as folder:
        async with host.serve(names):
            queue = host.new_queue()
            await queue.start()
            desk = Desk(queue, calls_of(host))
            path = Path(folder) / "engine"
            async with await desk.open(path):
                order = _Order(_plain(host.settings), tuple(names), path, listening.fileno(), Path(folder))
                begun = [asyncio.Event() for _ in range(workers)]
                running = [asyncio.create_task(_kept(order, one)) for one in begun]
                all_begun: asyncio.Future[Any] = asyncio.gather(*(one.wait() for one in begun))
                try:
                    await asyncio.wait([*running, all_begun], return_when=asyncio.FIRST_COMPLETED)
                    if ready is not None and all_begun.done():
                        ready(url(listening))
                    with announced(host.home, url(listening)):
                        await asyncio.gather(*running)
                finally:
                    all_begun.cancel()
                    for one in running:
                        one.cancel()
                    await asyncio.gather(all_begun, *running, return_exceptions=True)
                    await queue.stop()


@dataclasses.dataclass(frozen=True)
class _Order:
    """What a worker is told.

    Args:
        settings: of the host, as plain values.
        names: of the verticals.
        engine: socket of the process that computes.
        listening: number of the socket that listens.
        metrics: folder where all workers count.
    """

    settings: dict[str, Any]
    names: tuple[str, ...]
    engine: Path
    listening: int
    metrics: Path


async def _kept(order: _Order, begun: asyncio.Event) -> None:
    """Keep one worker running, and tell when it serves; ends by being cancelled, or if it dies before it serves."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            pass_fds=[order.listening], env={**os.environ, _METRICS: str(order.metrics)}, start_new_session=True,
        )  # fmt: skip
        given, told = cast(asyncio.StreamWriter, process.stdin), cast(asyncio.StreamReader, process.stdout)
        try:
            given.write(pickle.dumps(order))
            given.close()
            if not await told.readline():
                raise Unavailable("A worker ended before it served.", "Its own message stands above.")
            begun.set()
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(process.wait(), GRACE_SECONDS + 5)
            if process.returncode is None:
                process.kill()
        await asyncio.sleep(_PAUSE_SECONDS)  # one that is killed again and again must not keep a core busy


def _plain(settings: Settings) -> dict[str, Any]:
    values = {one.name: getattr(settings, one.name) for one in dataclasses.fields(settings)}
    return {name: _unwrapped(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _unwrapped(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in mapping.items()}


def main() -> None:
    """A worker: serve as told on the standard input, until SIGTERM or until the process that computes has gone."""
    order: _Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    from verticals.host import Host, Settings
    from verticals.inference import RemoteQueue

    from .app import create_app

    def lost() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with Host(Settings(**order.settings)) as host, socket.socket(fileno=order.listening) as listening:
        host.elsewhere = RemoteQueue(order.engine, lost)

        def ready(_: str) -> None:
            os.write(1, b"ready\n")

        try:
            serve_on(listening, create_app(host, order.names, pages=False), ready, early=False)
        except PlatformError as error:
            sys.stderr.write(f"A worker ended: {error}\n")
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
