"""Puts the pages of one application into place.

NiceGUI keeps its pages in one object per process. So a page function here holds nothing: it asks the request which
application it came through, and an application made later in the same process takes the paths over without harm.
"""

from __future__ import annotations

import inspect
import logging
import uuid
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import HTTPException
from nicegui import Client, ui
from nicegui import app as nicegui_app
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import Response

from verticals.contract import Page, PlatformError, resolve
from verticals.web import problems
from verticals.web.api.verticals import page_path
from verticals.web.later import APP, SITE
from verticals.web.site import DEFAULT_TENANT, Site, site_for

from . import frame, home, indexes, reference, runs
from .asked import Asked

if TYPE_CHECKING:
    from verticals.host.served import ServedVertical

STATIC = Path(__file__).parent.parent / "static"
_OWN = ("/", "/docs", "/runs", "/indexes", "/indexes/{vertical}/{index}")
_RESPONSE_SECONDS = 30.0
_log = logging.getLogger("verticals.web")


def mount(app: FastAPI, site: Site) -> None:
    """Mount the platform's pages and the verticals' pages on ``app``; they are up while its lifespan lasts."""
    # NiceGUI looks through all objects for its server, and torch warns of one of its own that is looked at.
    warnings.filterwarnings("ignore", message=".*reduce_op", category=FutureWarning)
    nicegui_app.middleware_stack = None
    nicegui_app.user_middleware.clear()
    nicegui_app.colors(
        primary="var(--accent)",
        positive="var(--success)",
        negative="var(--error)",
        dark="var(--surface)",
        dark_page="var(--paper)",
    )
    nicegui_app.add_exception_handler(404, _not_found)
    for path in (*_OWN, *(page_path(v.name, page.path) for v in site.verticals for page in v.pages)):
        ui.page(path, response_timeout=_RESPONSE_SECONDS)(_show)
    ui.run_with(
        app,
        title="Verticals",
        favicon=STATIC / "favicon.svg",
        dark=None,
        language="en-US",
        show_welcome_message=False,
        gzip_middleware_factory=None,
    )


async def _show(request: Request) -> None:
    """Any page: find out which one it is, and build it inside the frame."""
    site = site_for(request, request.scope[SITE])
    path = request.scope["path"].rstrip("/") or "/"
    if path == "/" and site.tenant != DEFAULT_TENANT:
        await _framed(site, path, "Overview", lambda: home.render_of_tenant(site))
        return
    if path == "/":
        await _framed(site, path, "Overview", lambda: home.render(site))
        return
    if path == "/docs":
        schema, base = request.scope[APP].openapi(), f"{request.url.scheme}://{request.url.netloc}"
        titles = {vertical.name: vertical.title for vertical in site.verticals}
        await _framed(site, path, "API", lambda: reference.render(schema, base, titles))
        return
    if path == "/runs" and site.tenant != DEFAULT_TENANT:
        await _framed(site, path, "Runs", frame.refused, status=403)
        return
    if path == "/runs":
        asked = request.query_params
        await _framed(site, path, "Runs", lambda: runs.render(site, asked.getlist("run"), trials="trials" in asked))
        return
    if path == "/indexes":
        await _framed(site, path, "Indexes", lambda: indexes.render_all(site))
        return
    if path.startswith("/indexes/"):
        place, wanted = request.path_params, Asked.of(request.query_params)
        build = partial(indexes.render, site, place["vertical"], place["index"], wanted)
        await _framed(site, path, place["index"], build)
        return
    vertical, page = _find(site, request.scope["route"].path)
    if not site.shows(page):
        await _framed(site, path, page.title, frame.refused, status=403)
        return
    running = site.running(vertical)
    language = _language(page, running)
    await _framed(site, path, page.title, lambda: resolve(page.render)(running), vertical, language=language)


def _find(site: Site, path: str) -> tuple[str, Page]:
    """The page that was put at a path, whose parameters stand in it as they were declared."""
    for vertical in site.verticals:
        for page in vertical.pages:
            if page_path(vertical.name, page.path) == path:
                return vertical.name, page
    raise HTTPException(404, f"There is no page at {path}.")


def _language(page: Page, running: ServedVertical) -> str:
    """Which language a page speaks; a fault in telling it is for the log, and costs only the words around the page."""
    try:
        return str(resolve(page.language)(running)) if page.language else "en"
    except Exception as error:  # noqa: BLE001 - the plugin's
        _log.error("language of page %s: %s: %s", page.title, type(error).__name__, error, exc_info=error)
        return "en"


async def _framed(
    site: Site,
    path: str,
    title: str,
    build: Callable[[], Awaitable[None] | None],
    vertical: str = "",
    *,
    language: str = "en",
    status: int = 200,
) -> None:
    """Build a page; when that fails, say so in its place, and keep the trace for the log."""
    client = ui.context.client
    client.title, client.status_code = f"{title} · Verticals", status
    with frame.frame(site, path, vertical, language) as content:
        try:
            built = build()
            if inspect.isawaitable(built):
                await built
        except PlatformError as error:
            client.status_code = error.status
            content.clear()
            frame.failed(error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - a page's fault must not take the frame with it
            client.status_code = 500
            trace_id = uuid.uuid4().hex
            _log.error("trace %s: page %s: %s: %s", trace_id, path, type(error).__name__, error, exc_info=error)
            content.clear()
            frame.failed("This page could not be built.", f"Look for trace {trace_id} in the server's log.")


async def _not_found(request: Request, error: Exception) -> Response:
    """A path that is no page: a page for people, a problem for programs."""
    if not isinstance(error, StarletteHTTPException) or "text/html" not in request.headers.get("accept", ""):
        return problems.http_error(request, error)
    with Client(ui.page(""), request=request) as client:
        client.title = "Not found · Verticals"
        with frame.frame(site_for(request, request.scope[SITE]), request.scope["path"], ""):
            frame.missing(request.scope["path"])
    return client.build_response(request, 404)
