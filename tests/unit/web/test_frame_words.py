"""The words around every page."""

from dataclasses import asdict

import pytest

from verticals.contract import Page
from verticals.web.pages.frame_words import frame_words, languages
from verticals.web.pages.mount import _language


def test_each_language_has_every_word_with_the_same_places():
    assert {"en", "zh", "ar"} <= set(languages())
    for name, word in asdict(frame_words("en")).items():
        for language, words in languages().items():
            said = asdict(words)[name]
            assert said.strip()
            assert ("{" in said) == ("{" in word), (language, name)


def test_a_language_without_words_is_spoken_to_in_english_and_scripts_run_their_own_way():
    assert frame_words("fi") is frame_words("en")
    assert frame_words("ar").spoken == {"lang": "ar", "dir": "rtl"}
    assert frame_words("zh").spoken == {"lang": "zh", "dir": "ltr"}


@pytest.mark.parametrize(
    ("language", "spoken"), [("", "en"), (lambda vertical: "zh", "zh"), (lambda vertical: 1 / 0, "en")]
)
def test_a_page_says_which_language_it_speaks_and_may_fail_to(language, spoken):
    assert _language(Page("Chat", print, language=language), None) == spoken
