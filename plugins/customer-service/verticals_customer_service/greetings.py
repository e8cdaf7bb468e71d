"""The greeting before a question, which says nothing of what the customer wants."""

from __future__ import annotations

import re

_GREETING = re.compile(
    r"^\s*(?:hi+|hello|hey+|hiya|dear|good (?:morning|afternoon|evening|day))\b"
    r"(?: (?:there|all|team|everyone|support|sir|madam|sir or madam|folks))?\s*[,.!:;-]*\s+",
    re.IGNORECASE,
)
_LEAST_WORDS = 3


def without_greeting(text: str) -> str:
    """``text`` without the greeting it begins with; a text that is little more than a greeting stays as it is."""
    rest = _GREETING.sub("", text, count=1)
    return rest if len(rest.split()) >= _LEAST_WORDS else text
