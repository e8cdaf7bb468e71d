"""A plugin in one file with a head of each objective beyond labels: through the kit, the host and an index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verticals import Host
from verticals.testing.check import Subject, run_one

pytestmark = pytest.mark.usefixtures("forked")

SOURCE = '''"""Small talk of many kinds."""
from pydantic import BaseModel

from verticals import Dataset, Document, Index, Recipe, TaskHead, hookimpl

HEAD = Recipe(method="head")
TEXTS = ["the parcel is late", "my card was charged", "I forgot the password"]
TOPICS = [["delivery"], ["payment", "money"], []]


class Row(BaseModel):
    text: str
    words: list[str]
    topics: list[str]
    tags: list[str]
    spans: list[dict]
    answer: str
    near: float
    negative: str | None = None


def load():
    for at in range(48):
        text = f"{TEXTS[at % 3]} {at}"
        words = text.split()
        yield {
            "text": text, "words": words, "topics": TOPICS[at % 3], "near": float(at % 3),
            "tags": ["B-thing" if word in ("parcel", "card", "password") else "O" for word in words],
            "spans": [{"start": 0, "end": len(words[0]), "label": "first"}],
            "answer": f"about {TEXTS[at % 3]}", "negative": "about nothing" if at % 2 else None,
            "split": ("train", "train", "train", "validation")[at // 3 % 4],
        }


def documents():
    for at, text in enumerate(TEXTS):
        yield Document(id=str(at), text=text)


@hookimpl
def register_datasets():
    yield Dataset(name="rows", row=Row, load=load)


@hookimpl
def register_heads():
    about = {"dataset": "rows", "recipe": HEAD}
    topics = ("delivery", "payment", "money")
    yield TaskHead(name="topics", objective="multilabel", target="topics", labels=topics, **about)
    yield TaskHead(name="things", objective="tag", inputs=("words",), target="tags", labels=("thing",), **about)
    yield TaskHead(name="spans", objective="tag", target="spans", **about)
    yield TaskHead(name="embed", objective="embed", target="answer", **about)
    yield TaskHead(name="pair", objective="score", inputs=("text", "answer"), target="near", **about)
    recipe = Recipe(method="head", towers="one")
    example = {"query": "q", "candidates": {"a": "b", "c": "d"}}
    yield TaskHead(name="rank", dataset="rows", objective="rank", target="answer", recipe=recipe, example=example)


@hookimpl
def register_indexes():
    yield Index(name="articles", documents=documents, head="embed")
'''
HEADS = ["topics", "things", "spans", "embed", "pair", "rank"]


@pytest.fixture
def plugin(tmp_path) -> Path:
    path = tmp_path / "plugins" / "chatter.py"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_the_kit_knows_every_objective(plugin) -> None:
    with Subject(str(plugin)) as subject:
        results = [one for check in ("loads", "starter rows", "heads train") for one in run_one(check, subject)]
        assert {one.status for one in results} == {"passed"}, results
        assert [one.subject for one in results][2:] == [f"head {name}" for name in HEADS]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"payment", "money"], []', '"payment", "cash"], []', "'cash' (head topics)"),
        ('"B-thing" if', '"B-thingy" if', "'thingy' (head things)"),
    ],
)
def test_the_kit_finds_unknown_labels_within_lists(plugin, old: str, new: str, said: str) -> None:
    plugin.write_text(SOURCE.replace(old, new), encoding="utf-8")
    with Subject(str(plugin)) as subject:
        (result,) = run_one("starter rows", subject)
        assert said in str(result)


def test_an_index_takes_its_vectors_from_a_head(plugin, tmp_path, tiny_encoder) -> None:
    settings = {"encoder": str(tiny_encoder), "device": "cpu", "precision": "fp32", "threads": 1}
    with Host.open(tmp_path / "home", plugins_dir=plugin.parent, settings=settings) as host:
        vertical = host["chatter"]
        bare = vertical.index("articles").search("the parcel is late", k=3, mode="dense")
        head = vertical.head("embed")
        head.promote(head.train(changes={"method": "lora", "epochs": 1, "learning_rate": 0.01}).version)
        vertical.index("articles").reembed(force=True)
        found = vertical.index("articles").search("the parcel is late", k=3, mode="dense")
        texts = ["the parcel is late", found[1].document.text]
        query, other = (np.array(answer.vector) for answer in head.predict(texts))
        assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
        assert found[1].similarity == pytest.approx(float(query @ other), abs=1e-3)
        assert found[1].similarity != pytest.approx(bare[1].similarity, abs=1e-3)


@pytest.mark.parametrize(("old", "new"), [('head="embed")', 'head="topics")'), ('head="embed")', 'head="embedd")')])
def test_an_index_needs_a_head_that_embeds(plugin, old: str, new: str) -> None:
    plugin.write_text(SOURCE.replace(old, new), encoding="utf-8")
    with Subject(str(plugin)) as subject:
        (result,) = run_one("loads", subject)
        assert "which is no head that embeds" in str(result)
