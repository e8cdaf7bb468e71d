"""Keys of the API: whose request it is, and that tenants are apart over HTTP."""

import json

import pytest
from fastapi.testclient import TestClient

from verticals import StorageError
from verticals.web import keys
from verticals.web.app import create_app

HERE = "/v1/platform/indexes/library/articles"


@pytest.fixture
def client(library, monkeypatch):
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0.0)
    with TestClient(create_app(library, ["library"], pages=False)) as client:
        yield client


@pytest.fixture
def bearer(library):
    """The headers of a new key of a tenant."""

    def make(tenant: str) -> dict[str, str]:
        return {"authorization": f"Bearer {library.store.keys.create(tenant)[0]}"}

    return make


def test_without_any_key_the_api_is_open_and_with_one_it_is_not(client, bearer, library):
    assert client.get(HERE).status_code == 200
    assert client.get(HERE, headers={"authorization": "Bearer whatever"}).status_code == 200
    own = bearer("default")
    for headers in ({}, {"authorization": "Bearer vk_wrong"}, {"authorization": "Basic dTpw"}, {"x-api-key": ""}):
        refused = client.get(HERE, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (401, "urn:verticals:problem:unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert client.get(HERE, headers=own).status_code == 200
    assert client.get(HERE, headers={"x-api-key": own["authorization"].split()[1]}).status_code == 200
    assert client.get("/readyz").status_code == 200
    library.store.keys.revoke(library.store.keys.list()[0].id)
    assert client.get(HERE, headers=own).status_code == 401
    assert client.get(HERE).status_code == 401


def test_two_tenants_never_see_each_others_documents(client, bearer):
    acme, globex, own = bearer("acme"), bearer("globex"), bearer("default")
    said = {"documents": [{"id": "secret", "text": "The acme zebra sleeps at noon.", "metadata": {"of": "acme"}}]}
    assert client.post(f"{HERE}/documents", json=said, headers=acme).json()["added"] == 1
    line = json.dumps({"id": "a/b", "text": "An acme zebra by lines."}).encode()
    assert client.post(f"{HERE}/import", content=line, headers=acme).json()["added"] == 1
    assert client.get(HERE, headers=acme).json()["documents"] == 5
    for other in (globex, own):
        assert client.get(HERE, headers=other).json()["documents"] == 3
        assert [one["documents"] for one in client.get("/v1/platform/indexes", headers=other).json()] == [3, 0]
        for asked in (
            {"text": "zebra", "mode": "lexical"},
            {"text": "zebra sleeps", "k": 50},
            {"text": "a", "where": {"of": "acme"}},
        ):
            assert "acme" not in client.post(f"{HERE}/search", json=asked, headers=other).text
        assert client.get(f"{HERE}/documents/secret", headers=other).status_code == 404
        assert client.delete(f"{HERE}/documents/secret", headers=other).status_code == 404
        assert "acme" not in client.get(f"{HERE}/documents", headers=other).text
        assert "acme" not in client.get(f"{HERE}/export", headers=other).text
    assert client.get(f"{HERE}/documents/secret", headers=acme).status_code == 200
    assert client.get(f"{HERE}/export", headers=acme).text.count("zebra") == 2


def test_events_and_feedback_are_the_tenants_own(client, bearer):
    acme, globex = bearer("acme"), bearer("globex")
    given = client.post("/v1/platform/feedback", json={"vertical": "library", "thumb": "up"}, headers=acme)
    assert (given.status_code, given.json()["tenant"]) == (201, "acme")
    assert len(client.get("/v1/platform/events/library", headers=acme).json()["events"]) == 1
    assert client.get("/v1/platform/events/library", headers=globex).json()["events"] == []


@pytest.mark.parametrize("path", ["/v1/platform/runs", "/v1/platform/versions", "/v1/platform/heads", "/v1/platform/"])
def test_what_belongs_to_all_is_for_the_default_tenant(client, bearer, path):
    refused = client.get(path, headers=bearer("acme"))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:verticals:problem:forbidden")
    assert client.get(path, headers=bearer("default")).status_code in (200, 404)


def test_a_router_that_does_not_keep_tenants_apart_answers_the_default_one_only(host, monkeypatch):
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0.0)
    with TestClient(create_app(host, ["shop"], pages=False)) as client:
        asked = [
            client.get("/v1/shop/items/hat", headers={"x-api-key": host.store.keys.create(tenant)[0]})
            for tenant in ("default", "acme")
        ]
    assert asked[0].status_code == 200
    assert asked[1].status_code == 403


def test_a_database_that_does_not_answer_lets_nobody_in(client, library, monkeypatch):
    def broken():
        raise StorageError("The database does not answer.", "Check it.")

    monkeypatch.setattr(library.store.keys, "tenants", broken)
    refused = client.get(HERE)
    assert (refused.status_code, refused.json()["type"]) == (507, "urn:verticals:problem:storage")
