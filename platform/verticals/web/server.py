"""Runs one application until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from verticals.contract import Conflict, SettingsError
from verticals.host.addresses import announced

from .app import create_app
from .site import Site
from .starting import Starting

if TYPE_CHECKING:
    from fastapi import FastAPI

    from verticals.host import Host

GRACE_SECONDS = 10
STOPPING = (signal.SIGINT, signal.SIGTERM)


def serve(
    host: Host,
    names: Sequence[str],
    address: str = "127.0.0.1",
    port: int = 8000,
    *,
    pages: bool = True,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve verticals until SIGINT or SIGTERM; then let requests end, for ten seconds at most, and stop.

    Args:
        host: an open host.
        names: of the verticals.
        address: to listen on; other machines can connect only if it is not the default.
        port: to listen on; 0 takes a free one.
        pages: serve pages too, not the API alone.
        ready: called with the URL once requests may come.

    Raises:
        Conflict: the port is in use.
        SettingsError: the address or port cannot be listened on.
    """
    # A signal while the verticals are still starting cancels the start; there is nothing more to say then.
    with listen(address, port) as listening, contextlib.suppress(asyncio.CancelledError):
        serve_on(listening, create_app(host, names, pages=pages), ready)


def serve_on(
    listening: socket.socket, app: FastAPI, ready: Callable[[str], None] | None = None, *, early: bool = True
) -> None:
    """Serve an application of `create_app` on a bound socket, as `serve` does.

    Args:
        listening: the socket.
        app: the application.
        ready: called with the URL once requests may come.
        early: answer while the verticals are still starting: 503, and how far the start is. Where others answer on
            the same socket, better not.
    """
    config = uvicorn.Config(
        Starting(app, app.state.site),
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:  # uvloop's, where it is installed
        runner.run(_serve(app, config, listening, ready, early))


async def _serve(
    app: FastAPI, config: uvicorn.Config, listening: socket.socket, ready: Callable[[str], None] | None, early: bool
) -> None:
    server = _Server(config, app.state.site)
    with server.signals():
        try:
            if early:
                await server.answers(listening)
            # Entered here, not by uvicorn: what fails while starting then reaches the caller as it was raised.
            async with app.router.lifespan_context(app):
                serving = await server.answers(listening)
                server.running = True
                # What the start has made stays: full collections, for which requests wait, pass it over from now on.
                gc.collect()
                gc.freeze()
                with announced(app.state.site.host.home, url(listening)):
                    if ready is not None:
                        ready(url(listening))
                    await serving
        finally:
            await server.ended()


class _Server(uvicorn.Server):
    """uvicorn, but answers while the verticals are still starting, and stops being ready before anything else stops."""

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site
        self._listens = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self.running = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:  # another process began to listen between our bind and now
            address, port = (sockets or [])[0].getsockname()[:2]
            raise _explained(error, address, port) from error
        self._listens.set()

    async def answers(self, listening: socket.socket) -> asyncio.Task[None]:
        """Begin to answer, where that was not done yet: the task that ends with it. Raises what keeps it from that."""
        if self._serving is None:
            self._serving = asyncio.create_task(self.serve(sockets=[listening]))
        listens = asyncio.create_task(self._listens.wait())
        await asyncio.wait({self._serving, listens}, return_when=asyncio.FIRST_COMPLETED)
        listens.cancel()
        if self._serving.done():
            self._serving.result()
        return self._serving

    async def ended(self) -> None:
        """Let requests end, and stop."""
        self.should_exit = True
        if self._serving is not None:
            await self._serving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._site.ready = False
        super().handle_exit(sig, frame)

    def capture_signals(self) -> Captured:  # type: ignore[override]
        """Nothing: `signals` has them already, from before the verticals start until after they have stopped."""
        return Captured({})

    def signals(self) -> Captured:
        """While starting, a signal cancels the start; while serving, it ends serving."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop(sig: int, frame: FrameType | None) -> None:
            if self.running:
                self.handle_exit(sig, frame)
            elif task is not None:
                loop.call_soon_threadsafe(task.cancel)

        return Captured(dict.fromkeys(STOPPING, stop))


class Captured:
    """Signal handlers for the length of a block; only the main thread can set them."""

    def __init__(self, handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]) -> None:
        self._handlers = handlers if threading.current_thread() is threading.main_thread() else {}

    def __enter__(self) -> None:
        self._former = {sig: signal.signal(sig, handler) for sig, handler in self._handlers.items()}

    def __exit__(self, *_: object) -> None:
        for sig, handler in self._former.items():
            signal.signal(sig, handler)


def listen(address: str, port: int) -> socket.socket:
    """A socket bound to the address and port.

    Raises:
        Conflict: the port is in use.
        SettingsError: the address is not one of this machine, or the port may not be used.
    """
    if not 0 <= port <= 65535:  # the operating system would take the remainder
        raise SettingsError(f"{port} is no port.", "Choose one from 1 to 65535 with --port, or 0 for a free one.")
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SettingsError(
            f"{address!r} is not an address to listen on.", "Use 127.0.0.1, or 0.0.0.0 for all networks."
        ) from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
    except OSError as error:
        listening.close()
        raise _explained(error, address, port) from error
    return listening


def _explained(error: OSError, address: str, port: int) -> Conflict | SettingsError:
    number = error.errno
    if number == errno.EADDRINUSE:
        return Conflict(f"Port {port} on {address} is in use.", f"Choose another one, for example --port {port + 1}.")
    if number == errno.EACCES:
        return SettingsError(f"Port {port} may not be used by this user.", "Choose one above 1023 with --port.")
    if number == errno.EADDRNOTAVAIL:
        return SettingsError(f"{address} is no address of this machine.", "Use 127.0.0.1, or 0.0.0.0 for all networks.")
    return SettingsError(
        f"Port {port} on {address} cannot be used: {error.strerror}.", "Choose another --host or --port."
    )


def url(listening: socket.socket) -> str:
    """Where a browser on this machine finds what listens there."""
    address, port = listening.getsockname()[:2]
    shown = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address  # noqa: S104
    return f"http://{shown}:{port}"
