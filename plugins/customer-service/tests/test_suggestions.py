"""What live sessions suggest to learn: from thumbs, agents' replies and corrections to rows and documents, and back."""

from datetime import UTC, datetime

import pytest

from verticals import Event
from verticals_customer_service.redaction import Redactor
from verticals_customer_service.suggestions import of_session

BASE = "/v1/customer-service"


def history(*said):
    """One session: ``(role, text, fields)`` are messages, ``(kind, fields)`` other events; answers reply in turn."""
    events, asked = [], None
    for offset, (first, *rest) in enumerate(said, start=1):
        kind, payload = first, {"session": "s", **rest[-1]}
        if first in ("customer", "assistant", "agent"):
            kind, payload = "message", {"role": first, "text": rest[0], "session": "s", **rest[1]}
            if first == "customer":
                asked = offset
            payload.setdefault("reply_to", asked)
        events.append(Event(offset, "customer-service", kind, payload, datetime.now(UTC)))
    return of_session(events, Redactor(r"LL-\d{6}"))


def answer(action="answer", intent="track_parcel", rule="intent", confidence=0.9):
    ranking = [{"label": label, "probability": 0.5} for label in (intent, "parcel_late")]
    told = {"action": action, "intent": intent, "rule": rule, "confidence": confidence, "ranking": ranking}
    return {"answer": told, "trace_id": "t1"}


def test_a_thumb_up_confirms_what_was_understood():
    [one] = history(
        ("customer", "where is LL-204518, I'm ann@mail.example", {}),
        ("assistant", "On its way.", answer()),
        ("feedback", {"offset": 2, "thumb": "up"}),
    )
    assert (one.id, one.intent, one.text) == ("s:1", "track_parcel", "where is [ORDER], I'm [EMAIL]")
    assert [(signal.source, signal.event) for signal in one.signals] == [("thumb-up", 3)]


def test_a_thumb_down_says_nothing_of_the_intent_unless_only_the_answer_was_wrong():
    asked, said = ("customer", "where is my parcel?", {}), ("assistant", "On its way.", answer())
    [one] = history(asked, said, ("feedback", {"offset": 2, "thumb": "down", "comment": "call me on 0113 496 0142"}))
    assert (one.intent, one.understood, one.others) == (None, "track_parcel", ["track_parcel", "parcel_late"])
    assert one.signals[0].told == "call me on [PHONE]"
    [one] = history(asked, said, ("feedback", {"offset": 2, "thumb": "down", "wrong": "answer"}))
    assert (one.intent, one.signals[0].told) == ("track_parcel", "Not true or out of date")


def test_the_last_thumb_counts_and_one_for_a_detail_confirms_nothing():
    asked, detail = ("customer", "LL-204518", {}), ("assistant", "Your parcel.", answer(rule="detail"))
    assert history(asked, detail, ("feedback", {"offset": 2, "thumb": "up"})) == []
    asked, said = ("customer", "where is my parcel?", {}), ("assistant", "On its way.", answer())
    [one] = history(asked, said, *(("feedback", {"offset": 2, "thumb": thumb}) for thumb in ("down", "up")))
    assert [signal.source for signal in one.signals] == ["thumb-up"]


def test_an_agents_reply_belongs_to_the_question_that_nobody_had_answered():
    found = history(
        ("customer", "where is my parcel?", {}),
        ("assistant", "On its way.", answer()),
        ("customer", "and do you sharpen kitchen scissors too?", {}),
        ("assistant", "I have no answer to that.", answer("abstain", "knife_care", "nothing", 0.3)),
        ("customer", "a human please", {}),
        ("assistant", "I'm passing you on.", answer("handover", "speak_to_human", "asked", 0.99)),
        ("agent", "Hello, this is Dana.", {"agent": "Dana"}),
        ("agent", "We sharpen scissors in the showroom on Tuesdays, for £4 each.", {"agent": "Dana"}),
        ("customer", "thanks!", {}),
    )
    [one] = found
    assert (one.id, one.text) == ("s:3", "and do you sharpen kitchen scissors too?")
    assert one.answer == "We sharpen scissors in the showroom on Tuesdays, for £4 each."
    assert (one.intent, one.understood) == (None, "knife_care"), "what the assistant was not sure of is not proposed"
    assert [(signal.source, signal.by) for signal in one.signals] == [("agent", "Dana")]


