"""The words of the chat page and the widget: one place, every word in every language, none that nobody says."""

import json
import re
from pathlib import Path

from verticals_customer_service import page_words
from verticals_customer_service.page_words import ENGLISH, every_word

PACKAGE = Path(page_words.__file__).parent
BASE = "/v1/customer-service"


def test_each_language_has_every_word_with_the_same_places():
    words = every_word()
    assert {"en", "zh", "ar"} <= set(words)
    for language, table in words.items():
        for name, word in table.items():
            assert word.strip(), (language, name)
            assert set(re.findall(r"{\w+}", word)) == set(re.findall(r"{\w+}", words["en"][name])), (language, name)
            assert language == "en" or word != words["en"][name], (language, name)


def test_every_word_is_said_somewhere():
    sources = [PACKAGE / name for name in ("pages.py", "bubbles.py", "page_words.py", "static/widget.js")]
    said = "".join(path.read_text(encoding="utf-8") for path in sources)
    unsaid = [name for name in every_word()["en"] if not re.search(rf"(?:words|self|this\.words)\.{name}\b", said)]
    assert unsaid == [f"wrong_{reason}" for reason in ENGLISH.reasons()], "these are said by their names"


def test_the_evidence_drawer_speaks_the_pages_language():
    for language in every_word():
        words = page_words.page_words(language)
        drawer = words.drawer()
        assert (drawer.title, drawer.close) == (words.evidence, words.done)
        assert drawer.counted(0) == words.evidence_none
        assert "3" in drawer.counted(3)
        assert set(drawer.kinds) == {"article", "faq"}


def test_the_widget_brings_its_words_along(service):
    script = service.get(f"{BASE}/widget.js").text
    found = re.search(r"const WORDS = (\{.*\});\n", script)
    assert found
    assert json.loads(found[1]) == every_word()
    spoken = set(re.findall(r"\bwords\.(\w+)", script))
    assert spoken <= set(every_word()["en"])
