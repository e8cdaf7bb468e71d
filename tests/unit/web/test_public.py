"""What customers' browsers may ask without a key, and from which pages."""

import pytest
from fastapi.testclient import TestClient

from verticals import Host
from verticals.web.app import create_app

SHOP = "https://shop.example"


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("PLATFORM_ALLOWED_ORIGINS", SHOP)
    with Host.open(tmp_path / "home") as host:
        host.store.keys.create("acme")
        # Not started: what stands before the endpoints is to be seen.
        yield TestClient(create_app(host, ["customer-service"], pages=False), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "open_to_all"),
    [
        ("GET", "/widget.js", True),
        ("GET", "/demo", True),
        ("GET", "/widget", True),
        ("POST", "/sessions", True),
        ("GET", "/sessions/x", True),
        ("POST", "/sessions/x/handover", True),
        ("GET", "/sessions/x/stream", True),
        ("GET", "/queue", False),
        ("POST", "/sessions/x/take-over", False),
        ("POST", "/sessions/x/replies", False),
        ("GET", "/traces/x", False),
        ("GET", "/results", False),
        ("GET", "/proposals", False),
    ],
)
def test_customers_need_no_key_and_agents_do(client, method, path, open_to_all):
    answer = client.request(method, f"/v1/customer-service{path}")
    assert (answer.status_code != 401) == open_to_all, answer.text
    wrong = client.request(method, f"/v1/customer-service{path}", headers={"X-Api-Key": "wrong"})
    assert wrong.status_code == 401, "a key that does not hold is told so"


def test_only_pages_of_allowed_origins_may_call_from_elsewhere(client):
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    path = "/v1/customer-service/sessions"
    allowed = client.options(path, headers={"Origin": SHOP, **asking})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SHOP
    refused = client.options(path, headers={"Origin": "https://elsewhere.example", **asking})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
