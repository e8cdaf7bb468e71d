"""Every error as `application/problem+json` (RFC 9457), with a type that stays the same.

A problem carries ``type`` (``urn:verticals:problem:<slug>``), ``title``, ``status`` and ``detail``, and where they
help ``remedy`` (what to do), ``errors`` (one entry per bad field or row), ``stored`` (what was done all the same) and
``trace_id`` (the word to look for in the log).
"""

from __future__ import annotations

import logging
import math
import uuid
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from verticals.contract import BadFiles, BadRows, PlatformError, Unavailable

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("verticals.web")
_UNREADABLE = "There was an error parsing the body"  # as FastAPI says it, of bytes that are no text
_SLUGS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "bad-input",
    429: "too-many-requests",
    503: "unavailable",
    504: "too-late",
}


class FieldProblem(BaseModel):
    """What is wrong with one field of the request, or of one row of a file."""

    field: str = Field(examples=["body.text"])
    problem: str = Field(examples=["Field required"])
    row: int | None = Field(None, description="Row of the file, counted from 1, header included")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:verticals:problem:not-found"], description="Stable; tell errors apart by it")
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field("", examples=["There is no head 'intnet'."])
    remedy: str | None = Field(None, examples=["Did you mean 'intent'?"])
    errors: list[FieldProblem] | None = None
    stored: dict[str, int] | None = Field(
        None, description="What was stored all the same: documents added, updated and unchanged, and files read"
    )
    trace_id: str | None = Field(None, description="Find the cause in the server's log by it")


def problem(status: int, slug: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """A problem as a response; members that are empty are left out."""
    body = Problem(
        type=f"urn:verticals:problem:{slug}",
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        **members,
    )
    return Response(body.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def platform_error(_: Request, error: Exception) -> Response:
    """One of the platform's own errors, with its status, type and remedy."""
    error = cast(PlatformError, error)
    wait = min(60, max(1, math.ceil(error.seconds))) if isinstance(error, Unavailable) else 0
    headers = {"Retry-After": str(wait)} if wait else None
    problems: list[FieldProblem] | None = None
    if isinstance(error, BadRows):
        problems = [FieldProblem(field=p.field, problem=p.problem, row=p.row) for p in error.problems]
    elif isinstance(error, BadFiles):
        problems = [FieldProblem(field=path, problem=told) for path, told in error.problems]
    trace_id = _logged(error) if error.status >= 500 and not isinstance(error, Unavailable) else None
    return problem(
        error.status,
        error.type,
        error.message.strip(),
        headers=headers,
        remedy=error.remedy or None,
        errors=problems,
        stored=error.stored if isinstance(error, BadFiles) else None,
        trace_id=trace_id,
    )


def invalid_request(_: Request, error: Exception) -> Response:
    """A request that does not fit its model: all bad fields together, without repeating what was sent."""
    found = cast(RequestValidationError, error).errors()
    for one in found:
        if one["type"] == "json_invalid":
            why = one.get("ctx", {}).get("error", "it cannot be read")
            told = f"The request's body is not JSON: {why}, at character {one['loc'][-1] + 1}."
            return problem(422, "bad-input", told, remedy='Send JSON, such as {"text": "Hello"}, in double quotes.')
    errors = [FieldProblem(field=".".join(str(part) for part in one["loc"]), problem=one["msg"]) for one in found]
    fields = ", ".join(dict.fromkeys(one.field for one in errors))
    return problem(422, "bad-input", f"The request does not fit: {fields}.", errors=errors)


def http_error(request: Request, error: Exception) -> Response:
    """What the framework raises by itself: no such path, wrong method, body too large, …"""
    error = cast(HTTPException, error)
    status, detail, remedy = error.status_code, str(error.detail), None
    if detail == _UNREADABLE:
        detail, remedy = "The request's body cannot be read as JSON.", "Send JSON in UTF-8."
    if detail == HTTPStatus(status).phrase:
        detail, remedy = _explained(status, request, error.headers)
    slug = _SLUGS.get(status, HTTPStatus(status).phrase.lower().replace(" ", "-"))
    return problem(status, slug, detail, headers=dict(error.headers or {}), remedy=remedy)


def _explained(status: int, request: Request, headers: Any) -> tuple[str, str | None]:
    path = request.scope["path"]
    if status == 404:
        return f"There is nothing at {path}.", "All paths are listed at /openapi.json."
    if status == 405:
        allowed = (headers or {}).get("Allow")
        return f"{path} does not take {request.method}.", f"It takes {allowed}." if allowed else None
    return HTTPStatus(status).phrase + ".", None


def _logged(error: BaseException) -> str:
    trace_id = uuid.uuid4().hex
    _log.error("trace %s: %s: %s", trace_id, type(error).__name__, error, exc_info=error)
    return trace_id


class UnexpectedErrors:
    """Pure ASGI middleware: an error nobody foresaw becomes a 500 problem; its trace goes to the log only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            trace_id = _logged(error)
            if started:
                raise
            response = problem(
                500,
                "internal",
                "Something went wrong on the server.",
                remedy="Look for the trace id in the server's log.",
                trace_id=trace_id,
            )
            await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""
    app.add_exception_handler(PlatformError, platform_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_middleware(UnexpectedErrors)
