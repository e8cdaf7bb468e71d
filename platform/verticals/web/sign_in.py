"""Before the pages: where the API needs a key, they ask for one, and show that key's tenant.

The key is kept as a cookie that no script can read and no other site can use. It is looked up with each request, and
with each message of a page that is open, so that a key which was revoked opens nothing more after a second.
"""

from __future__ import annotations

import html
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from verticals.contract import PlatformError

from .keys import KnownKeys, bearer
from .problems import platform_error, problem
from .site import TENANT

COOKIE = "verticals_key"
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
_OPEN = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/_static/", "/favicon.ico")
_DAYS = 30
_LONGEST = 4_096  # bytes of a form that are read
_POLICY = 1008  # RFC 6455: closed for a reason of policy
_WRONG = "This key does not hold: it is mistyped, or was revoked. Which hold, platform key list shows on the server."
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Verticals</title>
<script src="/_static/platform.js"></script>
<link rel="icon" href="/_static/favicon.svg">
<link rel="stylesheet" href="/_static/platform.css">
</head>
<body class="p-sign-in">
<main>
<p class="p-brand"><span class="p-mark" aria-hidden="true"><i></i><i></i><i></i></span> Verticals</p>
<form method="post" action="/sign-in">
<h1>Sign in</h1>
<p class="p-muted" id="about">These pages need a key of the API. It decides whose data you see.</p>
{told}
<label for="key">Key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false"
 placeholder="vk_…" aria-describedby="about{described}"{invalid}>
<input type="hidden" name="next" value="{after}">
<button type="submit" class="p-button">Sign in</button>
<p class="p-muted p-small">You have none? Who runs this server makes one: <code>platform key create</code></p>
</form>
</main>
</body>
</html>
"""


class SignIn:
    """Pure ASGI middleware: shows pages to who has signed in with a key that holds, and notes that key's tenant.

    Args:
        app: the application behind.
        known: the keys that count; while there is none, pages are open.
    """

    def __init__(self, app: ASGIApp, known: KnownKeys) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        try:
            needed, tenant = await self._known.needed(), await self._known.tenant(_key(scope))
        except PlatformError as error:
            if scope["type"] == "http":
                await platform_error(Request(scope), error)(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": _POLICY})
            return
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        elif scope["path"] in (SIGN_IN, SIGN_OUT):
            await (await self._signing(Request(scope, receive), needed))(scope, receive, send)
        elif needed and tenant is None:
            await _asked(Request(scope))(scope, receive, send)
        else:
            if tenant is not None:
                scope.setdefault("state", {})[TENANT] = tenant
            await self._app(scope, receive, send)

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page that is open: it hears nothing of who may not, or no longer, see it."""
        if not await self._may(scope):
            await send({"type": "websocket.close", "code": _POLICY})
            return

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not await self._may(scope):
                await send({"type": "websocket.close", "code": _POLICY})
                return {"type": "websocket.disconnect", "code": _POLICY}
            return message

        await self._app(scope, heard, send)

    async def _may(self, scope: Scope) -> bool:
        return not await self._known.needed() or await self._known.tenant(_key(scope)) is not None

    async def _signing(self, request: Request, needed: bool) -> Response:
        """The form, or what comes of it."""
        posted = request.method == "POST"
        if request.url.path == SIGN_OUT:
            gone = RedirectResponse(SIGN_IN if needed else "/", 303)
            if posted:
                gone.delete_cookie(COOKIE, httponly=True, samesite="lax")
            return gone
        form = await _form(request) if posted else {}
        after = _local(form.get("next") or request.query_params.get("next", "/"))
        if not needed:
            return RedirectResponse(after, 303)
        if not posted:
            return _page(after, 200)
        key = form.get("key", "").strip()
        if await self._known.tenant(key) is None:
            return _page(after, 401, _WRONG)
        inside = RedirectResponse(after, 303)
        encrypted = request.url.scheme == "https"
        inside.set_cookie(COOKIE, key, max_age=_DAYS * 86_400, httponly=True, samesite="lax", secure=encrypted)
        return inside


def _key(scope: Scope) -> str:
    """The key that a connection carries: in a header as to the API, or as a cookie."""
    if key := bearer(scope["headers"]):
        return key
    found: SimpleCookie = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                found.load(value.decode("latin-1"))
            except CookieError:  # what others have set here is none of ours
                continue
    return found[COOKIE].value if COOKIE in found else ""


def _asked(request: Request) -> Response:
    """For who has not signed in: the form for people, a problem for programs."""
    if "text/html" in request.headers.get("accept", ""):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return _page(_local(here), 401)
    remedy = f"Sign in at {SIGN_IN}, or send a key as 'Authorization: Bearer KEY'; platform key create makes one."
    return problem(401, "unauthorized", "This server's pages need a key.", remedy=remedy)


def _page(after: str, status: int, told: str = "") -> Response:
    shown = f'<p class="p-told" role="alert" id="told">{html.escape(told)}</p>' if told else ""
    described, invalid = (" told", ' aria-invalid="true"') if told else ("", "")
    page = _PAGE.format(told=shown, after=html.escape(after), described=described, invalid=invalid)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; of one that is longer than any of ours, none."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _local(path: str) -> str:
    """A path of this server; the first page where it is none."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\", SIGN_IN, SIGN_OUT)) and path.isprintable()
    return quote(path, safe="/?&=%:@+,;~!$'()*#[]") if plain else "/"
