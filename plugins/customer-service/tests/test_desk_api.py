"""Agents at the desk, on a real server: the queue, a take-over in the middle of things, traces and what-ifs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

BASE = "/v1/customer-service"


@pytest.fixture
def session(service):
    return service.post(f"{BASE}/sessions").json()["session"]


@pytest.fixture
def post(service, session):
    def send(step, status=200, **body):
        answer = service.post(f"{BASE}/sessions/{session}/{step}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def queue(service):
    return [one["session"] for one in service.get(f"{BASE}/queue").json()]


def test_who_asks_for_a_person_waits_in_the_queue_until_an_agent_comes(service, session, post):
    assert post("messages", text="I want to speak to a real person")["action"] == "handover"
    waiting = next(one for one in service.get(f"{BASE}/queue").json() if one["session"] == session)
    assert waiting["reason"] == "asked"
    assert "real person" in waiting["summary"]
    assert waiting["urgency"] >= waiting["seconds"] >= 0
    assert post("take-over", agent="Dana")["mode"] == "manual"
    assert session not in queue(service)
    assert post("messages", text="where is my parcel?")["action"] == "silent"
    assert post("replies", agent="Dana", text="On its way.")["agent"] == "Dana"
    assert post("return", agent="Dana")["status"] == "open"
    assert post("messages", text="where is my parcel?")["action"] == "answer"


def test_a_button_asks_for_a_person_too(service, session, post):
    post("messages", text="where is my parcel?")
    asked = post("handover")
    assert (asked["status"], asked["handover"]) == ("waiting", None), "what agents are told is not for customers"
    assert post("handover")["status"] == "waiting"
    assert queue(service).count(session) == 1
    post("resolve", by="Dana")
    assert session not in queue(service)


def test_answers_that_do_not_help_end_with_a_person(post):
    strange = "Who painted the Mona Lisa?", "How do I bake bread?", "Is it going to rain tomorrow?"
    actions = [post("messages", text=text)["action"] for text in strange]
    assert actions == ["abstain", "abstain", "handover"]


def test_customers_who_write_while_an_agent_takes_over_get_no_word_of_the_assistant_after_it(service, session, post):
    """Requests of several clients at once, and a take-over in the middle of them."""
    started = threading.Barrier(9)

    def ask(number):
        with httpx.Client(base_url=service.base_url, timeout=60) as client:
            started.wait()
            return client.post(
                f"{BASE}/sessions/{session}/messages", json={"text": f"where is parcel {number}?"}
            ).json()

    def take():
        with httpx.Client(base_url=service.base_url, timeout=60) as client:
            started.wait()
            return client.post(f"{BASE}/sessions/{session}/take-over", json={"agent": "Dana"}).json()

    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(ask, number) for number in range(8)]
        taken = pool.submit(take).result()["offset"]
        replies = [one.result() for one in asked]
    turns = service.get(f"{BASE}/sessions/{session}/messages").json()
    spoken = [turn["offset"] for turn in turns if turn["role"] == "assistant"]
    assert all(offset < taken for offset in spoken)
    assert sum(turn["role"] == "customer" for turn in turns) == 8
    assert sorted(spoken) == sorted(reply["offset"] for reply in replies if reply["action"] != "silent")


def test_twenty_messages_in_a_second_are_taken_or_refused_never_lost(service, session):
    def send(number):
        with httpx.Client(base_url=service.base_url, timeout=60) as client:
            body = {"text": f"question {number}", "key": str(number)}
            return client.post(f"{BASE}/sessions/{session}/messages", json=body)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    refused = [answer for answer in answers if answer.status_code == 429]
    taken = [answer for answer in answers if answer.status_code == 200]
    assert len(refused) + len(taken) == 20
    assert len(refused) >= 1
    assert len(taken) >= 12
    for answer in refused:
        assert answer.json()["type"] == "urn:verticals:problem:too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 11
    turns = service.get(f"{BASE}/sessions/{session}/messages").json()
    assert [turn["role"] for turn in turns].count("customer") == len(taken)
    assert [turn["role"] for turn in turns].count("assistant") == len(taken)


def test_a_trace_tells_why_and_a_replay_what_if(service, post):
    reply = post("messages", text="where is my parcel?")
    turn = service.get(f"{BASE}/traces/{reply['trace_id']}").json()
    trace = turn["trace"]
    assert (turn["offset"], turn["answer"]["text"]) == (reply["offset"], reply["text"])
    assert (trace["rule"], trace["template_id"]) == ("intent", "track-parcel-general")
    assert trace["ranking"][0]["label"] == reply["intent"] == "track_parcel"
    assert len(trace["ranking"]) > 30
    assert {"where-is-my-parcel", "late-parcel"} & {passage["id"] for passage in trace["passages"]}
    assert trace["thresholds"]["confidence"] == 0.5

    def replayed(**thresholds):
        return service.post(f"{BASE}/traces/{reply['trace_id']}/replay", json=thresholds).json()

    same = replayed()
    assert (same["changed"], same["answer"]["text"]) == (False, reply["text"])
    assert same["answer"]["citations"] == reply["citations"]
    other = replayed(similarity=1.0, confidence=1.0)
    assert other["thresholds"]["confidence"] == 1.0
    assert other["answer"]["action"] in ("answer", "abstain")
    assert service.get(f"{BASE}/traces/nothing").status_code == 404


def test_a_lower_threshold_turns_an_abstention_into_a_quotation(service, post):
    reply = post("messages", text="my dog has a fever, what medicine should I give him")
    assert reply["action"] == "abstain"
    replay = service.post(f"{BASE}/traces/{reply['trace_id']}/replay", json={"similarity": 0.0}).json()
    assert (replay["changed"], replay["answer"]["action"]) == (True, "search")
    assert (
        replay["answer"]["citations"][0]["id"]
        == service.get(f"{BASE}/traces/{reply['trace_id']}").json()["trace"]["passages"][0]["id"]
    )
