"""The API on the real host, from end to end; the encoder is tiny, so what it says is not looked at."""

import datetime as dt

import pytest

TEXTS = ["Crude slides 4% as exporters agree to pump more", "Rates left unchanged, as expected"]


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    return " ".join([body["detail"], body.get("remedy") or "", *(e["problem"] for e in body.get("errors") or [])])


def test_a_text_is_analysed_in_full(api):
    both = api.post("analyze", json={"texts": TEXTS}).json()
    assert [one["text"] for one in both["results"]] == TEXTS
    for one in both["results"]:
        assert set(one["probabilities"]) == {"negative", "neutral", "positive"}
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert one["score"] == pytest.approx(one["probabilities"]["positive"] - one["probabilities"]["negative"])
        assert one["confidence"] == pytest.approx(one["probabilities"][one["sentiment"]], abs=1e-6)
    assert both["versions"] == ["financial-sentiment/sentiment@v1", "financial-sentiment/topic@v1"]
    alone = api.post("analyze", json={"text": TEXTS[1]}).json()["results"]
    assert [one["sentiment"] for one in alone] == [both["results"][1]["sentiment"]]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"text": "   "}, "at least 1 character"),
        ({"text": "a" * 10_000}, "at most 2000 characters"),
        ({"texts": []}, "at least 1 item"),
        ({"texts": ["a"] * 257}, "at most 256 items"),
        ({}, "either 'text' or 'texts'"),
        ({"text": "a", "texts": ["b"]}, "either 'text' or 'texts'"),
        ({"txt": "a"}, "Extra inputs are not permitted"),
    ],
)
def test_a_text_that_cannot_be_analysed_is_refused_clearly(api, body, told):
    assert told in problem(api.post("analyze", json=body), 422)


def test_the_starter_headlines_are_documents_with_the_labels_of_the_data(api):
    page = api.get("documents", params={"limit": 200}).json()
    assert page["total"] >= 662
    starter = api.get("documents/h-0001").json()
    assert (starter["topic"], starter["sentiment"], starter["score"]) == ("markets", "positive", 1.0)
    assert (starter["labelled_by"], starter["versions"]) == ("data", [])


def test_documents_are_filtered_and_paged_without_gap_or_repetition(api):
    wanted = {"topic": ["energy", "banking"], "sentiment": "negative", "from": "2026-03-01", "to": "2026-04-30"}
    seen, offset = [], 0
    while offset is not None:
        page = api.get("documents", params=wanted | {"limit": 7, "offset": offset}).json()
        seen += page["documents"]
        offset = page["next_offset"]
    assert len(seen) == len({one["id"] for one in seen}) == page["total"] > 7
    assert {one["topic"] for one in seen} == {"energy", "banking"}
    assert {one["sentiment"] for one in seen} == {"negative"}
    assert [one["date"] for one in seen] == sorted((one["date"] for one in seen), reverse=True)
    assert "2026-03-01" <= seen[-1]["date"] <= seen[0]["date"] <= "2026-04-30"


def test_search_finds_words_within_the_filters_only(api):
    found = api.get("documents", params={"q": "refinery", "topic": "energy", "from": "2026-03-01", "limit": 5}).json()
    assert "refinery" in found["documents"][0]["text"].lower()
    assert {one["topic"] for one in found["documents"]} == {"energy"}
    assert min(one["date"] for one in found["documents"]) >= "2026-03-01"
    assert api.get("documents", params={"q": "oil", "to": "2001-01-01"}).json()["documents"] == []


def test_a_document_is_added_once_however_often_it_is_sent(api):
    body = {"documents": [{"id": f"once-{n}", "date": "2024-05-06", "text": text} for n, text in enumerate(TEXTS)]}
    first, again = api.post("documents", json=body), api.post("documents", json=body)
    assert (first.status_code, first.json()["added"], again.json()["added"]) == (201, 2, 0)
    assert [one["status"] for one in again.json()["documents"]] == ["known", "known"]
    stored = api.get("documents/once-0").json()
    assert (stored["labelled_by"], stored["date"]) == ("model", "2024-05-06")
    assert {**first.json()["documents"][0], "status": None} == {**stored, "status": None}
    hits = api.get("documents", params={"q": TEXTS[0], "to": "2024-12-31"}).json()["documents"]
    assert hits[0]["id"] == "once-0"


def test_one_document_without_an_id_is_known_by_day_and_text(api):
    body = {"date": "2024-02-03", "text": "  Bank lifts its outlook  "}
    first, again = (api.post("documents", json=body).json() for _ in range(2))
    assert first["documents"][0]["text"] == "Bank lifts its outlook"
    assert (first["added"], again["added"]) == (1, 0)
    assert first["documents"][0]["id"] == again["documents"][0]["id"]


def test_an_id_taken_by_another_text_is_a_conflict_and_adds_nothing(api):
    body = {"documents": [{"id": "fresh", "text": "New"}, {"id": "h-0001", "text": "Something else"}]}
    assert "'h-0001'" in problem(api.post("documents", json=body), 409)
    assert "'fresh'" in problem(api.get("documents/fresh"), 404)
    twice = {"documents": [{"id": "twice", "text": "One"}, {"id": "twice", "text": "Other"}]}
    assert "'twice'" in problem(api.post("documents", json=twice), 422)


def test_a_document_that_does_not_fit_is_refused_with_its_place(api):
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
    for document, told in (
        ({"text": ""}, "at least 1 character"),
        ({"text": "a", "date": str(tomorrow)}, "in the future"),
        ({"text": "a", "id": "no spaces"}, "match pattern"),
    ):
        assert told in problem(api.post("documents", json={"documents": [document]}), 422)
        assert told in problem(api.post("documents", json=document), 422)


def test_the_trend_agrees_with_the_documents_it_tells_of(api):
    period = {"topic": "energy", "from": "2026-03-02", "to": "2026-03-29"}
    (series,) = api.get("trends", params=period).json()["series"]
    assert [point["start"] for point in series["points"]] == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]
    for point in series["points"]:
        bounds = {"topic": "energy", "from": point["start"], "to": point["end"]}
        documents = api.get("documents", params=bounds).json()["documents"]
        assert point["count"] == len(documents) == sum(point["counts"].values())
        assert point["mean"] == pytest.approx(sum(one["score"] for one in documents) / len(documents))
        assert {one["id"] for one in point["evidence"]} <= {one["id"] for one in documents}
    assert series["mood"] == series["points"][-1]["smoothed"]


def test_several_topics_give_several_trends_and_none_gives_one_of_all(api):
    several = api.get("trends", params={"topic": ["energy", "labour"], "evidence": 0}).json()["series"]
    assert [one["topic"] for one in several] == ["energy", "labour"]
    assert all(point["evidence"] == [] for one in several for point in one["points"])
    (overall,) = api.get("trends", params={"bucket": "day", "from": "2026-06-01"}).json()["series"]
    assert overall["topic"] is None
    assert len(overall["points"]) >= 30


def test_what_cannot_be_asked_is_answered_clearly(api):
    assert "'energy'" in problem(api.get("trends", params={"topic": "enrgy"}), 404)
    assert "'day' or 'week'" in problem(api.get("trends", params={"bucket": "year"}), 422)
    assert "before it starts" in problem(api.get("trends", params={"from": "2026-03-05", "to": "2026-03-01"}), 422)
    assert "before it starts" in problem(api.get("documents", params={"from": "2026-03-05", "to": "2026-03-01"}), 422)
    assert "'nope'" in problem(api.get("documents/nope"), 404)
    assert "best 500" in problem(api.get("documents", params={"q": "oil", "offset": 490}), 422)
