"""The platform's own API."""

import pytest

from verticals import PluginError
from verticals.contract import NotFound
from verticals.web.app import create_app


def test_a_router_of_a_plugin_gets_its_vertical(client):
    assert client.post("/v1/shop/echo", json={"text": "hi"}).json() == {"text": "hi", "by": "shop"}


def test_verticals_show_state_and_cause(client):
    shop, *others = client.get("/v1/platform/verticals").json()
    assert (shop["name"], shop["state"], shop["served"]) == ("shop", "loaded", True)
    assert shop["heads"] == ["parity"]
    assert shop["pages"][1] == {"title": "Broken", "path": "/shop/broken"}
    sarcasm = next(other for other in others if other["name"] == "sarcasm")
    assert sarcasm["state"] == "failed"
    assert "irony" in sarcasm["cause"]
    assert not sarcasm["served"]


def test_an_unknown_vertical_suggests_the_nearest(client):
    response = client.get("/v1/platform/verticals/shp")
    assert response.status_code == 404
    assert response.json()["remedy"] == "Did you mean 'shop'?"


def test_heads_tell_their_live_version(client):
    (head,) = client.get("/v1/platform/heads").json()
    assert (head["vertical"], head["head"], head["objective"], head["example"]) == ("shop", "parity", "classify", "two")
    assert head["live"]["reference"] == "shop/parity@v1"
    assert client.get("/v1/platform/heads/shop/parity").json() == head
    assert client.get("/v1/platform/heads/shop/partiy").json()["remedy"] == "Did you mean 'parity'?"


def test_promotion_and_rollback_move_the_live_version(client, save_version):
    save_version(accuracy=0.95)
    where = "/v1/platform/heads/shop/parity"
    promoted = client.post(f"{where}/promote", json={"version": "v2", "why": "better"}).json()
    assert (promoted["version"], promoted["stage"]) == ("v2", "live")
    assert [version["stage"] for version in client.get(f"{where}/versions").json()] == ["live", "retired"]
    assert client.post(f"{where}/rollback").json()["version"] == "v1"
    history = client.get(f"{where}/history").json()
    assert {entry["kind"] for entry in history} == {"promotion", "rollback"}
    assert "better" in {entry["why"] for entry in history}


def test_a_rollback_without_a_former_version_is_a_conflict(client):
    assert client.post("/v1/platform/heads/shop/parity/rollback", json={"why": "x"}).status_code == 409


def test_promoting_an_unknown_version_is_not_found(client):
    response = client.post("/v1/platform/heads/shop/parity/promote", json={"version": "v9"})
    assert response.status_code == 404


def test_versions_across_heads(client):
    assert [version["reference"] for version in client.get("/v1/platform/versions").json()] == ["shop/parity@v1"]
    assert client.get("/v1/platform/versions/shop/parity/live").json()["version"] == "v1"
    assert client.get("/v1/platform/versions", params={"vertical": "nobody"}).status_code == 404


def test_predict_answers_each_input_in_order(client):
    response = client.post(
        "/v1/platform/heads/shop/parity/predict", json={"inputs": ["two", ["a", "b"], {"text": "c"}]}
    )
    body = response.json()
    assert response.status_code == 200, body
    assert body["version"] == "parity@v1"
    assert [prediction["label"] for prediction in body["predictions"]] == ["even"] * 3
    assert body["predictions"][0]["ranking"] == [["even", 0.9], ["odd", 0.1]]


@pytest.mark.parametrize("inputs", [[], [""], [{}], ["x"] * 1025, [7], "two", None])
def test_predict_refuses_inputs_that_cannot_be_read(client, inputs):
    response = client.post("/v1/platform/heads/shop/parity/predict", json={"inputs": inputs})
    assert response.status_code == 422
    assert "inputs" in response.json()["detail"]


def test_runs_newest_first_and_one_by_its_id(client, host):
    first = host.store.runs.start("shop", "parity", dataset_version="v1", recipe={"epochs": 2}, seed=3)
    host.store.runs.update(first.id, status="finished", version="v1", metrics={"accuracy": 0.9})
    second = host.store.runs.start("shop", "parity", dataset_version="v1", recipe={}, seed=0)
    host.store.runs.update(second.id, status="failed", error="one class only")
    found = client.get("/v1/platform/runs").json()
    assert {run["id"] for run in found} == {first.id, second.id}
    finished = client.get("/v1/platform/runs", params={"status": "finished"}).json()
    assert [run["version"] for run in finished] == ["v1"]
    assert client.get(f"/v1/platform/runs/{second.id}").json()["error"] == "one class only"
    assert client.get("/v1/platform/runs/nothing").status_code == 404
    assert client.get("/v1/platform/runs", params={"status": "lost"}).status_code == 422


def test_data_sets_and_their_versions(client, host):
    (before,) = client.get("/v1/platform/datasets").json()
    assert (before["dataset"], before["newest"]) == ("numbers", None)
    host["shop"].dataset("numbers").current()
    (after,) = client.get("/v1/platform/datasets", params={"vertical": "shop"}).json()
    assert after["newest"]["rows"] == 40
    (version,) = client.get("/v1/platform/datasets/shop/numbers/versions").json()
    assert (version["version"], version["source"], sum(version["splits"].values())) == ("v1", "starter", 40)
    assert "path" not in version
    assert client.get("/v1/platform/datasets/shop/nmbers/versions").json()["remedy"] == "Did you mean 'numbers'?"


def test_a_name_that_is_no_plugin_is_said_when_the_application_is_made(host):
    with pytest.raises(NotFound, match="shop"):
        create_app(host, ["shp"])
    with pytest.raises(PluginError, match="irony"):
        create_app(host, ["sarcasm"])


def test_every_operation_has_a_summary_and_a_tag(client):
    for path, item in client.get("/openapi.json").json()["paths"].items():
        for operation in item.values():
            assert operation["tags"], path
            assert operation["summary"], path
