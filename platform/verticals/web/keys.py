"""Who asks: the tenant of the key that a request to the API carries.

While no key was ever made the API is open, and every request is the default tenant's. From the first key on, each
request to it needs one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from verticals.contract import PlatformError
from verticals.store.keys import digest_of

from .problems import platform_error, problem
from .site import DEFAULT_TENANT, TENANT, Site

_FRESH_SECONDS = 1.0
_POLICY = 1008  # RFC 6455: closed for a reason of policy
_API = "/v1/"
_PLATFORM = "/v1/platform/"
# What of the platform's own API is about a tenant's own documents and events; the rest is the default tenant's alone.
_OF_TENANTS = re.compile(
    r"/v1/platform/(indexes|verticals|events|feedback)(/.*)?|/v1/platform/heads/[^/]+/[^/]+/predict", re.DOTALL
)


class KnownKeys:
    """The keys of a site, read again when they are a second old.

    Args:
        site: whose keys count.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tenants: dict[bytes, str | None] = {}
        self._read_at = -_FRESH_SECONDS
        self._reading = anyio.Lock()

    async def needed(self) -> bool:
        """Whether a key was ever made; one request reads for all that wait.

        Raises:
            StorageError: the database does not answer.
        """
        if time.monotonic() - self._read_at >= _FRESH_SECONDS:
            async with self._reading:
                if time.monotonic() - self._read_at >= _FRESH_SECONDS:
                    self._tenants = await to_thread.run_sync(self._site.host.store.keys.tenants)
                    self._read_at = time.monotonic()
        return bool(self._tenants)

    async def tenant(self, key: str) -> str | None:
        """Whose key it is; `None` where it does not hold."""
        return self._tenants.get(digest_of(key)) if key and await self.needed() else None


class Keys:
    """Pure ASGI middleware: 401 without a key that holds, 403 for what a tenant may not do; else notes the tenant.

    Args:
        app: the application behind.
        known: the keys that count.
        public: routes that answer without a key too.
    """

    def __init__(self, app: ASGIApp, known: KnownKeys, public: Sequence[BaseRoute] = ()) -> None:
        self._app, self._known, self._public = app, known, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket") or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        try:
            needed = await self._known.needed()
        except PlatformError as error:
            await platform_error(Request(scope), error)(scope, receive, send)
            return
        if not needed:
            await self._app(scope, receive, send)
            return
        key = bearer(scope["headers"])
        tenant = await self._known.tenant(key)
        if tenant is None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY})
            return
        if tenant is None and not key and any(route.matches(scope)[0] is Match.FULL for route in self._public):
            await self._app(scope, receive, send)
            return
        if tenant is None:
            told = "This API key does not hold." if key else "This server's API needs a key."
            remedy = "Send it as 'Authorization: Bearer KEY'; platform key create makes one."
            headers = {"WWW-Authenticate": "Bearer"}
            await problem(401, "unauthorized", told, headers=headers, remedy=remedy)(scope, receive, send)
            return
        path = scope["path"]
        if tenant != DEFAULT_TENANT and path.startswith(_PLATFORM) and not _OF_TENANTS.fullmatch(path):
            told = f"{path} is for keys of the tenant {DEFAULT_TENANT!r}."
            await problem(403, "forbidden", told)(scope, receive, send)
            return
        scope.setdefault("state", {})[TENANT] = tenant
        await self._app(scope, receive, send)


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key that a request's headers carry; empty where they carry none."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.decode("latin-1").partition(" ")
            return key.strip() if scheme.lower() == "bearer" else ""
        if name == b"x-api-key":
            return value.decode("latin-1").strip()
    return ""
