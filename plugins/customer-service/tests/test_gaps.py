"""Questions that nobody could answer: grouped, drafted, accepted, and answered from then on."""

import pytest

from verticals_customer_service.gaps import gaps

BASE = "/v1/customer-service"
QUESTIONS = (
    "would you sponsor the football team of our village",
    "do you sponsor football teams",
    "is there a chance that you sponsor a girls football team",
    "which of your goats speaks Portuguese",
)


@pytest.fixture(scope="module")
def asked(service):
    """Three customers with one matter, of whom one was answered by an agent; and a question that was asked once."""
    sessions = []
    for text in QUESTIONS:
        session = service.post(f"{BASE}/sessions").json()["session"]
        for words in (text, "a human please"):
            service.post(f"{BASE}/sessions/{session}/messages", json={"text": words})
        sessions.append(session)
    said = {
        "agent": "Dana",
        "text": "We sponsor two football teams a year with kit worth £900; applications close in May.",
    }
    service.post(f"{BASE}/sessions/{sessions[1]}/take-over", json={"agent": "Dana"})
    service.post(f"{BASE}/sessions/{sessions[1]}/replies", json=said)
    return sessions


def found(service, text):
    listed = service.get(f"{BASE}/gaps?limit=1000").json()["gaps"]
    return next((gap for gap in listed if any(text in one["text"] for one in gap["questions"])), None)


def test_questions_of_one_matter_are_one_gap(service, asked):
    gap = found(service, "team of our village")
    assert (gap["times"], gap["answered"]) == (3, 1)
    assert {one["session"] for one in gap["questions"]} == set(asked[:3])
    assert "football" in " ".join([gap["name"], *gap["terms"]])
    assert found(service, "goats")["times"] == 1


def test_a_draft_has_the_agents_answer_and_once_accepted_the_assistant_gives_it(service, asked):
    gap = found(service, "team of our village")
    [made] = service.post(f"{BASE}/gaps/drafts", json={"gap": gap["id"]}).json()
    assert (made["source"], made["basis"], made["times"]) == ("sessions", "agents", 3)
    assert "close in May" in made["answer"]
    assert found(service, "team of our village") is None, "it is a proposal now"
    assert service.post(f"{BASE}/gaps/drafts", json={"gap": gap["id"]}).status_code == 404
    assert service.post(f"{BASE}/gaps/drafts", json={"least": 1000}).json() == []

    decision = {"action": "accept", "name": "sponsoring", "article": True}
    accepted = service.post(f"{BASE}/proposals/{made['id']}/decisions", json=decision).json()
    assert (accepted["state"], accepted["document"]) == ("accepted", "learned-sponsoring")
    session = service.post(f"{BASE}/sessions").json()["session"]
    again = service.post(f"{BASE}/sessions/{session}/messages", json={"text": QUESTIONS[0]}).json()
    assert "learned-sponsoring" in [cited["id"] for cited in again["citations"]]
    assert "close in May" in again["text"]

    undone = service.post(f"{BASE}/proposals/{made['id']}/decisions", json={"action": "undo"}).json()
    assert (undone["state"], undone["document"]) == ("open", None)
    assert (
        service.get("/v1/platform/indexes/customer-service/knowledge/documents/learned-sponsoring").status_code == 404
    )
    service.post(f"{BASE}/proposals/{made['id']}/decisions", json={"action": "reject"})


def test_questions_like_rejected_ones_are_no_gap_again(service, asked):
    session = service.post(f"{BASE}/sessions").json()["session"]
    service.post(f"{BASE}/sessions/{session}/messages", json={"text": "do you sponsor football teams please"})
    assert found(service, "football teams please") is None


def test_nothing_is_grouped_twice(serving, service, asked, monkeypatch):
    from verticals_customer_service import gaps as module

    found(service, "goats")
    monkeypatch.setattr(module, "_groups", lambda *_: pytest.fail("nothing was asked since"))
    assert serving.call(gaps, serving.vertical).questions >= 1
