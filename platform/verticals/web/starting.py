"""What is answered while the verticals are still starting: 503, and how far they have come."""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from verticals.contract import Progress

from . import problems
from .site import Site

_ANSWERED = ("/healthz", "/readyz", "/metrics", "/_static/")
_SECONDS = "2"
_TRY_AGAIN_LATER = 1013
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}">
<title>Starting …</title>
<link rel="stylesheet" href="/_static/platform.css">
<style>
  @media (prefers-color-scheme: dark) {{ :root {{ --paper: #151716; --ink: #ebe9e4; --muted: #a3a19a; }} }}
  body {{ margin: 0; min-height: 100vh; box-sizing: border-box; display: grid; place-content: center;
         padding: var(--gutter); background: var(--paper); color: var(--ink); font-family: var(--sans);
         line-height: 1.5; }}
  p {{ margin: 0; color: var(--muted); }}
  h1 {{ margin: 0 0 .5rem; font-size: 1.5rem; }}
</style>
</head>
<body>
<main>
<h1>{names} is starting …</h1>
<p role="status">{now}</p>
<p>This page comes back by itself.</p>
</main>
</body>
</html>
"""


class Starting:
    """Stands in front of an application, and asks who comes before its verticals are up to come again.

    Args:
        app: the application.
        site: what it serves.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site
        self._now = "The models are loaded."
        shown = site.host.on_progress

        def told(name: str, progress: Progress) -> None:
            far = f"{progress.done:,} of {progress.total:,} {progress.unit}"
            self._now = f"{name} learns from its data: {progress.stage}, {far}."
            if shown is not None:
                shown(name, progress)

        site.host.on_progress = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what can be answered already."""
        if scope["type"] == "lifespan" or self._site.served or scope["path"].startswith(_ANSWERED):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(_TRY_AGAIN_LATER, "starting")(scope, receive, send)
        else:
            await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        headers = {"Retry-After": _SECONDS, "Cache-Control": "no-store"}
        names = ", ".join(self._site.names)
        if "text/html" in request.headers.get("accept", ""):
            page = _PAGE.format(seconds=_SECONDS, names=html.escape(names), now=html.escape(self._now))
            return HTMLResponse(page, 503, headers)
        remedy = f"Ask again when /readyz answers 200. {self._now}"
        return problems.problem(503, "unavailable", f"{names} is starting.", headers=headers, remedy=remedy)
