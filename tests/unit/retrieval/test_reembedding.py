"""Another model's vectors: made beside those in use, compared, and taken over in one step."""

import threading

import pytest

from verticals import Document
from verticals.contract import Conflict, Unavailable
from verticals.retrieval import DocumentIndex, Pace, Question

DOCUMENTS = [
    Document(f"d{number}", f"subject{number} item{number} thing{number} matter{number % 7} common")
    for number in range(300)
]
# What answers them shares no word with the questions but by the synonyms that one of the models knows.
ASKED = [
    Question(f"topic{number}", (f"subject{number} item{number} thing{number} matter{number % 7} common",))
    for number in range(20)
]


class Synonyms:
    """Knows that a topic is a subject."""

    def __init__(self, embed):
        self._embed = embed

    def __call__(self, texts):
        return self._embed([text.replace("topic", "subject") for text in texts])


@pytest.fixture
def models(word_bag):
    return {"first": word_bag(384, "first"), "second": word_bag(384, "second"), "wise": Synonyms(word_bag(384, "wise"))}


@pytest.fixture
def open_index(folder, models):
    def open_index(name, **options):
        return DocumentIndex.open(folder, models[name], embedding=name, former=models.get, **options)

    return open_index


@pytest.fixture
def filled(open_index):
    with open_index("first") as index:
        index.upsert(DOCUMENTS)
        yield index


def best(index, text, **options):
    (hit,) = index.search(text, mode="dense", k=1, **options)
    return hit.document.id, hit.similarity


def test_an_index_opens_with_the_model_that_made_its_vectors(filled, open_index, models):
    filled.close()
    models["second"].asked.clear()
    with open_index("second") as index:
        assert models["second"].asked == []
        assert index.facts().embedding == "first"
        assert best(index, DOCUMENTS[7].text) == ("d7", pytest.approx(1))
        done = index.reembed(models["second"], "second", lambda: ASKED[:3])
        assert (done.before, done.after, done.switched, done.documents) == ("first", "second", True, 300)
        assert index.facts().embedding == "second"
        models["first"].asked.clear()
        assert best(index, DOCUMENTS[7].text) == ("d7", pytest.approx(1))
        assert models["first"].asked == []
        assert index.reembed(models["second"], "second") is None
    with open_index("second") as index:
        assert len(index.search("common", mode="dense", k=999)) == 300


def test_a_model_that_cannot_be_had_any_more_is_replaced_before_the_index_opens(filled, folder, models):
    filled.close()
    with DocumentIndex.open(folder, models["second"], embedding="second", former=lambda name: None) as index:
        assert index.facts().embedding == "second"
        assert best(index, DOCUMENTS[7].text) == ("d7", pytest.approx(1))


def test_what_is_written_meanwhile_has_the_new_vectors_too(filled, models):
    written = []

    def embed(texts):
        if len(written) < 3:
            written.append(f"new{len(written)}")
            filled.upsert([Document(written[-1], f"fresh{len(written)} words")])
            filled.upsert([Document("d5", f"changed{len(written)} entirely")])
            filled.delete([f"d{10 + len(written)}"])
            assert best(filled, f"fresh{len(written)} words") == (written[-1], pytest.approx(1))
        return models["second"](texts)

    assert filled.reembed(embed, "second", pace=Pace(batch=64)).switched
    assert filled.facts().embedding == "second"
    for number, name in enumerate(written, 1):
        assert best(filled, f"fresh{number} words") == (name, pytest.approx(1))
    assert best(filled, "changed3 entirely") == ("d5", pytest.approx(1))
    found = {hit.document.id for hit in filled.search("common", mode="dense", k=999)}
    assert found == {f"d{number}" for number in range(300)} - {"d11", "d12", "d13"} | {*written}


@pytest.mark.parametrize("kind", ["exact", "ivf-sq8"])
def test_every_kind_of_index_is_built_anew(open_index, models, kind):
    with open_index("first", kind=kind) as index:
        index.upsert(DOCUMENTS)
        index.snapshot()
        index.reembed(models["second"], "second", lambda: ASKED[:3])
        index.snapshot()
        assert index.probe(queries=20).kind == kind
        for number in (0, 99, 299):
            assert best(index, DOCUMENTS[number].text) == (f"d{number}", pytest.approx(1))
    with open_index("second", kind=kind) as index:
        assert best(index, DOCUMENTS[3].text) == ("d3", pytest.approx(1))


def test_a_better_model_takes_over_and_the_figures_are_kept(filled, models, open_index):
    done = filled.reembed(models["wise"], "wise", lambda: ASKED)
    assert done.switched
    compared = filled.facts().compared
    assert compared == done.compared
    assert (compared.before, compared.after, compared.questions) == ("first", "wise", 20)
    assert compared.new.mrr > 0.9 > 0.2 > compared.old.mrr
    assert compared.new.recall == 1
    assert "MRR@10" in compared.told()
    filled.close()
    with open_index("wise") as index:
        assert index.facts().compared == compared


