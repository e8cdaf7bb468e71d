"""An index whose vectors an ``embed`` head makes follows that head, on a real host with a tiny encoder."""

import logging
import shutil
import time
from importlib.metadata import entry_points

import pytest

from verticals.contract import Conflict
from verticals.host import Host
from verticals.host.serving import calls_of

LIBRARY = '''"""Questions and the articles that answer them."""
from pydantic import BaseModel
from verticals import Dataset, Document, Index, Recipe, TaskHead, hookimpl

TOPICS = ["parcel", "refund", "password", "kettle", "invoice", "courier", "voucher", "warranty", "address", "colour",
          "battery", "handle"]


class Pair(BaseModel):
    text: str
    positive: str


def article(topic):
    return f"All about the {topic}: what we do with a {topic} and when."


def load():
    for number in range(60):
        topic = TOPICS[number % len(TOPICS)]
        split = "train" if number < 36 else "validation"
        yield {"text": f"my {topic}, case {number}", "positive": article(topic), "split": split}


def documents():
    for topic in TOPICS:
        yield Document(id=topic, text=article(topic))
    for number in range(20):
        yield Document(id=f"other{number}", text=f"Something else, number {number}.")


@hookimpl
def register_datasets():
    yield Dataset(name="pairs", row=Pair, load=load)


@hookimpl
def register_heads():
    yield TaskHead(name="near", dataset="pairs", objective="embed", target="positive",
                   recipe=Recipe(method="head", epochs=2))


@hookimpl
def register_indexes():
    yield Index(name="articles", documents=documents, head="near")
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder):
    """A home with two versions of the head, of which the first is live."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "library.py").write_text(LIBRARY, encoding="utf-8")
    blocked = [entry.name for entry in entry_points(group="verticals")]
    settings = {"blocked": blocked, "encoder": tiny_encoder, "threads": 1, "trackers": "none"}
    with Host.open(folder / "home", plugins_dir=folder / "plugins", settings=settings) as host:
        head = host["library"].head("near")
        head.promote(head.train().version)
        head.train(changes={"epochs": 8})
    return folder / "home"


@pytest.fixture
def library(write_plugin, open_small_host, trained, tmp_path):
    write_plugin("library", LIBRARY)
    return open_small_host(shutil.copytree(trained, tmp_path / "home"), trackers="none")["library"]


def waits_for(index, done, seconds=30):
    until = time.monotonic() + seconds
    while not done(index.facts()):
        assert time.monotonic() < until, index.facts()
        time.sleep(0.05)
    return index.facts()


def made_by(version):
    return lambda facts: facts.embedding.startswith(f"library/near@{version} ")


def similar(index, head, version):
    """Whether a search compares vectors of this version."""
    question = "my kettle, case 3"
    hit = index.search(question, mode="dense", k=1)[0]
    asked, text = (one.vector for one in head.predict([question, hit.document.text], version))
    return hit.similarity == pytest.approx(sum(a * b for a, b in zip(asked, text, strict=True)), abs=1e-4)


def test_a_promotion_reaches_an_open_index_and_so_does_a_rollback(library, open_small_host, caplog):
    caplog.set_level(logging.INFO)
    index, head = library.index("articles"), library.head("near")
    assert made_by("v1")(index.facts())
    assert similar(index, head, "v1")
    other = open_small_host(library.host.home, trackers="none")  # as another process does
    other["library"].head("near").promote("v2")
    compared = waits_for(index, made_by("v2")).compared
    assert compared.questions == 24
    assert compared.new.mrr >= compared.old.mrr > 0
    assert similar(index, head, "v2")
    head.rollback()
    waits_for(index, made_by("v1"))
    assert similar(index, head, "v1")
    index.close()
    assert f"is searched by {compared.after} now: {compared.told()}" in caplog.text


def test_a_version_that_answers_worse_does_not_take_over_by_itself(library, caplog, monkeypatch):
    index, head = library.index("articles"), library.head("near")
    index.count()
    monkeypatch.setattr("verticals.retrieval.comparing.Compared.worse", True)
    head.promote("v2")
    facts = waits_for(index, lambda facts: facts.reembedding and facts.reembedding.held_back)
    assert made_by("v1")(facts)
    assert (facts.reembedding.done, facts.reembedding.total) == (32, 32)
    index.close()
    assert "articles stays with library/near@v1" in caplog.text
    assert made_by("v1")(index.facts())
    index.begin_reembedding(force=True)
    waits_for(index, made_by("v2"))
    head.rollback()
    waits_for(index, lambda facts: facts.reembedding and facts.reembedding.held_back)
    head.promote("v2")
    waits_for(index, lambda facts: facts.reembedding is None)


def test_an_index_opens_at_once_by_the_version_it_was_made_with(library, open_small_host):
    library.index("articles").close()
    index = library.index("articles")
    assert index.count() == 32
    index.close()
    library.head("near").promote("v2")
    assert made_by("v1")(index.facts())
    assert similar(index, library.head("near"), "v1")
    reader = open_small_host(library.host.home, trackers="none")["library"].index("articles")
    assert similar(reader, library.head("near"), "v1")
    for ask in (reader.reembed, reader.begin_reembedding):
        with pytest.raises(Conflict, match="is written by process"):
            ask()
    done = index.reembed(switch=False)
    assert not done.switched
    assert made_by("v1")(index.facts())
    done = index.reembed(force=True)
    assert (done.switched, done.documents) == (True, 0)
    for one in (index, reader):
        assert made_by("v2")(one.facts())
        assert similar(one, library.head("near"), "v2")


def test_closing_does_not_wait_for_the_end(library, monkeypatch):
    index = library.index("articles")
    index.count()
    engine = library.host.engine
    own = engine.predict

    def slow(vertical, head, version, inputs):
        time.sleep(0.1)
        return own(vertical, head, version, inputs)

    monkeypatch.setattr(engine, "predict", slow)
    monkeypatch.setattr("verticals.host.following._BATCH", 1)
    library.head("near").promote("v2")
    waits_for(index, lambda facts: facts.reembedding and facts.reembedding.done >= 2)
    began = time.monotonic()
    library.host.close()
    assert time.monotonic() - began < 2


def test_a_version_that_cannot_be_loaded_any_more_is_replaced_before_the_index_opens(library):
    index = library.index("articles")
    index.count()
    index.close()
    library.head("near").promote("v2")
    (library.host.home / "models" / "library" / "near" / "v1" / "head.safetensors").unlink()
    library.host.engine.versions._kept.clear()
    assert made_by("v2")(index.facts())


def test_a_worker_asks_the_process_that_writes(library, monkeypatch):
    asked = []

    class Elsewhere:
        def call(self, *arguments):
            asked.append(arguments)

    index = library.index("articles")
    with monkeypatch.context() as worker:
        worker.setattr(library.host, "elsewhere", Elsewhere())
        index.begin_reembedding(force=True)
    assert asked == [("reembed", "library", "articles", "default", True)]
    index.count()
    monkeypatch.setattr("verticals.retrieval.comparing.Compared.worse", True)
    library.head("near").promote("v2")
    name, *arguments = asked[0]
    calls_of(library.host)[name](*arguments)
    waits_for(index, made_by("v2"))
