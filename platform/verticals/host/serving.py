"""Starting and stopping verticals that serve together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from verticals.contract import Document, PlatformError, PluginError

from .served import ServedVertical
from .threads import in_thread

if TYPE_CHECKING:
    from verticals.retrieval import Changes

    from .host import Host


@asynccontextmanager
async def serving(host: Host, names: Sequence[str]) -> AsyncIterator[dict[str, ServedVertical]]:
    """See `Host.serve`."""
    verticals = [host[name] for name in dict.fromkeys(names)]
    queue = await in_thread(host.new_queue)
    async with AsyncExitStack() as running:
        await queue.start()
        running.push_async_callback(queue.stop)
        served = {vertical.name: ServedVertical(vertical, queue) for vertical in verticals}
        for vertical in served.values():
            await vertical.start()
            for lifespan in _lifespans(host, vertical):
                await _enter(running, lifespan, vertical.name)
        yield served


def calls_of(host: Host) -> dict[str, Callable[..., Any]]:
    """What the workers around this process have done here, besides predictions."""

    def open_index(vertical: str, index: str, tenant: str) -> None:
        host[vertical].index(index, tenant).count()

    def upsert(vertical: str, index: str, tenant: str, documents: list[Document]) -> Changes:
        return host[vertical].index(index, tenant).upsert(documents)

    def delete(vertical: str, index: str, tenant: str, ids: list[str]) -> int:
        return host[vertical].index(index, tenant).delete(ids)

    def reembed(vertical: str, index: str, tenant: str, force: bool) -> None:
        host[vertical].index(index, tenant).begin_reembedding(force=force)

    calls: dict[str, Callable[..., Any]] = {"open": open_index, "upsert": upsert, "delete": delete, "reembed": reembed}
    return {"embed": host.engine.embed, **calls}


def _lifespans(host: Host, vertical: ServedVertical) -> list[AbstractAsyncContextManager[None]]:
    """The vertical's own lifespan, not entered yet; other plugins' are not called."""
    try:
        lifespans: list[AbstractAsyncContextManager[None]] = host.own_hook(vertical.name, "lifespan")(vertical=vertical)
    except PlatformError:
        raise
    except Exception as error:
        raise _failed(vertical.name, error) from error
    for lifespan in lifespans:
        if not isinstance(lifespan, AbstractAsyncContextManager):
            raise PluginError(
                f"The lifespan of {vertical.name!r} gave an object of type {type(lifespan).__name__}.",
                "Return an async context manager, such as a function with @asynccontextmanager makes.",
            )
    return lifespans


async def _enter(running: AsyncExitStack, lifespan: AbstractAsyncContextManager[None], name: str) -> None:
    try:
        await running.enter_async_context(lifespan)
    except PlatformError:
        raise
    except Exception as error:
        raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> PluginError:
    return PluginError(f"The lifespan of {name!r} failed: {type(error).__name__}: {error}.", "Correct the plugin.")