def test_a_worse_model_is_held_back_unless_it_is_forced(filled, models, open_index):
    filled.reembed(models["wise"], "wise", lambda: ASKED[:3])
    done = filled.reembed(models["second"], "second", lambda: ASKED)
    assert not done.switched
    facts = filled.facts()
    assert (facts.embedding, facts.reembedding.embedding) == ("wise", "second")
    assert (facts.reembedding.done, facts.reembedding.total) == (300, 300)
    assert facts.reembedding.held_back.worse
    filled.upsert([Document("late", "late words")])
    filled.close()
    models["second"].asked.clear()
    with open_index("second") as index:
        assert index.facts() == facts.__class__(
            **{name: getattr(facts, name) for name in facts.__slots__}
            | {"documents": 301, "change": index.facts().change, "reembedding": index.facts().reembedding}
        )
        done = index.reembed(models["second"], "second", lambda: ASKED, force=True)
        assert (done.switched, done.documents) == (True, 1)
        assert index.facts().embedding == "second"
        assert index.facts().compared.worse
        assert best(index, "late words") == ("late", pytest.approx(1))


def test_where_no_document_answers_only_the_change_is_told(filled, models):
    told = filled.reembed(models["second"], "second", lambda: [Question("matter3 common", ("nowhere",))], switch=False)
    assert (told.switched, told.compared.questions, told.compared.old) == (False, 1, None)
    assert 0 <= told.compared.same <= 1
    assert not told.compared.worse
    facts = filled.facts()
    assert (facts.embedding, facts.reembedding.embedding, facts.reembedding.held_back) == ("first", "second", None)
    done = filled.reembed(models["second"], "second")
    assert (done.switched, done.documents, done.compared.questions) == (True, 0, 100)


def test_the_present_model_again_gives_up_what_was_begun(filled, models):
    filled.reembed(models["second"], "second", lambda: ASKED[:3], switch=False)
    assert filled.facts().reembedding is not None
    assert filled.reembed(models["first"], "first") is None
    assert filled.facts().reembedding is None
    assert filled.reembed(models["second"], "second", lambda: ASKED[:3]).documents == 300


def test_what_was_stopped_goes_on_where_it_stopped(filled, models):
    pace = Pace(batch=50)

    def told(progress):
        if progress.done == 150:
            pace.stop.set()

    with pytest.raises(Unavailable, match="goes on where it stopped"):
        filled.reembed(models["second"], "second", pace=pace, progress=told)
    assert (filled.facts().embedding, filled.facts().reembedding.done) == ("first", 150)
    assert filled.reembed(models["second"], "second", lambda: ASKED[:3]).documents == 150


def test_an_empty_index_changes_its_model_at_once(open_index, models):
    with open_index("first") as index:
        index.upsert(DOCUMENTS[:3])
        index.delete(["d0", "d1", "d2"])
        assert index.reembed(models["second"], "second") is None
        assert index.facts().embedding == "second"
        index.upsert(DOCUMENTS)
        assert best(index, DOCUMENTS[7].text) == ("d7", pytest.approx(1))


def test_vectors_of_another_width(open_index, folder, word_bag):
    with open_index("first") as index, open_index("first", writable=False) as reader:
        index.upsert(DOCUMENTS)
        narrow = word_bag(48, "narrow")
        reader._models.add(index._models._known["first"].__class__(narrow, "narrow"))
        assert best(reader, DOCUMENTS[7].text) == ("d7", pytest.approx(1))
        assert index.reembed(narrow, "narrow").switched
        assert index.facts().dimension == 48
        for one in (index, reader):
            assert best(one, DOCUMENTS[7].text) == ("d7", pytest.approx(1))


def test_only_the_writer_and_only_one_at_a_time(filled, open_index, models):
    with open_index("first", writable=False) as reader, pytest.raises(Conflict, match="reading only"):
        reader.reembed(models["second"], "second")

    def again(texts):
        with pytest.raises(Conflict, match="already"):
            filled.reembed(models["second"], "second")
        return models["second"](texts)

    assert filled.reembed(again, "second").switched


def test_no_search_compares_a_query_of_one_model_with_vectors_of_another(filled, open_index, models):
    ended, failures, asked = threading.Event(), [], [0]

    def search(index, first):
        number = first
        while not ended.is_set():
            number = (number + 37) % 300
            mode = "dense" if number % 2 else "hybrid"
            hit = index.search(DOCUMENTS[number].text, mode=mode, k=1)[0]
            asked[0] += 1
            if hit.document.id != f"d{number}" or abs(hit.similarity - 1) > 1e-4:
                failures.append((number, mode, hit.document.id, hit.similarity))

    with open_index("first", writable=False) as reader:
        threads = [threading.Thread(target=search, args=(filled, number)) for number in range(3)]
        threads.append(threading.Thread(target=search, args=(reader, 5)))
        for thread in threads:
            thread.start()
        for name in ("second", "first", "wise", "first"):
            assert filled.reembed(models[name], name, lambda: ASKED[:5], pace=Pace(batch=100)).switched
            filled.upsert([Document("other", f"other {name}")])
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert asked[0] > 40


def test_a_batch_takes_no_longer_than_it_may():
    pace = Pace(batch=256, seconds=0.05)
    assert [pace.after(1, 1.0), pace.after(4, 0.01), pace.after(16, 0.2), pace.after(200, 0.01)] == [1, 8, 4, 256]
    assert Pace(batch=256).after(256, 9.0) == 256
