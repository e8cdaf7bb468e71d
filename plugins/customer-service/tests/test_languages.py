"""In which language a message is, and that it is answered in it."""

import pytest

from verticals import SettingsError
from verticals_customer_service import languages, templates
from verticals_customer_service.page_words import page_words, preferred

CONSTANTS = {"shop_name": "S", "support_email": "e@x.example"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is my parcel?", "en"),
        ("hello", "en"),
        ("thx a lot", "en"),
        ("Refund please", "en"),
        ("parcel damaged box broken", "en"),
        ("My name is 李明, where is my order?", "en"),
        ("how do I pronounce 炒锅", "en"),
        ("我的包裹到哪里了？", "zh"),
        ("退款", "zh"),
        ("好", "zh"),
        ("我想return一个pan，订单是LL-123456", "zh"),
        ("LL-204518 现在在哪", "zh"),
        ("可以用 PayPal 或者 Apple Pay 吗", "zh"),
        ("ok 谢谢", "zh"),
        ("LL-204518", None),
        ("ok", None),
        ("Klarna?", None),
        ("anna@example.com", None),
        ("👍", None),
        ("£40", None),
    ],
)
def test_languages_of_messages_of_english_and_chinese_customers(text, language):
    assert languages.detect(text, ["en", "zh"]) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wo ist mein Paket?", "de"),
        ("Ich möchte meine Bestellung stornieren", "de"),
        ("Où est mon colis ?", "fr"),
        ("Je voudrais un remboursement", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("quiero devolver la sartén", "es"),
        ("Dov'è il mio pacco? Non è arrivato", "it"),
        ("waar is mijn pakket", "nl"),
        ("onde está a minha encomenda", "pt"),
        ("where is the parcel for Herr Müller", "en"),
        ("Rückgabe", None),
    ],
)
def test_latin_languages_are_told_by_their_little_words(text, language):
    assert languages.detect(text, ["en", "de", "fr", "es", "it", "nl", "pt"]) == language


def test_the_length_of_a_chinese_message_is_about_that_of_its_words():
    assert languages.length("where is my parcel") == 4
    assert languages.length("我的包裹到哪里了") == 4
    assert languages.length("订单LL-204518") == 2


def test_a_shops_other_languages_stand_beside_its_own(tmp_path):
    entry = '[[template]]\nid = "a"\nintent = "b"\ntext = "{}"\n'
    (tmp_path / "answers.toml").write_text(entry.format("Hallo"))
    (tmp_path / "answers.zh.toml").write_text(
        entry.format("你好") + '[words]\nabstain = "不知道"\n[topics]\nb = "乙"\n'
    )
    read = templates.load_all(tmp_path / "answers.toml", CONSTANTS, "de")
    assert {language: one.of("b")[0].text for language, one in read.items()} == {"de": "Hallo", "zh": "你好"}
    assert (read["zh"].said("abstain"), read["zh"].topic("b"), read["de"].topic("b")) == ("不知道", "乙", "B")
    assert "colleague" in read["de"].said("handover_asked")


@pytest.mark.parametrize("words", ['nothing = "x"', "abstain = 5"])
def test_words_that_are_never_said_are_refused(tmp_path, words):
    path = tmp_path / "own.toml"
    path.write_text(f"[words]\n{words}\n")
    with pytest.raises(SettingsError, match=r"\[words\] has"):
        templates.load(path, CONSTANTS)


def test_a_language_without_templates_cannot_be_the_shops_own():
    with pytest.raises(SettingsError, match="'fr'"):
        templates.load_all(None, CONSTANTS, "fr")


def test_the_page_speaks_the_browsers_language():
    assert [preferred(header) for header in ("zh-CN,zh;q=0.9,en;q=0.8", "en", "*", "")] == ["zh", "en", None, None]
    assert page_words("zh").send == "发送"
    assert page_words("fr").send == "Send"
