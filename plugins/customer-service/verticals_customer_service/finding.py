"""What the index finds for a message: help articles, and answered questions of the FAQ, in the customer's language.

The two are searched for apart, so that a long FAQ does not crowd the articles out of sight. A language that has no
documents is answered from those in the shop's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verticals import Hit, ServedVertical

from .data import FAQ
from .languages import restricted

HITS = 10
# Of meaning and of words, for the questions of a FAQ; set on the development half of tests/faq_questions.csv: words
# such as "how do I" are in many questions, and say little.
FAQ_WEIGHTS = (0.9, 0.1)


@dataclass(frozen=True)
class Found:
    """Hits, best first."""

    articles: Sequence[Hit] = ()
    faq: Sequence[Hit] = ()


async def find(vertical: ServedVertical, text: str, language: str, default: str) -> Found:
    """What speaks of ``text``, in ``language`` where there is any, else in the shop's ``default``."""
    index, where = vertical.index("knowledge"), restricted(language, default)
    articles, questions = await asyncio.gather(
        index.search(text, k=HITS, where=_both({"kind": {"$ne": FAQ}}, where)),
        index.search(text, k=HITS, where=_both({"kind": FAQ}, where), weights=FAQ_WEIGHTS),
    )
    if not articles and not questions and language != default:
        return await find(vertical, text, default, default)
    return Found(articles, questions)


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"$and": [one, other]}
