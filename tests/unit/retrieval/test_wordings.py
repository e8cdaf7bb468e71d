"""Documents that can be asked for in other words than their own."""

import pytest

from verticals import Document
from verticals.retrieval import DocumentIndex

WORDINGS = ["the zip was bust", "it fell to bits in my hands", "snapped straight away"]
ZIP = Document("zip", "Send a photo.", title="Damaged on arrival", metadata={"topic": "returns", "also": WORDINGS})
EMBEDDED = [f"{ZIP.title}\n{ZIP.text}", ZIP.title, *WORDINGS]
TEA = Document("tea", "We sell tea in bits and leaves.", metadata={"also": "a text is no list of wordings"})


@pytest.fixture
def worded(index):
    index.upsert([ZIP, TEA, Document("list", "[1] is a note", metadata={"also": "[1"}), Document("odd", "", "Odd")])
    return index


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_a_document_is_found_by_its_other_wordings(worded, mode):
    (hit, *_) = worded.search("fell to bits in my hands", mode=mode)
    assert hit.document == ZIP
    assert hit.document.wordings == tuple(WORDINGS)
    assert worded.get("tea").wordings == ()


def test_its_vector_is_the_middle_of_those_of_its_words_its_title_and_the_wordings(worded, embed):
    assert embed.asked[:5] == EMBEDDED
    vectors = embed(EMBEDDED)
    vectors /= (vectors**2).sum(axis=1, keepdims=True) ** 0.5
    middle = vectors.sum(axis=0) / (vectors.sum(axis=0) ** 2).sum() ** 0.5
    for vector, text in zip(vectors, EMBEDDED, strict=True):
        (hit, *_) = worded.search(text, mode="dense")
        assert hit.similarity == pytest.approx(float(vector @ middle), abs=1e-6)


def test_only_changed_wordings_are_embedded_again_and_another_model_embeds_them_too(worded, embed, folder, word_bag):
    embed.asked.clear()
    worded.upsert([Document("zip", ZIP.text, ZIP.title, metadata={"topic": "damage", "also": WORDINGS})])
    assert embed.asked == []
    worded.upsert([Document("zip", ZIP.text, ZIP.title, metadata={"also": WORDINGS[:1]})])
    assert embed.asked == EMBEDDED[:3]
    worded.close()
    other = word_bag(salt="other")
    with DocumentIndex.open(folder, other, embedding="another") as again:
        assert set(other.asked) >= {*EMBEDDED[:3], TEA.text}
        assert again.search("the zip was bust", mode="dense")[0].document.id == "zip"
