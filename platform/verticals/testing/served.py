"""The checks of a vertical that serves: endpoints answer their examples, pages render."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from .result import Result, described
from .schemas import MISSING, Schemas

if TYPE_CHECKING:
    from verticals.host import Host

_METHODS = ("post", "put", "get", "patch", "delete")  # in this order, so that what is read or removed exists
_EXAMPLE = "Give examples: Field(examples=[…]) in the model, or Path(examples=[…]), Query(examples=[…])."
_JSON = "application/json"


def try_all(host: Host, name: str) -> dict[str, list[Result]]:
    """Start the vertical once, and try its ``endpoints`` and its ``pages``."""
    with _serving(host, name) as (client, log):
        return {"endpoints": _endpoints(client, log, name), "pages": _pages(client, log, host, name)}


def _endpoints(client: TestClient, log: _Errors, name: str) -> list[Result]:
    """Send each endpoint the example its OpenAPI gives, and hold the answer against its model."""
    document = client.get("/openapi.json").json()
    schemas = Schemas(document)
    paths = {path: item for path, item in document["paths"].items() if path.startswith(f"/v1/{name}/")}
    operations = [(path, method) for path, item in paths.items() for method in _METHODS if method in item]
    operations.sort(key=lambda one: (one[0].count("/"), _METHODS.index(one[1])))
    answers: dict[str, Any] = {}
    results = []
    while operations:
        # What has an id that nothing has told yet waits: an answer may tell it.
        told = (one for one in operations if not _waits(schemas, answers, one[0], paths[one[0]][one[1]]))
        path, method = next(told, operations[0])
        operations.remove((path, method))
        log.errors.clear()
        results.append(_try(client, log, schemas, answers, path, method, paths[path][method]))
    return results


def _pages(client: TestClient, log: _Errors, host: Host, name: str) -> list[Result]:
    """Ask for each page as a browser does; not for those of one thing each, whose names are not known here."""
    results = []
    for page in (one for one in host[name].pages if one.in_navigation):
        path = f"/{name}{page.path}".rstrip("/")
        log.errors.clear()
        response = client.get(path, headers={"accept": "text/html"})
        if log.errors:
            results.append(Result.failed("pages", f"page {path}", log.errors[0], "Correct its render function."))
        elif response.status_code != 200:
            results.append(Result.failed("pages", f"page {path}", f"it gave status {response.status_code}"))
        else:
            results.append(Result.passed("pages", f"page {path}", f"{len(response.content):,} bytes"))
    return results


class _Errors(logging.Handler):
    """Remembers the errors that the server logs, with their cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.errors.append(described(error) if error else record.getMessage())


@contextlib.contextmanager
def _serving(host: Host, name: str) -> Iterator[tuple[TestClient, _Errors]]:
    """The vertical, started; and what goes wrong inside it."""
    from verticals.web.app import create_app

    log = _Errors()
    loggers = [logging.getLogger(of) for of in ("verticals", "nicegui")]
    for logger in loggers:
        logger.addHandler(log)
    try:
        with TestClient(create_app(host, [name]), raise_server_exceptions=False) as client:
            yield client, log
    finally:
        for logger in loggers:
            logger.removeHandler(log)


def _try(
    client: TestClient,
    log: _Errors,
    schemas: Schemas,
    answers: dict[str, Any],
    path: str,
    method: str,
    operation: Mapping[str, Any],
) -> Result:
    """One endpoint; a JSON answer is kept under its path, for endpoints below it that need its id."""
    what = f"{method.upper()} {path}"
    declared = _declared(operation)
    if declared is None:
        remedy = "Annotate what it returns with a pydantic model, or give response_model=…"
        return Result.failed("endpoints", what, "it declares no response model", remedy)
    if declared and _JSON not in declared:
        return Result.skipped("endpoints", what, f"it answers with {', '.join(declared)}")
    url, query, body = path, {}, MISSING
    for parameter in operation.get("parameters", ()):
        value = _parameter(schemas, answers, path, parameter)
        if value is MISSING and parameter.get("required"):
            return Result.failed("endpoints", what, f"the parameter {parameter['name']!r} has no example", _EXAMPLE)
        if parameter["in"] == "path":
            url = url.replace(f"{{{parameter['name']}}}", str(value))
        elif parameter["in"] == "query" and value is not MISSING and value is not None:
            query[parameter["name"]] = value
    if request := operation.get("requestBody"):
        if _JSON not in request["content"]:
            return Result.skipped("endpoints", what, f"it takes {', '.join(request['content'])}")
        body = _body(schemas, request["content"][_JSON])
        if body is MISSING:
            return Result.failed("endpoints", what, "its body has no example", _EXAMPLE)
    response = client.request(method, url, params=query, json=None if body is MISSING else body)
    if not response.is_success:
        said = log.errors[0] if log.errors else response.text[:300]
        return Result.failed("endpoints", what, f"its example gives {response.status_code}: {said}")
    if not declared:
        return Result.passed("endpoints", what, f"{response.status_code}, no content")
    try:
        answer = response.json()
    except ValueError:
        return Result.failed("endpoints", what, "its answer is no JSON")
    if problem := schemas.misfit(declared[_JSON].get("schema", {}), answer):
        remedy = "Return the declared model instead of a response of your own."
        return Result.failed("endpoints", what, f"its answer does not fit its model: {problem}", remedy)
    if isinstance(answer, dict):
        answers[path] = answer
        answers[declared[_JSON].get("schema", {}).get("$ref", "").rpartition("/")[2]] = answer
    return Result.passed("endpoints", what, str(response.status_code))


def _waits(schemas: Schemas, answers: Mapping[str, Any], path: str, operation: Mapping[str, Any]) -> bool:
    return any(
        parameter["in"] == "path" and _parameter(schemas, answers, path, parameter) is MISSING
        for parameter in operation.get("parameters", ())
    )


def _declared(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The content of the success answer by media type, empty for none; `None` where JSON has no schema."""
    nothing: dict[str, Any] = {}
    successes = ((code, item) for code, item in operation["responses"].items() if code.startswith("2"))
    status, success = next(successes, ("", nothing))
    content: Mapping[str, Any] = success.get("content", {})
    if _JSON in content and not content[_JSON].get("schema"):
        return None
    return content if content or status == "204" else None


def _parameter(schemas: Schemas, answers: Mapping[str, Any], path: str, parameter: Mapping[str, Any]) -> Any:
    """A value: from the answer of the endpoint that makes such things, else from the parameter's example."""
    name, schema = parameter["name"], parameter.get("schema", {})
    if parameter["in"] == "path":
        made = answers.get(path.partition(f"/{{{name}}}")[0], {})
        for key in (name, "id"):
            if isinstance(made.get(key), str | int):
                return made[key]
    for given in (parameter, schema):
        examples = given.get("examples")
        if isinstance(examples, dict) and examples:
            return next(iter(examples.values())).get("value", MISSING)
        if "example" in given:
            return given["example"]
    value = schemas.example(schema)
    if value is MISSING and parameter["in"] == "path":  # any other answer may have told it
        made = answers.get(name.title().replace("_", ""), {})  # a parameter `order` is the id of an `Order`
        if isinstance(made.get("id"), str | int):
            return made["id"]
        return next((made[name] for made in answers.values() if isinstance(made.get(name), str | int)), MISSING)
    return value


def _body(schemas: Schemas, media: Mapping[str, Any]) -> Any:
    if media.get("examples"):
        return next(iter(media["examples"].values())).get("value", MISSING)
    return media["example"] if "example" in media else schemas.example(media.get("schema", {}))
