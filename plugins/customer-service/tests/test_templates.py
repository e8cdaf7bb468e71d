from pathlib import Path

import pytest

from verticals import SettingsError
from verticals_customer_service import data, templates
from verticals_customer_service.slots import SLOTS

CONSTANTS = {"shop_name": "S", "support_email": "e@x.example"}


def test_every_intent_of_the_starter_data_has_an_answer_without_slots(starter):
    for intent in {row.intent for row in data.utterances()}:
        assert any(not template.slots for template in starter.of(intent)), intent


def test_every_template_cites_an_article_that_exists(starter):
    articles = {article.id for article in data.articles()}
    cited = {t.article for group in starter.by_intent.values() for t in group if t.article}
    assert cited <= articles


def test_every_template_can_be_said_with_its_slots(starter):
    values = {slot: f"<{slot}>" for slot in SLOTS}
    for group in starter.by_intent.values():
        for template in group:
            said = starter.say(template.text, values)
            assert "{" not in said
            assert all(f"<{slot}>" in said for slot in template.slots)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[[template]\n", "cannot be read"),
        ('[[template]]\nid = "a"\nintent = "b"\n', "text"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "hi {nmae}"\n', "nmae"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "hi {"\n', "in its text"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "{date}"\nslots = ["date"]\n', "no question"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "x"\nslots = ["colour"]\nask = "?"\n', "colour"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "x"\n' * 2, "twice"),
        ('[[template]]\nid = "a"\nintent = "b"\ntext = "x"\nansk = "?"\n', "ansk"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_with_what_is_wrong(toml: str, told: str, tmp_path: Path):
    path = tmp_path / "answers.toml"
    path.write_text(toml)
    with pytest.raises(SettingsError) as error:
        templates.load(path, CONSTANTS)
    assert told in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"none\.toml"):
        templates.load(tmp_path / "none.toml", CONSTANTS)


def test_settings_may_hold_braces():
    found = templates.load(None, {"shop_name": "{x}", "support_email": "e@x.example"})
    assert "{x}" in found.say(found.of("greeting")[0].text)
