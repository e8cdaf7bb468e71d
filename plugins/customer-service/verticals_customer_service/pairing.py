"""Questions with the passages that answer them: what the head `answer` learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from verticals import Hit, Preparation

from . import data, passages, templates
from .data import Answered


def starter() -> Iterator[Answered]:
    """The starter utterances, each with the passage of its intent's article that its template rests on.

    With them are questions that the FAQ answers, as test rows: its answers are found by their questions, not learned.
    All utterances of a template share one passage: of two passages of one article neither is a wrong answer.
    """
    articles = {article.id: article for article in data.articles()}
    texts = templates.load(None, {"shop_name": "", "support_email": ""})
    for utterance in data.utterances():
        known = [one for one in texts.of(utterance.intent) if one.article in articles]
        if not known:
            continue
        asked = passages.stems(utterance.text)
        template = max(known, key=lambda one: len(asked & passages.stems(articles[one.article or ""].title)))
        article = articles[template.article or ""]
        first = next(one for one in known if one.article == article.id)
        start, end = passages.quoted(Hit(article, 1.0, span=passages.best_span(article.text, first.text)))
        yield Answered(question=utterance.text, answer=article.text[start:end], title=article.title)
    yield from data.faq_questions()


def examples(rows: Preparation) -> Iterator[Mapping[str, Any]]:
    """What is learned of each row: passages are read as the index reads documents, title first."""
    for row in rows.rows():
        read = f"{row['title']}\n{row['answer']}" if row["title"] else row["answer"]
        yield {"question": row["question"], "answer": read, "split": row["split"]}
