"""The pages, put into place once the verticals are up: NiceGUI takes most of a second to import."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from . import problems
from .site import Site

SITE, APP = "verticals.site", "verticals.app"
_API = ("/v1/", "/v1", "/healthz", "/readyz", "/metrics", "/openapi.json", "/_static")
_log = logging.getLogger("verticals.web")


class Pages(Mount):
    """All that is not the API; tells pages which site they belong to.

    Args:
        app: the application that they are pages of.
        site: what it serves.
    """

    def __init__(self, app: FastAPI, site: Site) -> None:
        super().__init__("/", app=self._answer)
        self._known = {SITE: site, APP: app}
        self._site = site
        self._placed: asyncio.Task[ASGIApp] | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for a page."""
        if scope.get("path", "").startswith(_API):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return match, {**child, **self._known}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Put the pages into place within the block, beside what else is done; who asks for one meanwhile waits."""
        async with contextlib.AsyncExitStack() as stack:
            self._placed = asyncio.create_task(self._place(stack))
            self._placed.add_done_callback(_told)
            try:
                yield
            finally:
                await asyncio.wait([self._placed])

    async def _place(self, stack: contextlib.AsyncExitStack) -> ASGIApp:
        pages = await asyncio.to_thread(importlib.import_module, "verticals.web.pages")
        app = FastAPI(openapi_url=None)
        pages.mount(app, self._site)
        await stack.enter_async_context(app.router.lifespan_context(app))
        return app

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._placed is None:
            await problems.problem(503, "unavailable", "The verticals are not running.")(scope, receive, send)
            return
        await (await asyncio.shield(self._placed))(scope, receive, send)


def _told(placed: asyncio.Task[ASGIApp]) -> None:
    if not placed.cancelled() and (error := placed.exception()) is not None:
        _log.error("The pages could not be put into place: %s", error, exc_info=error)
