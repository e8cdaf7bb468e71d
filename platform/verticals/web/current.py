"""How an endpoint of a plugin gets its vertical."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from .site import current_site

if TYPE_CHECKING:
    from verticals.host import ServedVertical


def bound_to(name: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """A dependency that says which vertical the router it stands on belongs to."""

    async def bind(connection: HTTPConnection) -> None:
        connection.state.vertical = name

    return bind


async def current_vertical(connection: HTTPConnection) -> ServedVertical:
    """The running vertical whose router got the request.

    Raises:
        Unavailable: it is still starting, or already stopping.
    """
    return (await current_site(connection)).running(connection.state.vertical)


if TYPE_CHECKING:
    CurrentVertical = Annotated[ServedVertical, Depends(current_vertical)]
else:
    # FastAPI reads annotations at run time; what a dependency gives needs no type there.
    CurrentVertical = Annotated[Any, Depends(current_vertical)]
