"""Is the process alive, and may requests come?"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals.contract import Unavailable

from .site import CurrentSite

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The process answers."""

    status: str = "alive"


class Readiness(BaseModel):
    """Every vertical is up."""

    status: str = "ready"
    verticals: list[str] = Field(examples=[["customer-service"]])


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Health:
    """Answers 200 as long as the process can answer at all."""
    return Health()


@router.get("/readyz", summary="Requests may come")
async def readyz(site: CurrentSite) -> Readiness:
    """Answers 200 between the end of starting and the begin of stopping, 503 otherwise."""
    if not site.ready:
        raise Unavailable("The server is starting or stopping.", "Ask again in a moment.")
    return Readiness(verticals=list(site.names))