def test_an_agents_reply_after_an_answer_that_did_not_do_belongs_to_its_question():
    [one] = history(
        ("customer", "my parcel has been with a neighbour for a week", {}),
        ("assistant", "On its way.", answer()),
        ("customer", "human", {}),
        ("assistant", "I'm passing you on.", answer("handover", "speak_to_human", "asked", 0.99)),
        ("agent", "Ask the neighbour for the card that our carrier has left there.", {"agent": "Dana"}),
    )
    assert (one.offset, one.intent) == (1, "track_parcel")


def test_a_correction_comes_before_all_else():
    [one] = history(
        ("customer", "where is my parcel?", {}),
        ("assistant", "On its way.", answer()),
        ("feedback", {"offset": 2, "thumb": "up"}),
        ("turn-corrected", {"offset": 1, "intent": "parcel_late", "answer": "Write to bo@mail.example.", "by": "Ann"}),
    )
    assert (one.intent, one.answer) == ("parcel_late", "Write to [EMAIL].")
    assert [signal.source for signal in one.signals] == ["correction", "thumb-up"]


def ask(service, text):
    session = service.post(f"{BASE}/sessions").json()["session"]
    return service.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()


def decide(service, one, action, status=200, **fields):
    told = service.post(f"{BASE}/suggestions/{one['id']}/decisions", json={"action": action, **fields})
    assert told.status_code == status, told.text
    return told.json()


def utterances(serving):
    return {(row["text"], row["intent"]) for row in serving.call(serving.vertical.rows, "utterances")}


def test_a_correction_is_learned_once_it_is_accepted_and_can_be_taken_back(service, serving):
    reply = ask(service, "can my terrier come along to the showroom")
    path = f"{BASE}/traces/{reply['trace_id']}/correction"
    answer = "Dogs on a lead are welcome in the showroom. Ask at the desk for a bowl of water."
    one = service.post(path, json={"intent": "Dogs in showroom", "answer": answer, "by": "Dana"}).json()
    row = ("can my terrier come along to the showroom", "dogs_in_showroom")

    def paired():
        pairs = serving.call(serving.vertical.rows, "answers")
        return [pair["answer"] for pair in pairs if pair["question"] == row[0]]

    assert (one["intent"], one["state"], one["signals"][0]["by"]) == ("dogs_in_showroom", "open", "Dana")
    assert one["id"] in {other["id"] for other in service.get(f"{BASE}/suggestions?source=correction").json()}
    assert row not in utterances(serving)

    accepted = decide(service, one, "accept")
    assert (accepted["state"], row in utterances(serving)) == ("accepted", True)
    assert paired() == [answer], "what the head that ranks learns from"
    again = ask(service, "can my terrier come along to the showroom")
    assert accepted["document"] in [cited["id"] for cited in again["citations"]]
    decide(service, one, "accept", status=409)

    assert decide(service, one, "undo")["state"] == "open"
    assert row not in utterances(serving)
    assert paired() == []
    again = ask(service, "can my terrier come along to the showroom")
    assert accepted["document"] not in [cited["id"] for cited in again["citations"]]
    assert decide(service, one, "reject")["state"] == "rejected"
    assert decide(service, one, "undo")["state"] == "open"
    assert decide(service, one, "accept", article=False)["document"] is None
    decide(service, one, "undo")


def test_a_thumb_down_must_be_told_what_it_was_about(service):
    reply = ask(service, "where is my parcel, it was promised for Monday")
    thumb = {"thumb": "down", "wrong": "question", "comment": "I asked about the promise"}
    assert service.post(f"{BASE}/sessions/{reply['session']}/feedback", json=thumb).status_code == 201
    one = service.get(f"{BASE}/suggestions?state=open&source=thumb-down&limit=1").json()[0]
    assert one["session"] == reply["session"]
    refused = decide(service, one, "accept", status=422)
    assert "what this question is about" in refused["detail"]
    assert decide(service, one, "reject")["state"] == "rejected"


@pytest.mark.parametrize("body", [{"intent": "?!"}, {}, {"intent": "x" * 300}])
def test_a_correction_needs_the_name_of_an_intent(service, body):
    reply = ask(service, "where is my parcel?")
    assert service.post(f"{BASE}/traces/{reply['trace_id']}/correction", json=body).status_code == 422
    assert service.post(f"{BASE}/traces/nothing/correction", json={"intent": "x"}).status_code == 404


def test_another_version_of_the_head_answers_a_replay(service):
    reply = ask(service, "where is my parcel?")
    path = f"{BASE}/traces/{reply['trace_id']}/replay"
    replay = service.post(path, json={"version": "v1"}).json()
    assert (replay["version"], replay["changed"]) == ("customer-service/intent@v1", False)
    assert service.post(path, json={"version": "v99"}).status_code == 404
