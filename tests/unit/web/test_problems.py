"""Every error is application/problem+json."""

import logging

import pytest

KINDS = [
    ("platform", 500, "internal"),
    ("bad-input", 422, "bad-input"),
    ("not-found", 404, "not-found"),
    ("conflict", 409, "conflict"),
    ("unavailable", 503, "unavailable"),
    ("storage", 507, "storage"),
    ("damaged", 500, "damaged"),
    ("plugin", 500, "plugin"),
    ("settings", 500, "settings"),
    ("bad-rows", 422, "bad-rows"),
]


def problem_of(response, status, slug):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:verticals:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    return body


@pytest.mark.parametrize(("kind", "status", "slug"), KINDS)
def test_a_platform_error_keeps_its_status_type_and_remedy(client, plugin, kind, status, slug):
    body = problem_of(client.get(f"/v1/shop/errors/{kind}"), status, slug)
    assert body["detail"] == plugin.ERRORS[kind].message.strip()
    assert body["remedy"] == plugin.ERRORS[kind].remedy


@pytest.mark.parametrize("sent", ["{'text': 'hi'}", '{"text": "hi"', "", "hello"])
def test_a_body_that_is_not_json_is_said_in_plain_words(client, sent):
    body = problem_of(
        client.post("/v1/shop/echo", content=sent, headers={"content-type": "application/json"}), 422, "bad-input"
    )
    if sent:
        assert body["detail"].startswith("The request's body is not JSON: ")
        assert ", at character " in body["detail"]
        assert body["remedy"] == 'Send JSON, such as {"text": "Hello"}, in double quotes.'
    else:
        assert body["detail"] == "The request does not fit: body."


def test_bad_rows_are_listed_with_row_and_field(client):
    body = client.get("/v1/shop/errors/bad-rows").json()
    assert body["errors"] == [{"row": 3, "field": "label", "problem": "unknown label"}]


def test_unavailable_says_when_to_try_again(client):
    assert client.get("/v1/shop/errors/unavailable").headers["retry-after"] == "5"


def test_an_unexpected_error_shows_a_trace_id_and_logs_the_trace(client, caplog):
    with caplog.at_level(logging.ERROR, "verticals.web"):
        response = client.get("/v1/shop/crash")
    body = problem_of(response, 500, "internal")
    assert "1234" not in response.text
    assert "Traceback" not in response.text
    assert body["trace_id"] in caplog.text
    assert "the secret is 1234" in caplog.text


@pytest.mark.parametrize("path", ["/v1/shop/nothing", "/v1/nobody/echo", "/v1/platform/nothing", "/v1", "/elsewhere"])
def test_an_unknown_path_is_a_problem(client, path):
    body = problem_of(client.get(path), 404, "not-found")
    assert path in body["detail"]


@pytest.mark.parametrize("path", ["/v1/shop/nothing", "/v1", "/elsewhere"])
def test_an_unknown_path_is_a_problem_for_programs_beside_pages_too(browser, path):
    problem_of(browser.get(path, headers={"accept": "*/*"}), 404, "not-found")


@pytest.mark.parametrize("fixture", ["client", "browser"])
def test_a_wrong_method_names_the_right_one(request, fixture):
    response = request.getfixturevalue(fixture).get("/v1/shop/echo")
    body = problem_of(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
    assert "POST" in body["remedy"]


def test_an_invalid_request_names_every_bad_field_and_repeats_no_value(client):
    body = problem_of(
        client.post("/v1/platform/feedback", json={"vertical": 7, "thumb": "sideways-secret"}), 422, "bad-input"
    )
    assert {error["field"] for error in body["errors"]} >= {"body.vertical", "body.thumb"}
    assert "sideways-secret" not in str(body)


def test_broken_json_is_a_problem(client):
    response = client.post("/v1/shop/echo", content=b"{", headers={"content-type": "application/json"})
    problem_of(response, 422, "bad-input")


def test_a_declared_body_above_the_limit_is_refused(client):
    response = client.post("/v1/shop/echo", content=b"x" * (10 * 1024 * 1024 + 1))
    problem_of(response, 413, "too-large")


def test_a_body_in_pieces_is_counted_as_it_comes(client):
    pieces = (b"x" * 1024 * 1024 for _ in range(16))
    response = client.post("/v1/shop/echo", content=pieces, headers={"content-type": "application/json"})
    problem_of(response, 413, "too-large")


def test_a_body_at_the_limit_passes(client):
    text = "x" * (10 * 1024 * 1024 - len('{"text":""}'))
    response = client.post(
        "/v1/shop/echo", content=f'{{"text":"{text}"}}', headers={"content-type": "application/json"}
    )
    assert response.status_code == 200


def test_the_schema_promises_problems(client):
    schema = client.get("/openapi.json").json()
    assert schema["components"]["schemas"]["Problem"]["properties"]["type"]
    for path, item in schema["paths"].items():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"], path
            assert "application/json" not in operation["responses"]["422"].get("content", {}), path
