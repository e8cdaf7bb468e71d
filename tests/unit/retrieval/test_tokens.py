"""Words as the lexical part sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals.retrieval.spans import passages
from verticals.retrieval.tokens import STEMMERS, Tokens


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Returned parcels, RETURNING parcel!", ["return", "parcel", "return", "parcel"]),
        ("en", "a_b c-d e.f", ["a", "b", "c", "d", "e", "f"]),
        ("en", "ＦＵＬＬ width １２", ["full", "width", "12"]),
        ("en", "Café", ["cafe"]),
        ("de", "Die Häuser", ["die", "haus"]),
        ("zh", "退货政策", ["退", "货", "政", "策", "退货", "货政", "政策"]),
        ("en", "iPhone手机", ["iphon", "手", "机", "手机"]),
        ("ja", "返品 は", ["返", "品", "返品", "は"]),
        ("ko", "반품", ["반", "품", "반품"]),
        ("hi", "हिन्दी", ["हिन्दी"]),
        ("en", "", []),
        ("en", "🙂 !?", []),
        ("en", "x" * 500, []),
    ],
)
def test_words(language, text, words):
    assert Tokens(language)(text) == words


@pytest.mark.parametrize("language", sorted(STEMMERS))
def test_every_stemmer_named_exists(language):
    assert Tokens(language)("word") != []


@given(text=st.text())
def test_different_words_are_those_of_the_whole_text(text):
    tokens = Tokens("en")
    assert tokens.different(text) == set(tokens(text))
    for _ in range(2):  # computed, and remembered
        by_passage = list(tokens.by_passage(text))
        assert [(start, end) for start, end, _ in by_passage] == list(passages(text))
        assert all(words == tokens.different(text[start:end]) for start, end, words in by_passage)


@pytest.mark.parametrize("query", ["货", "退货", "政策", "退货政策"])
def test_chinese_is_found_by_any_part_of_it(index, articles, query):
    index.upsert(articles)
    assert [hit.document.id for hit in index.search(query, mode="lexical")] == ["退货"]
