"""Doors on a real server, used as the clients they are for use them."""

import json
import time
import uuid

import pytest

from verticals_customer_service import limits

BASE = "/v1/customer-service"
SECRET = {"secret": "of the webhook address"}


@pytest.fixture
def visitor():
    return uuid.uuid4().hex


def rasa(service, visitor, text):
    answer = service.post(f"{BASE}/rasa/webhooks/rest/webhook", json={"sender": visitor, "message": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def completion(service, *messages, **fields):
    said = [{"role": role, "content": text} for role, text in messages]
    body = {"model": "customer-service", "messages": said, "temperature": 0.2, **fields}
    return service.post(f"{BASE}/openai/v1/chat/completions", json=body)


def test_rasas_rest_channel_remembers_its_sender(service, visitor):
    [message] = rasa(service, visitor, "My parcel is late")
    assert message["recipient_id"] == visitor
    assert "order number" in message["text"]
    [message] = rasa(service, visitor, "ll 204 518")
    assert "LL-204518" in message["text"]
    assert "buttons" not in message


def test_rasas_buttons_are_the_nearest_topics(service, visitor):
    [message] = rasa(service, visitor, "what is the capital of peru")
    assert len(message["buttons"]) == 3
    assert all(button["title"] == button["payload"] for button in message["buttons"])


def test_rasas_client_hears_the_agent_and_not_the_assistant_while_an_agent_has_the_session(service, visitor):
    rasa(service, visitor, "a human please")
    session = next(one["session"] for one in service.get(f"{BASE}/queue").json() if one["session"].startswith("rasa-"))
    assert service.get(f"{BASE}/sessions/{session}").json()["channel"] == "rasa"
    service.post(f"{BASE}/sessions/{session}/take-over", json={"agent": "Dana"})
    service.post(f"{BASE}/sessions/{session}/replies", json={"agent": "Dana", "text": "Hello, this is Dana."})
    assert [message["text"] for message in rasa(service, visitor, "where is my parcel?")] == ["Hello, this is Dana."]
    assert rasa(service, visitor, "anybody?") == []


@pytest.mark.parametrize("body", [{"sender": "x"}, {"sender": "", "message": "hi"}, {"sender": "x", "message": " "}])
def test_a_message_that_rasa_would_not_send_is_refused(service, body):
    answer = service.post(f"{BASE}/rasa/webhooks/rest/webhook", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:verticals:problem:bad-input")


def test_a_chat_completion_has_the_shape_that_openais_clients_read(service):
    answer = completion(service, ("system", "You are kind."), ("user", "where is my parcel?")).json()
    assert answer["object"] == "chat.completion"
    assert answer["id"] == f"chatcmpl-{answer['reply']['trace_id']}"
    [choice] = answer["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert choice["message"]["content"] == answer["reply"]["text"]
    assert answer["reply"]["citations"][0]["id"] == "where-is-my-parcel"
    assert service.get(f"{BASE}/openai/v1/models").json()["data"][0]["id"] == "customer-service"


def test_a_streamed_completion_says_the_same_in_pieces(service):
    whole = completion(service, ("user", "where is my parcel?")).json()["choices"][0]["message"]["content"]
    body = {"messages": [{"role": "user", "content": "where is my parcel?"}], "stream": True}
    with service.stream("POST", f"{BASE}/openai/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == whole
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]
    assert len(chunks) > 10


def test_without_a_user_the_request_itself_tells_what_was_before(service):
    asked = completion(service, ("user", "My parcel is late")).json()["choices"][0]["message"]["content"]
    said = ("user", "My parcel is late"), ("assistant", asked), ("user", "ll 204 518")
    assert "LL-204518" in completion(service, *said).json()["choices"][0]["message"]["content"]


def test_with_a_user_the_session_tells_what_was_before(service, visitor):
    first = completion(service, ("user", "My parcel is late"), user=visitor).json()["reply"]
    again = completion(service, ("user", [{"type": "text", "text": "ll 204 518"}]), user=visitor).json()["reply"]
    assert first["session"] == again["session"]
    assert "LL-204518" in again["text"]
    assert completion(service, ("user", "hello"), user="another").json()["reply"]["session"] != first["session"]


@pytest.mark.parametrize("messages", [[], [("system", "x")], [("user", "")]])
def test_a_completion_of_nothing_is_refused(service, messages):
    assert completion(service, *messages).status_code == 422


class Inbox:
    """A conversation of Chatwoot, and what it is told."""

    def __init__(self, service, chatwoot, number):
        self._service, self._chatwoot, self.number, self._messages = service, chatwoot, number, 0
        chatwoot.got.clear()

    def send(self, event="message_created", status="pending", params=SECRET, **fields):
        self._messages += 1
        body = {
            "event": event, "id": self.number * 1000 + self._messages, "account": {"id": 1}, "private": False,
            "message_type": "incoming", "conversation": {"id": self.number, "status": status}, **fields,
        }  # fmt: skip
        return self._service.post(f"{BASE}/chatwoot/agent-bot/events", json=body, params=params)

    def posted(self, count, what=""):
        """What Chatwoot got for this conversation, as soon as it is ``count`` posts."""
        deadline = time.monotonic() + 20
        while True:
            got = [one for one in self._chatwoot.got if f"/conversations/{self.number}/{what}" in one[0]]
            if len(got) >= count or time.monotonic() > deadline:
                return got
            time.sleep(0.02)


@pytest.fixture
def inbox(service, chatwoot):
    return Inbox(service, chatwoot, uuid.uuid4().int % 100_000)


def test_a_pending_conversation_of_chatwoot_is_answered_there(inbox):
    assert inbox.send(content="where is my parcel?").json()["taken"]
    [(path, token, body)] = inbox.posted(1)
    assert path == f"/api/v1/accounts/1/conversations/{inbox.number}/messages"
    assert (token, body["message_type"]) == ("bot", "outgoing")
    assert "parcel" in body["content"]


def test_a_handover_opens_the_conversation_for_chatwoots_agents(inbox):
    inbox.send(content="I want to speak to a real person")
    said, opened = inbox.posted(2)
    assert "colleague" in said[2]["content"]
    assert opened[0].endswith(f"/conversations/{inbox.number}/toggle_status")
    assert opened[2] == {"status": "open"}
    assert not inbox.send(content="hello?", status="open").json()["taken"]


def test_what_chatwoot_did_not_take_is_posted_again(inbox, chatwoot):
    chatwoot.answers = [500]
    inbox.send(content="where is my parcel?")
    first, second = inbox.posted(2)
    assert first == second


def test_a_customer_who_writes_too_fast_is_answered_a_little_later(inbox, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 1)
    for number in range(13):
        assert inbox.send(content=f"where is parcel {number}?").json()["taken"]
    assert len(inbox.posted(13, "messages")) == 13


def test_while_chatwoots_agents_have_it_the_assistant_is_silent_and_comes_back_with_it(inbox, service):
    conversation = {"id": inbox.number, "account": None, "conversation": None, "messages": [{"account_id": 1}]}
    assert inbox.send("conversation_opened", **conversation).json()["taken"]
    inbox.send(content="where is my parcel?")
    assert "parcel" in inbox.posted(1)[0][2]["content"]
    assert inbox.send("conversation_resolved", **conversation).json()["taken"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"message_type": "outgoing", "content": "hi"}, "no message of a customer"),
        ({"private": True, "content": "hi"}, "no message of a customer"),
        ({"content": None}, "no message of a customer"),
        ({"event": "webwidget_triggered"}, "mean nothing here"),
    ],
)
def test_what_is_no_customers_message_is_left_alone(inbox, fields, told):
    answer = inbox.send(**fields).json()
    assert not answer["taken"]
    assert told in answer["why"]


def test_chatwoot_must_know_the_secret(inbox):
    answer = inbox.send(content="hi", params={"secret": "guessed"})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:verticals:problem:unauthorized")
