"""Prometheus metrics of one application, at ``/metrics``."""

from __future__ import annotations

import os
import time

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one application, in a registry of their own, so that two applications never mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Counter(
            "platform_http_requests",
            "Requests answered, by route template",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "platform_http_request_seconds",
            "Time from the request to the start of its response, by route template",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def _told(self) -> CollectorRegistry:
        """What is counted here; what all workers have counted together where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return together

    def router(self) -> APIRouter:
        """Serves the metrics in Prometheus' text format."""
        router = APIRouter(tags=["operations"])

        @router.get("/metrics", response_class=Response, summary="Metrics in Prometheus' text format")
        def metrics() -> Response:
            return Response(generate_latest(self._told()), media_type=CONTENT_TYPE_LATEST)

        return router


class Measured:
    """Pure ASGI middleware that counts requests and times them to the start of their response."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, began = scope["path"], time.perf_counter()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - began
                self._metrics.observe(scope["method"], template(scope, path), message["status"], seconds)
            await send(message)

        await self._app(scope, receive, watch)


def template(scope: Scope, path: str) -> str:
    """The template of the route that answered, as ``/v1/shop/items/{id}``: bounded, whatever is asked for.

    A route of an included router knows only its own part of the path; the part before it is the same for all its
    requests and is taken from the path itself.
    """
    if path.startswith("/_"):
        return "(assets)"
    route = scope.get("route")
    own: str | None = getattr(route, "path_format", None) or getattr(route, "path", None)
    if own is None:
        return "(unmatched)"
    filled = own
    for name, value in scope.get("path_params", {}).items():
        filled = filled.replace("{" + name + "}", str(value))
    return path[: len(path) - len(filled)] + own if path.endswith(filled) else own
