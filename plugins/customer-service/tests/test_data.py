import csv
from pathlib import Path

import pytest
from pydantic import ValidationError

from verticals_customer_service import data, pairing
from verticals_customer_service.emotions import FEELINGS, Emotion


def test_starter_rows_are_valid_and_cover_every_intent_with_twenty_utterances():
    rows = list(data.utterances())
    counts = {intent: sum(row.intent == intent for row in rows) for intent in {row.intent for row in rows}}
    assert len(counts) >= 24
    assert min(counts.values()) >= 20


def test_each_feeling_has_sixty_starter_messages_some_of_them_chinese():
    rows = list(data.emotions())
    assert len({row.text.lower() for row in rows}) == len(rows)
    for feeling in FEELINGS:
        texts = [row.text for row in rows if row.emotion == feeling]
        assert len(texts) >= 60
        assert sum("\u4e00" <= character <= "\u9fff" for text in texts for character in text[:1]) >= 8
    with pytest.raises(ValidationError):
        data.Felt(text="hm", emotion="bored")


def test_how_a_customer_feels_is_seen_as_often_as_when_measured(serving):
    """On held-out messages, by a head that is trained alone; docs/benchmarks.md has the figures of the real one."""
    with (Path(__file__).parent / "emotions_held_out.csv").open(encoding="utf-8", newline="") as file:
        rows = [data.Felt.model_validate(row) for row in csv.DictReader(file)]
    assert len(rows) >= 150
    assert not {row.text for row in rows} & {row.text for row in data.emotions()}
    said = serving.call(serving.vertical.head("emotion").predict_many, [row.text for row in rows])
    right = sum(Emotion.of(one).label == row.emotion for one, row in zip(said, rows, strict=True))
    assert right / len(rows) >= 0.6


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("track_parcel", "track_parcel"),
        ("Refund_not_showing_up", "refund_not_showing_up"),
        ("reverted_card_payment?", "reverted_card_payment"),
        (" Card  arrival ", "card_arrival"),
        ("PIN-blocked", "pin_blocked"),
    ],
)
def test_intents_are_brought_to_snake_case(given, kept):
    assert data.Utterance(text="x", intent=given).intent == kept


@pytest.mark.parametrize(
    "row",
    [
        {"text": "", "intent": "a"},
        {"text": "   ", "intent": "a"},
        {"text": "x" * 2001, "intent": "a"},
        {"text": "x", "intent": ""},
        {"text": "x", "intent": "??"},
        {"text": "x", "intent": 5},
    ],
)
def test_rows_that_do_not_fit_are_refused(row):
    with pytest.raises(ValidationError):
        data.Utterance.model_validate(row)


def test_articles_have_title_topic_and_source():
    articles = list(data.articles())
    assert len(articles) >= 40
    assert len({article.id for article in articles}) == len(articles)
    found = next(article for article in articles if article.id == "where-is-my-parcel")
    assert found.title == "Where is my parcel?"
    assert found.text.startswith("As soon as your order")
    assert found.source == "delivery/where-is-my-parcel.md"
    assert found.metadata == {"topic": "delivery", "language": "en"}


def test_starter_pairs_stand_in_the_documents_and_have_one_passage_per_template():
    articles = {article.title: article for article in data.articles()}
    pairs = [pair for pair in pairing.starter() if pair.split is None]
    assert len(pairs) >= 900
    assert all(pair.answer in articles[pair.title].text for pair in pairs)
    assert len({pair.answer for pair in pairs}) == len({pair.title for pair in pairs}) >= 30
    asked = [pair for pair in pairing.starter() if pair.split == "test"]
    answers = {document.title: document.text for document in data.faq()}
    assert len(asked) >= 300
    assert all(pair.answer == answers[pair.title] for pair in asked)


def test_unanswerable_questions_are_distinct_and_no_utterances():
    texts = [row.text for row in data.unanswerable()]
    assert len({data.plain(text) for text in texts}) == len(texts) >= 100
    assert not {data.plain(text) for text in texts} & {data.plain(row.text) for row in data.utterances()}
