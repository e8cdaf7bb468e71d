"""Zendesk: a ticket with its comments, as the export in JSON has it, one ticket a line.

Read are ``id``, ``status``, ``requester_id`` (or ``requester.id``), ``satisfaction_rating.score``, ``description``, and
of each of ``comments`` ``author_id``, ``public``, ``plain_body``, ``html_body`` or ``body``, and ``created_at``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SETTLED = ("solved", "closed")
_RATINGS = {"good": 5, "bad": 1}


def is_ticket(value: Mapping[str, Any]) -> bool:
    """Whether an object looks like a ticket of Zendesk."""
    return isinstance(value.get("comments"), list) and ("requester_id" in value or "requester" in value)


def ticket(value: Mapping[str, Any]) -> dict[str, Any]:
    """The ticket as ``{dialogue_id, turns, resolved, csat}``; internal notes are left out."""
    requester = value.get("requester_id")
    if requester is None and isinstance(value.get("requester"), Mapping):
        requester = value["requester"].get("id")
    turns = []
    for comment in value["comments"]:
        if not isinstance(comment, Mapping):
            turns.append(comment)
        elif comment.get("public", True):
            author = comment.get("author_id")
            role = None if author is None or requester is None else "customer" if author == requester else "agent"
            text = next((comment[name] for name in ("plain_body", "html_body", "body") if comment.get(name)), None)
            turns.append({"role": role, "text": text, "ts": comment.get("created_at")})
    if not turns and value.get("description"):
        turns.append({"role": "customer", "text": value["description"], "ts": value.get("created_at")})
    rating, status, name = value.get("satisfaction_rating"), value.get("status"), value.get("id")
    score = rating.get("score") if isinstance(rating, Mapping) else None
    return {
        "dialogue_id": f"zendesk-{name}" if name is not None else None,
        "turns": turns,
        "resolved": status in _SETTLED if isinstance(status, str) else None,
        "csat": _RATINGS.get(score) if isinstance(score, str) else None,
    }
