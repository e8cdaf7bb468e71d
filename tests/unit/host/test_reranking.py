"""What an index declares about the order of its hits: a head that orders them anew, and weights."""

import anyio
import pytest

from verticals.contract import BadInput, NotFound, Unavailable

SHOP = '''"""A shop's articles."""
from pydantic import BaseModel
from verticals import Dataset, Document, Index, Recipe, TaskHead, hookimpl

TOPICS = {"delivery": "the courier brings the parcel", "payment": "the invoice and the refund"}


class Pair(BaseModel):
    query: str
    text: str
    fits: float


class Asked(BaseModel):
    query: str
    answer: str


def pairs():
    for number in range(40):
        topic = list(TOPICS)[number % 2]
        other = list(TOPICS)[(number // 2) % 2]
        yield Pair(query=f"about {topic} {number}", text=TOPICS[other], fits=float(topic == other))


def asked():
    for number in range(20):
        topic = list(TOPICS)[number % 2]
        yield Asked(query=f"about {topic} {number}", answer=TOPICS[topic])


def articles():
    for number in range(8):
        topic = list(TOPICS)[number % 2]
        yield Document(id=f"d{number}", title=topic if number > 3 else "", text=f"{TOPICS[topic]} {number}")


@hookimpl
def register_datasets():
    yield Dataset(name="pairs", row=Pair, load=pairs)
    yield Dataset(name="asked", row=Asked, load=asked)


@hookimpl
def register_heads():
    quick = Recipe(method="head", epochs=1)
    yield TaskHead("fit", "pairs", "score", ("query", "text"), "fits", recipe=quick)
    yield TaskHead("match", "asked", "rank", ("query",), "answer", recipe=quick)
    yield TaskHead("length", "pairs", "score", ("query",), "fits", recipe=quick)


@hookimpl
def register_indexes():
    yield Index("plain", documents=articles)
    yield Index("scored", documents=articles, reranker="fit")
    yield Index("ranked", documents=articles, reranker="match")
    yield Index("worded", documents=articles, weights=(0, 1))
'''


@pytest.fixture
def shop(write_plugin, open_small_host):
    write_plugin("shop", SHOP)
    return open_small_host(trackers="none")["shop"]


def texts(hits):
    return [f"{hit.document.title}\n{hit.document.text}" if hit.document.title else hit.document.text for hit in hits]


@pytest.mark.parametrize(("index", "head"), [("scored", "fit"), ("ranked", "match")])
def test_hits_come_in_the_order_of_the_live_version(shop, index, head):
    with pytest.raises(Unavailable):
        shop.index(index).search("about payment", rerank=True)
    shop.head(head).promote(shop.head(head).train().version)
    before = shop.index(index).search("about payment")
    hits = shop.index(index).search("about payment", rerank=True)
    assert {hit.document.id for hit in hits} == {hit.document.id for hit in before}
    assert all(hit.relevance is None for hit in before)
    found = [hit.relevance for hit in hits]
    assert found == sorted(found, reverse=True)
    if head == "fit":
        asked = [{"query": "about payment", "text": text} for text in texts(hits)]
        assert found == pytest.approx([one.value for one in shop.head(head).predict(asked)], abs=1e-5)
    else:
        answer = shop.head(head).predict({"query": "about payment", "candidates": dict(enumerate(texts(hits)))})[0]
        assert found == pytest.approx([match for _, match in answer.ranking], abs=1e-5)
    again = shop.index(index).search("about payment", rerank="v1")
    assert [hit.document.id for hit in again] == [hit.document.id for hit in hits]
    with pytest.raises(NotFound, match="v2"):
        shop.index(index).search("about payment", rerank="v2")
    assert shop.index(index).search("about payment", rerank=True, where={"none": 1}) == []


def test_an_index_without_a_head_for_it_says_so(shop):
    with pytest.raises(BadInput, match="shop/plain has no head that re-ranks"):
        shop.index("plain").search("about payment", rerank=True)


def test_the_weights_that_an_index_declares_hold_where_a_search_gives_none(shop):
    def scores(index, **options):
        return [(hit.document.id, hit.score) for hit in shop.index(index).search("the courier", **options)]

    assert scores("worded") == scores("plain", weights=(0, 1)) != scores("plain")
    assert scores("worded", weights=(0.6, 0.4)) == scores("plain")


def test_weights_that_no_search_can_use_are_refused_when_the_plugin_is_loaded(write_plugin, open_small_host):
    write_plugin("shop", SHOP.replace("weights=(0, 1)", "weights=(0, 0)"))
    assert "Both weights are 0" in open_small_host(trackers="none").plugins["shop"].cause


@pytest.mark.parametrize("name", ["nothing", "length"])
def test_a_head_that_cannot_rerank_is_refused_when_the_plugin_is_loaded(write_plugin, open_small_host, name):
    write_plugin("shop", SHOP.replace('reranker="match"', f'reranker="{name}"'))
    host = open_small_host(trackers="none")
    assert f"is re-ranked by {name!r}, which is no head that ranks" in host.plugins["shop"].cause


def test_serving_does_not_wait_for_a_head_that_is_optional(write_plugin, open_small_host):
    optional = SHOP.replace("recipe=quick)", "recipe=quick, optional=True)")
    write_plugin("shop", optional)
    host = open_small_host(trackers="none")

    async def run():
        async with host.serve(["shop"]) as served:
            head = served["shop"].head("match")
            assert not await head.is_live()
            with pytest.raises(Unavailable, match="shop/match"):
                await head.predict({"query": "about payment", "candidates": {"a": "money"}})
            host["shop"].head("match").promote(host["shop"].head("match").train().version)
            assert await head.is_live()

    anyio.run(run)
    assert host["shop"].head("fit").live is None
