"""The API on the real host, from end to end; the encoder is tiny, so how good its rankings are is not looked at."""

import pytest
from click.testing import CliRunner

from verticals_recommendation.commands import measure

HISTORY = ["i-002", "i-003", "i-011"]


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    return " ".join([body["detail"], body.get("remedy") or "", *(e["problem"] for e in body.get("errors") or [])])


@pytest.mark.parametrize("item", ["i-018", {"title": "Rye at Home", "description": "Dense loaves that keep."}])
def test_an_item_is_scored_with_the_history_as_evidence(api, item):
    scored = api.post("score", json={"history": HISTORY, "item": item}).json()
    assert 0 <= scored["score"] <= 1
    assert {piece["id"] for piece in scored["evidence"]} == set(HISTORY)
    assert sum(piece["score"] for piece in scored["evidence"]) == pytest.approx(1)
    assert scored["version"] == "recommendation/interest@v1"


def test_recommendations_are_ranked_new_and_each_has_its_reason(api):
    found = api.post("recommend", json={"history": HISTORY, "k": 7}).json()
    assert found["basis"] == "interest"
    assert found["history_read"] == HISTORY
    ids = [one["item"]["item_id"] for one in found["items"]]
    assert len(set(ids)) == 7
    assert not set(ids) & set(HISTORY)
    for one in found["items"]:
        first = one["evidence"][0]
        assert first["id"] in HISTORY
        assert one["reason"].startswith(("Because you picked “", "Fits the history as a whole; nearest is “"))
        assert first["source"].rpartition(",")[0] in one["reason"]
    assert api.post("recommend", json={"history": HISTORY, "k": 7}).json() == found


def test_what_was_seen_may_be_recommended_when_asked_for(api):
    every = {"history": HISTORY, "k": 20, "category": "baking"}
    without = api.post("recommend", json=every).json()["items"]
    with_seen = api.post("recommend", json=every | {"exclude_seen": False}).json()["items"]
    assert len(without) == 17
    assert len(with_seen) == 20
    assert {one["item"]["category"] for one in with_seen} == {"baking"}


def test_without_a_history_what_is_popular_is_shown_as_such(api):
    found = api.post("recommend", json={}).json()
    assert (found["basis"], found["version"], len(found["items"])) == ("popularity", "", 10)
    assert found["items"][0]["score"] == 1
    scores = [one["score"] for one in found["items"]]
    assert scores == sorted(scores, reverse=True)
    assert "Popular now: " in found["items"][0]["reason"]
    assert api.post("recommend", json={"history": []}).json() == found


def test_a_click_joins_the_history_and_outlives_a_restart(api, start):
    before = api.get("users/u-002/history").json()["history"]
    fresh = next(f"i-{number:03}" for number in range(1, 321) if f"i-{number:03}" not in {
        one["item"]["item_id"] for one in before})  # fmt: skip
    event = {"event": {"kind": "click", "user_id": "u-002", "item": fresh, "place": 1}, "key": "one"}
    noted = api.post("events", json=event)
    assert noted.status_code == 201
    assert api.post("events", json=event).json() == noted.json()
    after = api.get("users/u-002/history").json()["history"]
    assert after[:-1] == before
    assert (after[-1]["item"]["item_id"], after[-1]["action"]) == (fresh, "view")
    listed = api.post("recommend", json={"user_id": "u-002", "k": 100}).json()
    assert listed["history_read"][-1] == fresh
    assert fresh not in {one["item"]["item_id"] for one in listed["items"]}


def test_a_new_user_is_known_from_the_first_click(api):
    assert "no user 'newcomer'" in problem(api.get("users/newcomer/history"), 404)
    api.post("events", json={"event": {"kind": "click", "user_id": "newcomer", "item": "i-003"}})
    assert len(api.get("users/newcomer/history").json()["history"]) == 1
    assert api.post("recommend", json={"user_id": "newcomer", "k": 1}).json()["basis"] == "interest"


def test_the_catalogue_is_listed_and_searched(api):
    seen, offset = [], 0
    while offset is not None:
        page = api.get("items", params={"limit": 150, "offset": offset}).json()
        seen += [item["item_id"] for item in page["items"]]
        offset = page["next_offset"]
    assert len(seen) == len(set(seen)) == page["total"] == 320
    assert len(page["categories"]) == 16
    found = api.get("items", params={"q": "sourdough starter", "limit": 5}).json()
    assert "i-002" in [item["item_id"] for item in found["items"]]
    assert found["total"] is None
    assert api.get("items/i-003").json()["title"] == "The Open Crumb Workshop"


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("score", {"history": ["I-003"], "item": "i-001"}, 404, "Did you mean 'i-003'"),
        ("score", {"history": HISTORY, "item": "nope"}, 404, "no item 'nope'"),
        ("score", {"history": [], "item": "i-001"}, 422, "at least 1 item"),
        ("score", {"history": HISTORY, "item": {"title": "  "}}, 422, "at least 1 character"),
        ("score", {"history": HISTORY, "item": {"title": "x" * 10_000}}, 422, "at most 300 characters"),
        ("recommend", {"user_id": "U-003"}, 404, "Did you mean 'u-003'"),
        ("recommend", {"user_id": "u-001", "history": HISTORY}, 422, "Give one of them"),
        ("recommend", {"history": HISTORY, "k": 0}, 422, "greater than or equal to 1"),
        ("recommend", {"history": HISTORY, "category": "bakin"}, 404, "Did you mean 'baking'"),
        ("recommend", {"histroy": HISTORY}, 422, "Extra inputs"),
        ("events", {"event": {"kind": "click", "item": "nope"}}, 404, "no item"),
        ("events", {"event": {"kind": "impression", "items": []}}, 422, "at least 1 item"),
        ("events", {"event": {"kind": "stare", "item": "i-001"}}, 422, "does not match"),
    ],
)
def test_what_cannot_be_answered_is_refused_clearly(api, path, body, status, told):
    assert told in problem(api.post(path, json=body), status)


def test_measuring_compares_every_way_on_the_same_users(host):
    done = CliRunner().invoke(measure, ["--split", "test"], obj=host["recommendation"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "popularity",
        "untrained encoder, history as one text",
        "untrained encoder, mean of the items",
        "head interest",
        "head interest, diversity 0.15 (as served)",
    ]
    assert lines[-1].startswith("12 users, split test")
