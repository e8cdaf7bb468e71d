"""The text of one message, as it is kept: what can be read of it, and no more than is read."""

from __future__ import annotations

import re
import unicodedata

from verticals import BadInput

from .data import LONGEST

# Control characters, halves of surrogate pairs and what is no character; and what turns the direction of all text
# behind it, so that an agent would read something else than was written. Joiners and marks of direction stay: emoji,
# Persian and Hebrew are written with them.
_DROPPED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_BLANK = frozenset("\u2800\u3164\u115f\u1160\uffa0")  # letters and signs that show nothing


def checked(text: str) -> str:
    """A message without surrounding space and without characters that nobody can read.

    Raises:
        BadInput: nothing of it can be read, or it is too long.
    """
    text = _DROPPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not any(map(_shows, text)):
        raise BadInput("The message is empty.", "Write a question, such as 'Where is my parcel?'.")
    if len(text) > LONGEST:
        raise BadInput(
            f"The message has {len(text):,} characters; at most {LONGEST:,} are read.",
            "Shorten it to what you want to know.",
        )
    return text


def _shows(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in "ZCM" and sign not in _BLANK
