"""The platform's own API, under ``/v1/platform``: what there is, what was trained, what happened.

Handlers that read the database or the disk are plain functions, which the framework runs in threads; only what
awaits a vertical is a coroutine. So nothing here computes on the event loop.
"""

from fastapi import APIRouter

from . import datasets, documents, events, feedback, files, heads, indexes, runs, verticals

# A request is matched with one route after the other: what is asked most comes first.
router = APIRouter(prefix="/v1/platform", tags=["platform"])
for _part in (heads, indexes, documents, files, verticals, runs, datasets, events, feedback):
    router.include_router(_part.router)

__all__ = ["router"]
