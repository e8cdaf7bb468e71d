import pytest

from verticals_customer_service.greetings import without_greeting


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("Hi, where is my parcel?", "where is my parcel?"),
        ("hello there! can I return a lamp", "can I return a lamp"),
        ("Good morning, my order is late", "my order is late"),
        ("hi there", "hi there"),
        ("hello, you there?", "hello, you there?"),
        ("higher shelf wanted for the cabinet", "higher shelf wanted for the cabinet"),
        ("where is my parcel?", "where is my parcel?"),
    ],
)
def test_a_greeting_is_left_out_only_before_a_question(text: str, matter: str) -> None:
    assert without_greeting(text) == matter
