"""The pages of what crosses the network: API, events, errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from verticals.contract import PlatformError, resolve
from verticals.host import Host

from . import docstrings
from .markdown import page, table


def api(host: Host, plugins: Sequence[str]) -> str:
    """Every path, from the OpenAPI schema of an application with the three verticals."""
    from verticals.web.app import create_app

    schema = create_app(host, list(plugins), pages=False).openapi()
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                tag = next((one for one in operation.get("tags", []) if f"/{one}" in path), operation["tags"][0])
                row = (
                    f"`{method.upper()} {path}`",
                    operation.get("summary", ""),
                    _first_paragraph(operation),
                    _answer(operation),
                )
                groups.setdefault(tag, []).append(row)
    parts = []
    for tag, rows in groups.items():
        parts.append(f"## {tag}\n\n{table(['request', 'what', 'more', 'answer'], rows)}")
    introduction = (
        "A server answers for the verticals it was started with under `/v1/<vertical>/…` and for the platform under "
        "`/v1/platform/…`. This page lists the paths; the schema itself, with every field and its example, is at "
        "`/openapi.json` of a running server, and readable at `/docs`. Errors are `application/problem+json`, "
        "see [errors](errors.md). Examples with curl: [use the API](../how-to/use-the-api.md)."
    )
    return page("API", introduction, parts)


def _first_paragraph(operation: dict[str, Any]) -> str:
    return docstrings.inline(operation.get("description", "").partition("\n\n")[0])


def _answer(operation: dict[str, Any]) -> str:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = response.get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            inner = schema.get("items", schema)
            name = inner.get("$ref", "").rpartition("/")[2]
            shown = f"list of `{name}`" if name and "items" in schema else f"`{name}`" if name else ", ".join(content)
            return f"{status} {shown}".strip()
    return ""


def events(host: Host, plugins: Sequence[str]) -> str:
    """The kinds of event of the first-party verticals."""
    from verticals.store import PROMOTION
    from verticals.web.api.feedback import KIND, Feedback

    parts = []
    for name in plugins:
        rows = [
            (f"`{kind.name}`", kind.description, _payload(resolve(kind.payload)))
            for kind in host[name].event_kinds.values()
        ]
        if rows:
            parts.append(f"## {name}\n\n{table(['kind', 'when', 'payload'], rows)}")
    parts.append(
        "## Every vertical\n\n"
        + table(
            ["kind", "when", "payload"],
            [
                (f"`{KIND}`", "`POST /v1/platform/feedback`: " + docstrings.summary(Feedback), _payload(Feedback)),
                (
                    f"`{PROMOTION}`",
                    "Another version of a head went live, by promotion or rollback; written in the same transaction.",
                    "`head`, `version`, `previous`, `change`, `why`",
                ),
            ],
        )
    )
    introduction = (
        "The event log is append-only. Offsets grow by one per vertical and tenant, from 1, without gaps; an event "
        "written twice with one idempotency key is there once. A plugin declares its kinds with `register_events`. "
        "Read them with `platform events tail`, by page at `GET /v1/platform/events/{vertical}`, or as a stream at "
        "`GET /v1/platform/events/{vertical}/stream`, which goes on after the `Last-Event-ID` a reader sends."
    )
    return page("Events", introduction, parts)


def _payload(model: Any) -> str:
    return ", ".join(f"`{name}`" for name in model.model_fields) if model else "any"


def errors() -> str:
    """Every error, with its problem type, status and exit code."""
    from verticals.web import problems

    kinds = sorted(_subclasses(PlatformError), key=lambda kind: (kind.exit_code, kind.__name__))
    rows = [
        (f"`{kind.__name__}`", f"`{kind.type}`", kind.status, kind.exit_code, docstrings.summary(kind))
        for kind in kinds
    ]
    by_type = {kind.type for kind in kinds}
    others = [(f"`{slug}`", status) for status, slug in sorted(problems._SLUGS.items()) if slug not in by_type]  # noqa: SLF001
    parts = [
        table(["error", "problem type", "status", "exit code", "meaning"], rows),
        f"## Problems of the web server alone\n\n{table(['problem type', 'status'], others)}",
        "## Members of a problem\n\n"
        + table(
            ["member", "meaning"],
            [(f"`{name}`", of.description or _MEMBERS[name]) for name, of in problems.Problem.model_fields.items()],
        ),
        "## Other exit codes\n\n" + table(["exit code", "meaning"], _EXIT_CODES),
    ]
    introduction = (
        "Every error says what was wrong, where, and what to do. On the command line it is one message and an exit "
        "code; `--debug` adds the traceback. Over HTTP it is `application/problem+json` (RFC 9457), whose `type` is "
        "`urn:verticals:problem:` and the problem type below. In Python it is raised, with `message` and `remedy`."
    )
    return page("Errors", introduction, parts)


_EXIT_CODES = (
    ("0", "done"),
    ("1", "an unexpected error, or a check that failed"),
    ("2", "wrong usage of a command, or bad input"),
    ("130", "interrupted with Ctrl-C"),
)
_MEMBERS = {
    "title": "The type in words", "status": "The HTTP status", "detail": "What was wrong, and where",
    "remedy": "What to do about it", "errors": "One entry per bad field or row: `field`, `problem`, `row`",
}  # fmt: skip


def _subclasses(kind: type[PlatformError]) -> Iterator[type[PlatformError]]:
    yield kind
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("verticals.contract"):
            yield from _subclasses(inner)
