"""What the index finds for a message: help articles, and answered questions of the FAQ, in the customer's language.

The two are searched for apart, so that a long FAQ does not crowd the articles out of sight. A language that has no
documents is answered from those in the shop's own. Where the encoder does not read a language, words are searched for
alone; see `phrases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from verticals import Hit, ServedVertical

from .data import FAQ
from .languages import restricted
from .phrases import Phrases

HITS = 10
ARTICLE_WEIGHTS = (0.6, 0.4)  # of meaning and of words; questions have those that the index declares
RANKER = "answer"  # the head that says how well a passage answers a question
WEIGHT = 0.5  # of its word against the search's own score


@dataclass(frozen=True)
class Found:
    """Hits, best first."""

    articles: Sequence[Hit] = ()
    faq: Sequence[Hit] = ()


async def find(vertical: ServedVertical, text: str, language: str, default: str) -> Found:
    """What speaks of ``text``, in ``language`` where there is any, else in the shop's ``default``."""
    index, phrases = vertical.index("knowledge"), phrases_of(vertical, language)
    how = {"mode": "lexical"} if phrases else {}
    ranked = not phrases and await vertical.head(RANKER).is_live()
    searches = among_articles(language, "live" if ranked else ""), among_questions(language)
    articles, questions = await index.search_each(text, [{**one, **how} for one in searches])
    if phrases:
        return Found(_by_likeness(articles, text, phrases), _by_likeness(questions, text, phrases))
    if not articles and not questions and language != default:
        return await find(vertical, text, default, default)
    return Found(articles, questions)


def phrases_of(vertical: ServedVertical, language: str) -> Phrases | None:
    """The phrases of a language whose words decide; none where the encoder does."""
    known: dict[str, Phrases] = vertical.state["phrases"]
    return known.get(language)


def _by_likeness(hits: Sequence[Hit], text: str, phrases: Phrases) -> list[Hit]:
    """Hits of a search by words; in place of the cosine, how like ``text`` the likest of their wordings is."""
    measured = [
        replace(
            hit, similarity=max(phrases.likeness(text, one) for one in (hit.document.title, *hit.document.wordings))
        )
        for hit in hits
    ]
    return sorted(measured, key=lambda hit: -(hit.similarity or 0.0))


def among_articles(language: str, version: str = "") -> dict[str, Any]:
    """How an index is searched for articles in a language; a version of the head `answer` ranks them, if one is named.

    Questions of the FAQ are near by their own words, not by what answers them, so that it has no say there.
    """
    ranking = {"rerank": version, "rerank_weight": WEIGHT} if version else {}
    where = {"$and": [{"kind": {"$ne": FAQ}}, restricted(language)]}
    return {"k": HITS, "where": where, "weights": ARTICLE_WEIGHTS, **ranking}


def among_questions(language: str) -> dict[str, Any]:
    """How an index is searched for questions of the FAQ in a language."""
    return {"k": HITS, "where": {"$and": [{"kind": FAQ}, restricted(language)]}}
