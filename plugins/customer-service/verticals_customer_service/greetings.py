"""The greeting before a question, which says nothing of what the customer wants."""

from __future__ import annotations

import re

from .languages import length

_GREETING = re.compile(
    r"^\s*(?:hi+|hello|hey+|hiya|dear|good (?:morning|afternoon|evening|day))\b"
    r"(?: (?:there|all|team|everyone|support|sir|madam|sir or madam|folks))?\s*[,.!:;-]*\s+",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"^\s*(?:(?:你们?好|您好|嗨|哈喽|早上好|下午好|晚上好|在吗|请问|麻烦问一下)[\s，,。.！!？?、~～]*)+"
)
_LEAST_WORDS = 3


def without_greeting(text: str) -> str:
    """``text`` without the greeting it begins with; a text that is little more than a greeting stays as it is."""
    rest = _CHINESE.sub("", _GREETING.sub("", text, count=1), count=1)
    return rest if length(rest) >= _LEAST_WORDS else text
