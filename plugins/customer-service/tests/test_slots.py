from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals_customer_service import slots


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("where is LL-123456?", "order_number", "LL-123456"),
        ("its ll123456 i think", "order_number", "LL-123456"),
        ("LL 123 456", "order_number", "LL-123456"),
        ("L.L.123456", "order_number", "LL-123456"),
        ("my order number is 123456", "order_number", "LL-123456"),
        ("order no. 123 456, thanks", "order_number", "LL-123456"),
        ("#123456", "order_number", "LL-123456"),
        ("it's 123456", "order_number", "LL-123456"),
        ("Write to Anna.B@Example.COM.", "email", "Anna.B@example.com"),
        ("anna+shop@mail.example.co.uk", "email", "anna+shop@mail.example.co.uk"),
        ("I need it by tomorrow", "date", "22 November"),
        ("it came yesterday", "date", "20 November"),
        ("expected 4 March", "date", "4 March"),
        ("on March 4th, 2026", "date", "4 March 2026"),
        ("delivered 14/02", "date", "14 February"),
        ("since 2026-03-04", "date", "4 March 2026"),
        ("was due last wednesday", "date", "Wednesday"),
        ("by next friday please", "date", "next Friday"),
        ("meant to be here on the 12th", "date", "the 12th"),
        ("you refunded £64.90", "amount", "£64.90"),
        ("about 40 quid", "amount", "£40"),
        ("1,200 pounds", "amount", "£1,200"),
        ("12,50 € went off", "amount", "€12.50"),
        ("the blue kettle leaks", "product", "the blue kettle"),
        ("my Hartwell bread bin is dented", "product", "the Hartwell bread bin"),
    ],
)
def test_details_are_found_and_brought_to_the_form_that_answers_use(text, slot, value, today):
    assert slots.find(text, today)[slot] == value


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("LL-1234567", "order_number"),
        ("LL-12345", "order_number"),
        ("my tracking code is 123456789012", "order_number"),
        ("£123456", "order_number"),
        ("call 0113 496 0142", "order_number"),
        ("are you open 24/7", "date"),
        ("may I return it", "date"),
        ("31/31 is no day", "date"),
        ("a 24 cm pan", "amount"),
        ("user@localhost", "email"),
        ("where is my parcel", "product"),
        ("I have a question about my order", "product"),
    ],
)
def test_what_only_looks_like_a_detail_is_left_alone(text, slot, today):
    assert slot not in slots.find(text, today)


@given(
    digits=st.text("0123456789", min_size=6, max_size=6),
    prefix=st.sampled_from(["LL", "ll", "L L", "l.l"]),
    separator=st.sampled_from(["", "-", " ", "–", "_", ":", "# "]),
    gap=st.sampled_from(["", " ", "-"]),
    before=st.sampled_from(["", "order ", "hello, it is "]),
)
def test_every_sloppy_way_to_write_an_order_number_is_understood(digits, prefix, separator, gap, before):
    text = f"{before}{prefix}{separator}{digits[:3]}{gap}{digits[3:]} please"
    assert slots.find(text, date(2026, 1, 1))["order_number"] == f"LL-{digits}"


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text):
    assert set(slots.find(text, date(2026, 1, 1), expected=slots.SLOTS)) <= set(slots.SLOTS)


def test_a_bare_product_name_is_taken_only_when_one_was_asked_for(today):
    assert slots.find("the spiralizer, LL-123456", today) == {"order_number": "LL-123456"}
    assert slots.find("the spiralizer, LL-123456", today, expected=("product",))["product"] == "the spiralizer"
    assert "product" not in slots.find("I would rather not say what kind of thing it was", today, expected=("product",))
