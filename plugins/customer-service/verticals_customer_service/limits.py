"""How fast one session may write."""

from __future__ import annotations

from datetime import UTC, datetime

from verticals import Unavailable

from .session import State

SECONDS = 10


class TooFast(Unavailable):
    """The session has written as much as it may within a short time."""

    status = 429
    type = "too-many-requests"


def check(state: State, burst: int) -> None:
    """Refuse one more message of a session that has written ``burst`` of them within `SECONDS`.

    Raises:
        TooFast: it says when the message may be sent again.
    """
    now = datetime.now(UTC)
    ages = sorted((now - message.at).total_seconds() for message in state.of("customer"))
    recent = [age for age in ages if age < SECONDS]
    if len(recent) >= burst:
        seconds = SECONDS - recent[burst - 1]
        raise TooFast(
            f"A session may send {burst} messages in {SECONDS} seconds; this one was not taken.",
            f"Send it again in {max(1, round(seconds + 0.5))} seconds.",
            seconds,
        )
