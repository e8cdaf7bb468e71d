"""End to end on the real host: the API as an application uses it, and questions as customers put them."""

import csv
import tomllib
from pathlib import Path

import pytest

from verticals import Document, NotFound
from verticals_customer_service.conversation import Conversations
from verticals_customer_service.data import STARTER

BASE = "/v1/customer-service"
DEVELOPMENT, HELD_OUT = (
    tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    for name in ("questions.toml", "held_out.toml")
)
PROBLEM = "urn:verticals:problem:"


@pytest.fixture
def session(service):
    answer = service.post(f"{BASE}/sessions")
    assert answer.status_code == 201
    assert "Larkspur & Lane" in answer.json()["greeting"]
    return answer.json()["session"]


@pytest.fixture
def say(service, session):
    def send(text, **fields):
        answer = service.post(f"{BASE}/sessions/{session}/messages", json={"text": text, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


def ask(service, text):
    session = service.post(f"{BASE}/sessions").json()["session"]
    answer = service.post(f"{BASE}/sessions/{session}/messages", json={"text": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_no_question_stands_among_the_utterances():
    with (STARTER / "utterances.csv").open(encoding="utf-8") as file:
        known = {row["text"].lower().strip() for row in csv.DictReader(file)}
    asked = {text.lower() for part in (DEVELOPMENT, HELD_OUT) for text in part["answered"]} - {"where is my parcel?"}
    assert not asked & known


@pytest.mark.parametrize(
    ("questions", "floor"),
    [
        # Floors against decline, not goals. The head here is trained alone, in seconds; the README has the figures of
        # the version that the first start really trains.
        pytest.param(DEVELOPMENT, 0.62, id="development"),
        pytest.param(HELD_OUT, 0.5, id="held-out"),
    ],
)
def test_customers_questions_cite_the_right_article_as_often_as_when_measured(service, questions, floor):
    missed = []
    for text, articles in questions["answered"].items():
        answer = ask(service, text)
        cited = answer["citations"][0]["id"] if answer["citations"] else None
        if cited not in articles:
            missed.append(f"{text} -> {answer['action']} {answer['intent']} {cited}")
    assert len(missed) <= (1 - floor) * len(questions["answered"]), "\n".join(missed)


@pytest.mark.parametrize("text", [*DEVELOPMENT["out_of_scope"]["questions"], *HELD_OUT["out_of_scope"]["questions"]])
def test_what_is_no_business_of_the_shop_gets_no_confident_answer(service, text):
    answer = ask(service, text)
    assert (answer["action"], answer["citations"]) == ("abstain", [])
    assert "support@larkspur-and-lane.example" in answer["text"]


def test_the_parcel_question_is_answered_with_a_passage(say):
    answer = say("where is my parcel?")
    assert (answer["action"], answer["intent"]) == ("answer", "track_parcel")
    evidence = answer["citations"][0]
    assert evidence["source"] == "delivery/where-is-my-parcel.md"
    start, end = evidence["span"]
    assert len(evidence["text"][start:end]) > 20
    assert answer["ranking"][0] == {"label": "track_parcel", "probability": pytest.approx(answer["confidence"])}


def test_a_conversation_is_remembered_and_can_be_read_back(service, session, say):
    asked = say("My parcel is late")
    assert asked["action"] == "ask"
    answer = say("ll 204 518")
    assert "LL-204518" in answer["text"]
    assert answer["citations"][0]["id"] == "late-parcel"
    assert "LL-204518" in say("can I cancel my order?")["text"]

    turns = service.get(f"{BASE}/sessions/{session}/messages").json()
    assert [turn["role"] for turn in turns] == ["customer", "assistant"] * 3
    offsets = [turn["offset"] for turn in turns]
    assert offsets == sorted(set(offsets))
    assert offsets[1] == asked["offset"]


def test_a_repeated_key_gives_the_same_answer_and_writes_nothing(service, session, say):
    first, again = say("Do you deliver to Ireland?", key="k1"), say("Do you deliver to Ireland?", key="k1")
    assert first == again
    assert len(service.get(f"{BASE}/sessions/{session}/messages").json()) == 2
    other = service.post(f"{BASE}/sessions/{session}/messages", json={"text": "Another thing", "key": "k1"})
    assert (other.status_code, other.json()["type"]) == (409, f"{PROBLEM}conflict")


def test_the_latest_thumb_counts(service, session, say):
    offset = say("where is my parcel?")["offset"]
    for thumb in ("up", "down"):
        noted = service.post(f"{BASE}/sessions/{session}/feedback", json={"offset": offset, "thumb": thumb})
        assert noted.status_code == 201
        assert noted.json()["feedback"]["thumb"] == thumb
    turns = service.get(f"{BASE}/sessions/{session}/messages").json()
    assert [turn["feedback"] for turn in turns] == [None, "down"]


def test_a_thumb_without_an_offset_is_for_the_latest_answer(service, session, say):
    assert service.post(f"{BASE}/sessions/{session}/feedback", json={"thumb": "up"}).status_code == 404
    say("hello")
    offset = say("thanks")["offset"]
    noted = service.post(f"{BASE}/sessions/{session}/feedback", json={"thumb": "up"})
    assert noted.json()["feedback"]["offset"] == offset


def test_feedback_needs_an_answer_of_this_session(service, session, say):
    offset = say("hello")["offset"]
    answer = service.post(f"{BASE}/sessions/{session}/feedback", json={"offset": offset - 1, "thumb": "up"})
    assert (answer.status_code, answer.json()["type"]) == (404, f"{PROBLEM}not-found")
    assert str(offset) in answer.json()["remedy"]


@pytest.mark.parametrize("path", ["messages", "feedback"])
def test_an_unknown_session_is_not_found(service, path):
    body = {"text": "hi"} if path == "messages" else {"offset": 1, "thumb": "up"}
    answer = service.post(f"{BASE}/sessions/unknown/{path}", json=body)
    assert answer.status_code == 404
    assert "unknown" in answer.json()["detail"]
    assert service.get(f"{BASE}/sessions/unknown/messages").status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n\t "}, "empty"),
        ({"text": "x" * 10_000}, "10,000"),
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": "hi", "key": ""}, "key"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_and_not_kept(service, session, body, told):
    answer = service.post(f"{BASE}/sessions/{session}/messages", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"{PROBLEM}bad-input")
    assert told in answer.text
    assert service.get(f"{BASE}/sessions/{session}/messages").json() == []


def test_the_chat_page_renders(service):
    page = service.get("/customer-service")
    assert page.status_code == 200
    assert "cs-log" in page.text


def test_each_tenant_has_its_own_sessions_and_articles(serving) -> None:
    served, call = serving.vertical, serving.call
    acme, globex = (Conversations(served.of(tenant)) for tenant in ("acme", "globex"))
    own = Document(
        id="canteen", title="Where is the canteen of Acme?", text="The canteen of Acme is on the third floor."
    )
    call(acme.vertical.index("knowledge").upsert, [own])
    session = call(acme.start).session
    call(acme.reply, session, "Where is the canteen of Acme?")
    assert len(call(acme.history, session)) == 2
    for other in (globex, Conversations(served)):
        with pytest.raises(NotFound):
            call(other.history, session)
        assert "canteen" not in {
            hit.document.id for hit in call(other.vertical.index("knowledge").search, "canteen of Acme")
        }
