"""The API reference: every operation of this server, from its own OpenAPI schema, without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nicegui import html, ui

from verticals.web.ui import command, heading, section

_METHODS = ("get", "post", "put", "patch", "delete")
_TITLES = {"platform": "Platform", "operations": "Operations"}


def render(schema: Mapping[str, Any], base: str, titles: Mapping[str, str]) -> None:
    """Build the page from an OpenAPI schema; ``base`` is this server's URL, ``titles`` are the verticals' own."""
    heading("API", "Every operation of this server. Errors are application/problem+json with a stable type.")
    with html.p().classes("p-inline"):
        html.span("The same for machines:")
        html.a("openapi.json", href="/openapi.json")
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, method, operation in _operations(schema):
        groups.setdefault(next(iter(operation.get("tags", [])), "operations"), []).append((path, method, operation))
    for tag, operations in groups.items():
        with section({**_TITLES, **titles}.get(tag, tag)) as part:
            part.props(f"id={tag}")
            with html.div().classes("p-operations"):
                for path, method, operation in operations:
                    _operation(operation, path, method, curl(schema, base + path, method, operation))


def _operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in schema.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _operation(operation: Mapping[str, Any], path: str, method: str, line: str) -> None:
    with html.details().classes("p-operation"):
        with html.summary():
            html.span(method.upper()).classes(f"p-method p-method-{method}")
            html.code(path)
            html.span(operation.get("summary", "")).classes("p-muted")
        with html.div().classes("p-operation-body"):
            if operation.get("description"):
                ui.markdown(operation["description"])
            for parameter in operation.get("parameters", ()):
                _parameter(parameter)
            command(line)


def _parameter(parameter: Mapping[str, Any]) -> None:
    with html.p().classes("p-parameter"):
        html.code(parameter["name"])
        required = "required" if parameter.get("required") else "optional"
        html.span(f"{parameter['in']}, {required}").classes("p-muted")
        if parameter.get("description"):
            html.span(parameter["description"])


def curl(schema: Mapping[str, Any], url: str, method: str, operation: Mapping[str, Any]) -> str:
    """A command line that calls an operation, with the example of its body."""
    line = f"curl {url}"
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return line if method == "get" else f"{line} -X {method.upper()}"
    body = json.dumps(_example(schema, content), ensure_ascii=False).replace("'", "'\\''")
    return f"{line} -H 'content-type: application/json' -d '{body}'"


def _example(schema: Mapping[str, Any], content: Mapping[str, Any]) -> Any:
    """The declared example of a body, else one made from its schema."""
    if "examples" in content:
        return next(iter(content["examples"].values())).get("value")
    return content["example"] if "example" in content else _made_up(schema, content.get("schema", {}), depth=0)


def _made_up(root: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    if schema.get("examples"):
        return schema["examples"][0]
    for word in ("example", "default", "const"):
        if word in schema:
            return schema[word]
    if "anyOf" in schema:
        return _made_up(root, schema["anyOf"][0], depth)
    kind = schema.get("type")
    if kind == "object" and depth < 4:
        required = schema.get("required", ())
        return {
            name: _made_up(root, one, depth + 1)
            for name, one in schema.get("properties", {}).items()
            if name in required
        }
    if kind == "array":
        return [_made_up(root, schema.get("items", {}), depth + 1)] if depth < 4 else []
    return {"string": "text", "integer": 1, "number": 0.5, "boolean": True}.get(str(kind), {})
