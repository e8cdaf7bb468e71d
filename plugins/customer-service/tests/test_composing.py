"""Composed answers: verbatim passages, numbered as their citations are."""

import pytest

from verticals import Document, Hit
from verticals_customer_service import composing
from verticals_customer_service.composing import compose
from verticals_customer_service.data import articles

ARTICLES = {article.id: article for article in articles()}
RETURNS = Document(
    "returns",
    "You have 30 days to send things back. Sale items can be returned too.\n\nThe label is free in Britain.",
    "Returns",
)
REFUNDS = Document("refunds", "A refund takes five days. It goes to the card you paid with.", "Refunds")
COPY = Document("copy", "Sale items can be returned too, within 30 days to send things back.", "Sale")


def hit(document, similarity=0.6, span=None, place=1):
    return Hit(document, 1 / place, similarity, place, place, span)


def verbatim(said):
    """Each numbered part of the text is what its citation's span marks."""
    parts = list(composing.marked(said.text, len(said.citations)))
    words, numbers = parts[::2], parts[1::2]
    assert numbers == list(range(1, len(said.citations) + 1))
    for part, item in zip(words, said.citations, strict=True):
        assert part.strip() == composing.bulleted(item.text[slice(*item.span)])
    return [item.id for item in said.citations]


def test_one_article_that_says_it_all_stands_alone():
    said = compose("can I return sale items", [hit(RETURNS, span=(0, 37)), hit(REFUNDS, 0.3, place=2)])
    assert said.text == "You have 30 days to send things back. Sale items can be returned too. [1]"
    assert verbatim(said) == ["returns"]


def test_another_article_joins_for_what_the_first_does_not_speak_of():
    said = compose("can I return sale items, and which card gets the refund?", [hit(RETURNS), hit(REFUNDS, 0.55)])
    assert verbatim(said) == ["returns", "refunds"]
    assert said.text.endswith("\n\nA refund takes five days. [2]")


def test_an_article_that_is_not_nearly_as_near_does_not_join():
    said = compose("can I return sale items, and which card gets the refund?", [hit(RETURNS), hit(REFUNDS, 0.4)])
    assert verbatim(said) == ["returns"]


def test_what_repeats_does_not_join():
    said = compose("may sale items be returned within days", [hit(RETURNS, span=(0, 37)), hit(COPY, 0.6)])
    assert verbatim(said) == ["returns"]


def test_two_passages_of_an_article_are_in_its_order_and_cited_each():
    long = Document(
        "long",
        "The label is free in Britain.\n\nBulky goods are fetched from your door.\n\nYou have 30 days.",
        "Sending",
    )
    start = long.text.index("You have")
    said = compose("how many days, and is the label free?", [hit(long, span=(start, len(long.text)))])
    assert verbatim(said) == ["long", "long"]
    assert said.text == "The label is free in Britain. [1]\n\nYou have 30 days. [2]"


def test_an_article_about_something_else_does_not_join():
    other = Document("other", "A refund goes to the card you paid with.", "Gift cards")
    assert verbatim(compose("may I return it, and what of the refund?", [hit(RETURNS), hit(other, 0.6)])) == ["returns"]


def test_what_does_not_stand_by_itself_does_not_join():
    text = "We cannot take back:\n\n- a refund of opened pillows\n\nIt is free to ask for the refund.\n\nRefunds: none."
    listed = Document("listed", text, "Refunds")
    assert verbatim(compose("may I return it, and what of the refund?", [hit(RETURNS), hit(listed, 0.6)])) == [
        "returns"
    ]


def test_neighbouring_passages_are_one():
    refunds = hit(REFUNDS, span=(0, 25))
    assert compose("refund, which card", [refunds]).text.count("[") == 1


@pytest.mark.parametrize(
    "question",
    ["How long have I got to return a pan, and who pays the postage?", "what does express delivery to islands cost"],
)
def test_of_real_articles_nothing_is_said_that_does_not_stand_there(question):
    hits = [hit(article, 0.6, place=place) for place, article in enumerate(ARTICLES.values(), start=1)]
    for at in range(0, len(hits), 7):
        said = compose(question, hits[at : at + 5])
        assert 1 <= len(verbatim(said)) <= composing.PASSAGES
        assert len(said.text) <= composing.LONGEST + 20


def test_numbers_of_no_citation_are_words():
    assert list(composing.marked("Row [3] of [1], not [0].", 1)) == ["Row [3] of ", 1, ", not [0]."]
    assert list(composing.marked("", 2)) == []


def test_where_only_text_is_shown_the_titles_are_below():
    said = compose("can I return sale items, and which card gets the refund?", [hit(RETURNS), hit(REFUNDS, 0.55)])
    assert composing.footnoted(said.text, said.citations).endswith("\n\n[1] Returns\n[2] Refunds")
    assert composing.footnoted("Hello!", said.citations) == "Hello!"


def test_who_sends_it_on_gets_it_without_numbers():
    said = compose("can I return sale items", [hit(RETURNS, span=(0, 37))])
    assert composing.unnumbered(said.text, 1) == "You have 30 days to send things back. Sale items can be returned too."


def test_answers_to_several_matters_are_numbered_through():
    returns, refunds = hit(RETURNS, span=(0, 37)), hit(REFUNDS)
    first, second = compose("can I return it", [returns]), composing.whole(refunds)
    article = first.citations[0]
    texts, cited = composing.gathered(
        [("Hello.", ()), (first.text, first.citations), (second.text, second.citations), (first.text, first.citations)]
    )
    assert texts == ["Hello.", f"{first.text}", second.text.replace("[1]", "[2]"), first.text]
    assert cited == [article, second.citations[0]]


def test_a_text_without_a_number_gets_that_of_what_it_rests_on():
    first = compose("can I return it", [hit(RETURNS, span=(0, 37))])
    whole = composing.whole(hit(RETURNS))
    texts, cited = composing.gathered(
        [(first.text, first.citations), ("As said, 30 days.", whole.citations), (whole.text, whole.citations)]
    )
    assert texts[1] == "As said, 30 days. [1]", "it is the same article"
    assert texts[2] == f"{RETURNS.text} [2]", "another passage of it has its own number"
    assert [item.span for item in cited] == [first.citations[0].span, (0, len(RETURNS.text))]


def test_numbers_follow_the_text_and_what_is_only_near_comes_last():
    own, near, faq = (composing.whole(hit(one)).citations[0] for one in (RETURNS, COPY, REFUNDS))
    texts, cited = composing.gathered([("Hi!", ()), ("Send it back.", (own, near)), ("In five days. [1]", (faq,))])
    assert texts == ["Hi!", "Send it back. [1]", "In five days. [2]"]
    assert cited == [own, faq, near]
