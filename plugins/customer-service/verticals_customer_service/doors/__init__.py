"""Doors: other systems' ways to talk to an assistant, so that their clients need no change but the address.

A door derives the session from the name that its client gives to the conversation; all else is as in the API.
"""

from __future__ import annotations

import hashlib

from verticals import ServedVertical
from verticals_customer_service.conversation import Conversations


async def session_of(vertical: ServedVertical, channel: str, name: str) -> str:
    """The session of a conversation that a client calls ``name``; it begins where there is none yet."""
    session = f"{channel}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    await Conversations(vertical).start(session, channel)
    return session
