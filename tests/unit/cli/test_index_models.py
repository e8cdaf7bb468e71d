"""``platform index show`` and ``platform index reembed``."""

import json

import pytest

PLUGIN = '''"""Questions and articles."""
from pydantic import BaseModel
from verticals import Dataset, Document, Index, Recipe, TaskHead, hookimpl

TOPICS = ["parcel", "refund", "password", "kettle", "invoice", "courier", "voucher", "warranty", "address", "colour"]


class Pair(BaseModel):
    text: str
    positive: str


def load():
    for number in range(50):
        topic = TOPICS[number % 10]
        split = "train" if number < 30 else "validation"
        yield {"text": f"my {topic}, case {number}", "positive": f"About the {topic}.", "split": split}


def documents():
    for topic in TOPICS:
        yield Document(id=topic, text=f"About the {topic}.")


@hookimpl
def register_datasets():
    yield Dataset(name="pairs", row=Pair, load=load)


@hookimpl
def register_heads():
    yield TaskHead(name="near", dataset="pairs", objective="embed", target="positive",
                   recipe=Recipe(method="head", epochs=1))


@hookimpl
def register_indexes():
    yield Index(name="articles", documents=documents, head="near")
'''


@pytest.fixture
def library(platform, plugins_dir):
    """The command line, on an index whose head has a live version since it was built."""
    (plugins_dir / "library.py").write_text(PLUGIN, encoding="utf-8")
    assert platform("index", "build", "library/articles").code == 0
    assert platform("train", "library/near", "--promote").code == 0
    return platform


def test_a_version_is_compared_and_then_takes_over(library):
    shown = library("index", "show", "library/articles")
    assert "library/near@v1" not in shown.out
    tried = library("index", "reembed", "library/articles", "--dry-run")
    assert tried.code == 0, tried.err
    assert "10 documents embedded" in tried.out
    assert "MRR@10" in tried.out
    assert "as before" in tried.out
    shown = library("index", "show", "library/articles")
    assert "10 of 10 documents embedded" in shown.out
    done = json.loads(library("index", "reembed", "library/articles", "--json").out)["reembedded"]
    assert (done["switched"], done["documents"], done["compared"]["questions"]) == (True, 0, 20)
    shown = library("index", "show", "library/articles")
    assert "library/near@v1" in shown.out
    assert "on 20 questions" in shown.out
    assert "already" in library("index", "reembed", "library/articles").err
    assert json.loads(library("index", "show", "library/articles", "--json").out)["reembedding"] is None


def test_a_worse_version_is_held_back(library, monkeypatch):
    monkeypatch.setattr("verticals.retrieval.comparing.Compared.worse", True)
    held = library("index", "reembed", "library/articles")
    assert held.code == 0
    assert "answers worse" in held.out
    assert "platform index reembed library/articles --force" in held.out + held.err
    assert "is held back" in library("index", "show", "library/articles").out
    assert "searched by library/near@v1" in library("index", "reembed", "library/articles", "--force").out


def test_force_without_a_change_is_refused(library):
    refused = library("index", "reembed", "library/articles", "--dry-run", "--force")
    assert refused.code == 2
    assert "--force" in refused.err


def test_building_an_index_lets_the_live_version_take_over(library):
    assert library("index", "build", "library/articles").code == 0
    assert "library/near@v1" in library("index", "show", "library/articles").out
