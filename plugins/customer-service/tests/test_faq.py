"""The FAQ: its pairs, the questions about it, and that what it says is answered."""

import csv
import re
from pathlib import Path

import pytest

from verticals import Hit, Prediction
from verticals_customer_service import data
from verticals_customer_service.situation import Situation

BASE = "/v1/customer-service"
TESTS = Path(__file__).parent
FAQ = {document.id: document for document in data.faq()}
ARTICLES = {document.id: document for document in data.articles()}


def rows(name):
    with (TESTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def asked(name, similarity):
    return Hit(FAQ[name], 1.0, similarity, 1, 1)


def hit(name, similarity):
    return Hit(ARTICLES[name], 1.0, similarity, 1, 1, (0, 20))


def prediction(label, confidence=0.95):
    return Prediction(label, confidence, ((label, confidence), ("delivery_time", 0.01)), familiarity=0.7)


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def test_the_starter_faq_has_three_hundred_different_pairs_in_english_and_sixty_in_chinese():
    english, chinese = ([one for one in FAQ.values() if one.metadata["language"] == code] for code in ("en", "zh"))
    assert len(english) >= 300
    assert len(chinese) >= 60
    assert len({one.title for one in FAQ.values()}) == len({one.text for one in FAQ.values()}) == len(FAQ)
    assert len({one.metadata["topic"] for one in english}) >= 12
    assert not set(FAQ) & {article.id for article in data.articles()}


def test_each_half_of_the_questions_has_its_own_pairs_and_copies_none():
    starter, held_out = rows(data.STARTER / "faq_questions.csv"), rows("faq_questions.csv")
    halves = [{row["answer"] for row in half} for half in (starter, held_out)]
    assert min(map(len, halves)) >= 100
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] <= set(FAQ)
    for row in starter + held_out:
        own, title = words(row["question"]), words(FAQ[row["answer"]].title)
        assert len(own & title) < 0.9 * len(own | title), row["question"]


def test_each_pair_has_other_wordings_which_copy_no_question():
    english = [one for one in FAQ.values() if one.metadata["language"] == "en"]
    wordings = [words(text) for one in english for text in one.wordings]
    assert len(wordings) >= 1200
    assert min(len(one.wordings) for one in FAQ.values()) >= 2
    assert len({text for one in FAQ.values() for text in one.wordings}) == sum(
        len(one.wordings) for one in FAQ.values()
    )
    asked = [words(row["question"]) for row in rows(data.STARTER / "faq_questions.csv") + rows("faq_questions.csv")]
    copies = [own for own in asked if any(len(own & one) >= 0.8 * len(own | one) for one in wordings)]
    assert not copies
    chinese = {text for one in FAQ.values() if one.metadata["language"] == "zh" for text in one.wordings}
    assert not chinese & {row["question"] for row in rows("chinese.csv")}


def test_what_the_faq_answers_is_answered_in_its_words(policy, today):
    found = asked("faq-wedding-list", 0.6)
    answer = policy.answer(
        Situation("wedding?", prediction("gift_card", 0.2), today, [hit("gift-cards", 0.4)], faq=[found])
    )
    assert (answer.action, answer.rule) == ("search", "faq")
    assert answer.text == FAQ["faq-wedding-list"].text + " [1]"
    (evidence,) = answer.citations
    assert (evidence.kind, evidence.id, evidence.title) == (
        "faq",
        "faq-wedding-list",
        "Do you offer wedding gift lists?",
    )


@pytest.mark.parametrize(
    ("similarity", "article", "text", "rule"),
    [
        (0.8, 0.5, "can my friend collect it?", "faq"),  # plainly this question
        (0.55, 0.3, "can my friend collect it?", "intent"),  # perhaps it
        (0.8, 0.7, "can my friend collect it?", "intent"),  # the article says as much
        (0.8, 0.5, "can my friend collect LL-204518?", "intent"),  # an order is spoken of
    ],
)
def test_before_a_template_it_comes_only_where_it_is_plainly_asked(policy, today, similarity, article, text, rule):
    found = [asked("faq-collect-someone-else", similarity)]
    now = Situation(text, prediction("track_parcel"), today, [hit("where-is-my-parcel", article)], faq=found)
    assert policy.answer(now).rule == rule


def test_what_is_near_neither_question_nor_article_is_not_answered(policy, today):
    now = Situation("hm", prediction("greeting", 0.2), today, [hit("gift-cards", 0.2)], faq=[asked("faq-paypal", 0.3)])
    assert policy.answer(now).action == "abstain"


def test_a_real_server_answers_from_it_and_replays_that(service):
    session = service.post(f"{BASE}/sessions").json()["session"]
    send = f"{BASE}/sessions/{session}/messages"
    answer = service.post(send, json={"text": "do you offer wedding gift lists"}).json()
    assert (answer["rule"], answer["citations"][0]["id"]) == ("faq", "faq-wedding-list")
    trace = service.get(f"{BASE}/traces/{answer['trace_id']}").json()
    assert trace["trace"]["faq"][0]["id"] == "faq-wedding-list"
    again = service.post(f"{BASE}/traces/{answer['trace_id']}/replay", json={}).json()
    assert (again["changed"], again["missing"]) == (False, [])


def test_a_search_that_gives_no_weights_leans_on_meaning_as_the_assistant_does(service):
    def titles(**weights):
        asked = {"text": "how long do refunds take", "k": 5, "where": {"language": "en"}, **weights}
        answer = service.post("/v1/platform/indexes/customer-service/knowledge/search", json=asked).json()
        return [hit["document"]["title"] for hit in answer["hits"]]

    assert titles()[0] == "When will I get my refund?"
    assert titles() == titles(weights=[0.8, 0.2])
    assert titles(weights=[0.6, 0.4])[0].startswith("How long"), "the usual weights find the same words"


def test_ones_own_faq_takes_part_as_soon_as_it_is_sent(service):
    table = (
        "id,question,also,answer,topic\n"
        "q7,Can I rent a raclette grill?,lend me that cheese melting thing for new year's eve,"
        "Yes. A raclette grill is 9 pounds a day.,rental\n"
    )
    files = {"files": ("own.csv", table.encode(), "text/csv")}
    sent = service.post("/v1/platform/indexes/customer-service/knowledge/files?name=shop", files=files)
    assert sent.status_code == 200, sent.text
    try:
        session = service.post(f"{BASE}/sessions").json()["session"]
        text = "is it possible to rent a raclette grill"
        answer = service.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()
        assert (answer["rule"], answer["text"]) == ("faq", "Yes. A raclette grill is 9 pounds a day. [1]")
        assert answer["citations"][0]["id"] == "shop/own.csv#q7"
        text = "can you lend me that cheese melting thing for new year's eve"
        answer = service.post(f"{BASE}/sessions/{session}/messages", json={"text": text}).json()
        assert (answer["rule"], answer["citations"][0]["title"]) == ("faq", "Can I rent a raclette grill?")
    finally:
        service.delete("/v1/platform/indexes/customer-service/knowledge/documents/shop%2Fown.csv%23q7")
