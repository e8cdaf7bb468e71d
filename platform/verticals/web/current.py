"""How an endpoint of a plugin gets its vertical."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from fastapi.exceptions import HTTPException
from starlette.requests import HTTPConnection

from .site import DEFAULT_TENANT, current_site, tenant_of

if TYPE_CHECKING:
    from verticals.host import ServedVertical


def bound_to(name: str, *, tenants: bool) -> Callable[[HTTPConnection], Awaitable[None]]:
    """A dependency that says which vertical the router it stands on belongs to.

    Args:
        name: of the vertical.
        tenants: whether the router keeps tenants apart; else it answers the default one only.
    """

    async def bind(connection: HTTPConnection) -> None:
        if not tenants and tenant_of(connection) != DEFAULT_TENANT:
            raise HTTPException(403, f"/v1/{name} is for keys of the tenant {DEFAULT_TENANT!r}.")
        connection.state.vertical = name

    return bind


async def current_vertical(connection: HTTPConnection) -> ServedVertical:
    """The running vertical whose router got the request, with the data of the tenant that asks.

    Raises:
        Unavailable: it is still starting, or already stopping.
    """
    return (await current_site(connection)).running(connection.state.vertical)


if TYPE_CHECKING:
    CurrentVertical = Annotated[ServedVertical, Depends(current_vertical)]
else:
    # FastAPI reads annotations at run time; what a dependency gives needs no type there.
    CurrentVertical = Annotated[Any, Depends(current_vertical)]
