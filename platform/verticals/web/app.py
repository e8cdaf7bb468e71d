"""One application from a host and the names of the verticals it serves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

import verticals
from verticals.contract import PluginError, resolve

from . import api, health, problems
from .current import bound_to
from .keys import Keys, KnownKeys
from .later import Pages
from .limits import BodyLimit
from .metrics import Measured, Metrics
from .sign_in import SignIn
from .site import Site
from .waiting import Waiting

if TYPE_CHECKING:
    from verticals.host import Host

STATIC = Path(__file__).parent / "static"
RESERVED = frozenset(
    [
        "v1",
        "platform",
        "docs",
        "runs",
        "indexes",
        "healthz",
        "readyz",
        "metrics",
        "openapi.json",
        "favicon.ico",
        "sign-in",
        "sign-out",
    ]
)
_PROBLEM = {"content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def create_app(host: Host, names: Sequence[str], *, pages: bool = True) -> FastAPI:
    """The web application that serves the verticals ``names`` of ``host``; with ``pages`` or the API alone.

    The verticals are started and stopped with the application, not here; `/readyz` says when they are up.

    Raises:
        NotFound: there is no plugin of such a name.
        PluginError: a plugin cannot be used, its router cannot be found, or its name is a path of the platform.
    """
    site = Site(host, tuple(names))
    app = FastAPI(
        title="Verticals",
        summary="The verticals that are served here, and the platform they stand on.",
        version=verticals.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
        responses={
            422: {"description": "The request does not fit", **_PROBLEM},
            "default": {"description": "Any other error", **_PROBLEM},
        },
    )
    app.state.site = site
    metrics = Metrics()
    app.add_middleware(Waiting)
    app.add_middleware(BodyLimit)
    public: list[BaseRoute] = []
    known = KnownKeys(site)
    app.add_middleware(Keys, known=known, public=public)
    if pages:
        app.add_middleware(SignIn, known=known)
    if host.settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=host.settings.allowed_origins, allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "X-Api-Key"],
            expose_headers=["Retry-After"],
        )  # fmt: skip
    problems.install(app)
    app.add_middleware(Measured, metrics=metrics)

    for vertical in site.verticals:
        if vertical.name in RESERVED:
            raise PluginError(f"A vertical cannot be served as {vertical.name!r}.", "The platform uses that path.")
        for endpoints in vertical.endpoints:
            before = len(app.router.routes)
            app.include_router(
                _router(endpoints.router, vertical.name),
                prefix=f"/v1/{vertical.name}",
                tags=[vertical.name],
                dependencies=[Depends(bound_to(vertical.name, tenants=endpoints.tenants))],
            )
            public += app.router.routes[before:] if endpoints.public else []
    app.include_router(api.router)
    app.include_router(health.router)
    app.include_router(metrics.router())
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]

    if pages:
        app.mount("/_static", StaticFiles(directory=STATIC))
        app.state.pages = Pages(app, site)
        app.router.routes.append(app.state.pages)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    site: Site = app.state.site
    async with site.host.serve(site.names) as served:
        site.served.update(served)
        site.ready = True
        pages: Pages | None = getattr(app.state, "pages", None)
        try:
            async with pages.running() if pages else contextlib.nullcontext():
                yield
        finally:
            site.ready = False
            site.served.clear()


def _router(reference: Any, vertical: str) -> APIRouter:
    router = resolve(reference)
    if not isinstance(router, APIRouter):
        raise PluginError(
            f"{vertical}: {reference!r} is a {type(router).__name__}, not a fastapi.APIRouter.",
            "Let register_endpoints yield Endpoints(router=…) with a router.",
        )
    return router


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, built once, with the shape of problems among its components."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        described = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(described.pop("$defs", {}), Problem=described)
        app.openapi_schema = schema
    return app.openapi_schema
