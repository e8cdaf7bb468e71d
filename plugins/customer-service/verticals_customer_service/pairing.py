"""Questions with the passages that answer them: what the head `answer` learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from verticals import Hit, Preparation

from . import data, passages, templates
from .data import Answered


def starter() -> Iterator[Answered]:
    """The starter utterances, each with the passage of its intent's article that speaks of it."""
    articles = {article.id: article for article in data.articles()}
    texts = templates.load(None, {"shop_name": "", "support_email": ""})
    for utterance in data.utterances():
        known = [one for one in texts.of(utterance.intent) if one.article in articles]
        if not known:
            continue
        asked = passages.stems(utterance.text)
        template = max(known, key=lambda one: len(asked & passages.stems(articles[one.article or ""].title)))
        article = articles[template.article or ""]
        span = passages.best_span(article.text, utterance.text, template.text)
        start, end = passages.quoted(Hit(article, 1.0, span=span))
        yield Answered(question=utterance.text, answer=article.text[start:end], title=article.title)


def examples(rows: Preparation) -> Iterator[Mapping[str, Any]]:
    """What is learned of each row: passages are read as the index reads documents, title first."""
    for row in rows.rows():
        read = f"{row['title']}\n{row['answer']}" if row["title"] else row["answer"]
        yield {"question": row["question"], "answer": read, "split": row["split"]}
