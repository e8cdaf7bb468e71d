"""Chatwoot: a conversation as its API and its webhooks give it.

Read are ``id``, ``status``, ``messages`` (or ``payload``, as the list of messages is called), and of each message
``content``, ``message_type``, ``private``, ``created_at``; ``csat_survey_response.rating`` where a message has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ROLES = {0: "customer", "incoming": "customer", 1: "agent", "outgoing": "agent"}
_NOT_SAID = (2, "activity", 3, "template")  # "Anna joined", greetings of the inbox


def is_conversation(value: Mapping[str, Any]) -> bool:
    """Whether an object looks like a conversation of Chatwoot."""
    messages = _messages(value)
    return isinstance(messages, list) and any(isinstance(one, Mapping) and "message_type" in one for one in messages)


def conversation(value: Mapping[str, Any]) -> dict[str, Any]:
    """The conversation as ``{dialogue_id, turns, resolved, csat}``."""
    turns, csat = [], None
    for message in _messages(value):
        if not isinstance(message, Mapping):
            turns.append(message)
            continue
        survey = _within(message, "content_attributes", "submitted_values", "csat_survey_response")
        csat = survey.get("rating", csat) if isinstance(survey, Mapping) else csat
        kind = message.get("message_type")
        if not message.get("private") and kind not in _NOT_SAID:
            role = _ROLES.get(kind) if isinstance(kind, int | str) else None
            turns.append({"role": role, "text": message.get("content"), "ts": message.get("created_at")})
    status = value.get("status")
    name = value.get("id", value.get("conversation_id", _first_conversation(value)))
    return {
        "dialogue_id": f"chatwoot-{name}" if name is not None else None,
        "turns": turns,
        "resolved": status == "resolved" if isinstance(status, str) else None,
        "csat": csat,
    }


def _messages(value: Mapping[str, Any]) -> Any:
    return value.get("messages", value.get("payload"))


def _first_conversation(value: Mapping[str, Any]) -> Any:
    found = (one.get("conversation_id") for one in _messages(value) if isinstance(one, Mapping))
    return next((name for name in found if name is not None), None)


def _within(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
