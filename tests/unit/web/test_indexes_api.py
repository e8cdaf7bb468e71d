"""Indexes and their documents in the API."""

import json
import math

import pytest
from fastapi.testclient import TestClient

from verticals import Document, StorageError
from verticals.host.index_models import IndexModels
from verticals.retrieval import DocumentIndex, loading, transfer
from verticals.web.app import create_app

HERE = "/v1/platform/indexes/library/articles"


@pytest.fixture
def client(library):
    with TestClient(create_app(library, ["library"], pages=False)) as client:
        yield client


def line(**values):
    return json.dumps(values).encode() + b"\n"


def ids(client):
    return [one["id"] for one in client.get(f"{HERE}/documents").json()["documents"]]


def test_indexes_tell_what_is_in_them(client):
    articles, empty = client.get("/v1/platform/indexes").json()
    assert (articles["vertical"], articles["index"], articles["documents"]) == ("library", "articles", 3)
    assert (articles["embedding_kind"], articles["writable"], articles["language"]) == ("encoder", True, "en")
    assert articles["dimension"] > 0
    assert (empty["documents"], empty["dimension"]) == (0, None)
    assert client.get(HERE).json() == articles
    assert client.get("/v1/platform/indexes", params={"vertical": "shp"}).status_code == 404
    for path in ("/v1/platform/indexes/library/artcles", "/v1/platform/indexes/library/artcles/documents"):
        response = client.get(path)
        assert (response.status_code, response.json()["remedy"]) == (404, "Did you mean 'articles'?")


def test_a_change_moves_the_change_number(client):
    before = client.get(HERE).json()["change"]
    client.post(f"{HERE}/documents", json={"documents": [{"id": "new", "text": "New."}]})
    after = client.get(HERE).json()
    assert (after["change"], after["documents"]) == (before + 1, 4)


def test_a_search_tells_places_similarity_and_passage(client):
    response = client.post(f"{HERE}/search", json={"text": "refunds", "k": 2})
    assert response.status_code == 200
    first = response.json()["hits"][0]
    assert first["document"]["id"] == "help/returns"
    assert first["lexical_rank"] == 1
    assert -1 <= first["similarity"] <= 1
    start, end = first["span"]
    assert first["document"]["text"][start:end] == "Refunds take a week."
    assert len(client.post(f"{HERE}/search", json={"text": "a", "k": 1000, "mode": "dense"}).json()["hits"]) == 3
    words = client.post(f"{HERE}/search", json={"text": "parcel", "mode": "lexical"}).json()["hits"]
    assert {hit["similarity"] for hit in words} == {None}
    assert client.post(f"{HERE}/search", json={"text": "  "}).json() == {"hits": []}
    assert client.post(f"{HERE}/search", json={"text": "refunds", "where": None, "fusion": None}).status_code == 200
    nothing = client.post("/v1/platform/indexes/library/empty/search", json={"text": "parcel"})
    assert nothing.json() == {"hits": []}


def test_a_filter_restricts_the_search(client):
    where = {"topic": ["returns", "nothing"], "year": 2025}
    hits = client.post(f"{HERE}/search", json={"text": "parcel", "where": where}).json()["hits"]
    assert [hit["document"]["id"] for hit in hits] == ["help/returns"]
    assert client.post(f"{HERE}/search", json={"text": "parcel", "where": {"topic": "no"}}).json()["hits"] == []


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({}, "body.text"),
        ({"text": 3}, "body.text"),
        ({"text": "a", "k": 0}, "body.k"),
        ({"text": "a", "k": 1001}, "body.k"),
        ({"text": "a", "k": "many"}, "body.k"),
        ({"text": "a", "mode": "magic"}, "body.mode"),
        ({"text": "a", "offset": -1}, "body.offset"),
        ({"text": "a", "weights": [1]}, "body.weights"),
        ({"text": "a", "weights": [1, -1]}, "body.weights"),
        ({"text": "a", "diversity": "much"}, "body.diversity"),
        ({"text": "a", "rerank": "often"}, "body.rerank"),
        ({"text": "a", "rerank_weight": 1.5}, "body.rerank_weight"),
        ({"text": "a", "rerank_depth": 0}, "body.rerank_depth"),
        ({"text": "a", "minimum_similarity": 2}, "body.minimum_similarity"),
        ({"text": "a", "where": "topic=returns"}, "body.where"),
        ({"text": "a", "where": {"topic": {"like": {"a": 1}}}}, "topic"),
        ({"text": "a", "where": {"topic": [["a"]]}}, "topic"),
        ({"text": "a", "mode": "lexical", "minimum_similarity": 0.5}, "similarity"),
        ({"text": "a", "minimum_similarty": 0.5}, "minimum_similarty"),
        ({"text": "a", "self": 1}, "self"),
    ],
)
def test_what_a_search_cannot_use_is_named(client, order, named):
    response = client.post(f"{HERE}/search", json=order)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert named in response.json()["detail"]


def test_a_misspelt_option_gets_the_nearest(client):
    response = client.post(f"{HERE}/search", json={"text": "a", "minimum_similarty": 0.5})
    assert response.json()["remedy"] == "Did you mean 'minimum_similarity'?"


def test_options_that_only_the_index_knows_reach_it(client, monkeypatch):
    asked = {}
    own = DocumentIndex.search

    def search(self, text, *, k=10, where=None, mode="hybrid", minimum_similarity=None, novelty=None, **others):
        asked.update(k=k, novelty=novelty)
        return own(self, text, k=k)

    monkeypatch.setattr(DocumentIndex, "search", search)
    assert client.post(f"{HERE}/search", json={"text": "parcel", "novelty": 2}).status_code == 200
    assert asked == {"k": 10, "novelty": 2}


def test_documents_come_by_page_in_the_order_of_their_ids(client):
    first = client.get(f"{HERE}/documents", params={"limit": 2}).json()
    assert [one["id"] for one in first["documents"]] == ["help/returns", "shipping"]
    assert first["next"] == "shipping"
    last = client.get(f"{HERE}/documents", params={"limit": 2, "after": first["next"]}).json()
    assert ([one["id"] for one in last["documents"]], last["next"]) == (["退货"], None)
    exactly = client.get(f"{HERE}/documents", params={"limit": 3}).json()
    assert (len(exactly["documents"]), exactly["next"]) == (3, None)
    assert client.get(f"{HERE}/documents", params={"limit": 0}).status_code == 422


@pytest.mark.parametrize("written", ["help/returns", "help%2Freturns"])
def test_an_id_with_slashes_is_one_document(client, written):
    found = client.get(f"{HERE}/documents/{written}").json()
    assert (found["id"], found["metadata"]["tags"]) == ("help/returns", ["money", "parcel"])
    assert client.delete(f"{HERE}/documents/{written}").status_code == 204
    assert client.get(f"{HERE}/documents/{written}").status_code == 404
    assert client.delete(f"{HERE}/documents/{written}").status_code == 404
    assert ids(client) == ["shipping", "退货"]


def test_a_document_that_is_not_there_is_not_found(client):
    for path in ("documents/nothing", "documents/", "documents/a%00b", "documents/%ED%A0%80"):
        response = client.get(f"{HERE}/{path}")
        assert (response.status_code, response.json()["type"]) == (404, "urn:verticals:problem:not-found"), path


def test_documents_are_added_replaced_or_left_alone(client):
    known = client.get(f"{HERE}/documents/shipping").json()
    changed = {**known, "text": "We deliver tomorrow."}
    given = [{"id": "a/b c?d#e", "text": "First"}, changed, known | {"id": "copy"}, {"id": "a/b c?d#e", "text": "Last"}]
    assert client.post(f"{HERE}/documents", json={"documents": given}).json() == {
        "added": 2, "updated": 1, "unchanged": 0,
    }  # fmt: skip
    again = client.post(f"{HERE}/documents", json={"documents": given}).json()
    assert again == {"added": 0, "updated": 0, "unchanged": 3}
    assert client.get(f"{HERE}/documents/a%2Fb%20c%3Fd%23e").json()["text"] == "Last", "of several the last counts"
    (hit,) = client.post(f"{HERE}/search", json={"text": "tomorrow", "mode": "lexical"}).json()["hits"]
    assert hit["document"]["id"] == "shipping"


@pytest.mark.parametrize(
    ("documents", "named"),
    [
        ([], "body.documents"),
        ([{"text": "x"}], "body.documents.0.id"),
        ([{"id": "", "text": "x"}], "body.documents.0.id"),
        ([{"id": "a"}], "body.documents.0.text"),
        ([{"id": 1, "text": "x"}], "body.documents.0.id"),
        ([{"id": "a", "text": "x", "titel": "y"}], "body.documents.0.titel"),
        ([{"id": "a", "text": "x", "metadata": "y"}], "body.documents.0.metadata"),
        ([{"id": "a", "text": "x", "metadata": {"y": math.nan}}], "'a'"),
    ],
)
def test_documents_that_cannot_be_stored_are_named_and_nothing_is(client, documents, named):
    body = json.dumps({"documents": documents})
    response = client.post(f"{HERE}/documents", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert named in response.json()["detail"]
    assert len(ids(client)) == 3


def test_what_is_exported_can_be_imported(client):
    exported = client.get(f"{HERE}/export")
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert "library-articles.jsonl" in exported.headers["content-disposition"]
    lines = exported.content.splitlines()
    assert [json.loads(one)["id"] for one in lines] == ["help/returns", "shipping", "退货"]
    into = "/v1/platform/indexes/library/empty"
    done = client.post(f"{into}/import", content=exported.content)
    assert done.json() == {"added": 3, "updated": 0, "unchanged": 0, "rows": 3}
    assert client.get(f"{into}/export").content == exported.content
    assert client.get(f"{into}/export", params={"after": "shipping"}).content.splitlines() == lines[2:]
    assert client.post(f"{into}/import", content=exported.content).json()["unchanged"] == 3


def test_an_empty_index_exports_nothing(client):
    exported = client.get("/v1/platform/indexes/library/empty/export")
    assert (exported.status_code, exported.content) == (200, b"")
    assert client.get("/v1/platform/indexes/library/nothing/export").status_code == 404


def test_bad_lines_are_told_together_and_the_others_are_stored(client):
    lines = [
        b"\xef\xbb\xbf" + line(id="one", text="1"),
        b"\r\n",
        b"not json\n",
        line(id="two", text=2, titel="T"),
        b"caf\xe9\n",
        b"[1]\n",
        line(text="no id"),
        line(id="three", text="3", metadata=[1]),
        b'{"id": "nan", "text": "x", "metadata": {"a": NaN}}\n',
        b'{"id": "half", "text": "\\ud800"}\n',
        line(id="one", text="one again", metadata={"a": 1}),
        b'{"id": "last", "text": "no line end"}',
    ]
    response = client.post(f"{HERE}/import", content=b"".join(lines))
    body = response.json()
    assert (response.status_code, body["type"]) == (422, "urn:verticals:problem:bad-rows")
    told = [(one["row"], one["field"]) for one in body["errors"]]
    assert told == [(3, ""), (4, "titel"), (4, "text"), (5, ""), (6, ""), (7, "id"), (8, "metadata"), (9, "metadata"),
                    (10, "text")]  # fmt: skip
    assert body["stored"] == {"added": 2, "updated": 0, "unchanged": 0}
    assert body["detail"].startswith("8 lines of 11 cannot be used. 2 documents are stored")
    assert client.get(f"{HERE}/documents/one").json()["text"] == "one again"
    assert client.get(f"{HERE}/documents/last").status_code == 200


@pytest.mark.parametrize("body", [b"", b"\n \n\r\n"])
def test_a_body_without_lines_is_refused(client, body):
    response = client.post(f"{HERE}/import", content=body)
    assert (response.status_code, response.json()["detail"]) == (422, "The body holds no line.")


def test_a_body_in_another_encoding_is_refused_line_by_line(client):
    body = client.post(f"{HERE}/import", content='{"id": "ü", "text": "é"}\n'.encode("utf-16")).json()
    assert body["errors"][0] == {"field": "", "problem": "byte 0xFF at column 1 is not UTF-8", "row": 1}
    assert body["stored"] == {"added": 0, "updated": 0, "unchanged": 0}


def test_a_line_may_be_long_but_not_without_bound(client, monkeypatch):
    monkeypatch.setattr(loading, "LONGEST_LINE", 2000)
    body = [line(id="long", text="x" * 1900), line(id="longer", text="y" * 5000), line(id="after", text="z")]
    answered = client.post(f"{HERE}/import", content=iter([b"".join(body)]))
    assert [(one["row"], one["problem"]) for one in answered.json()["errors"]] == [(2, "has more than 2,000 bytes")]
    assert {"long", "after"} <= set(ids(client))
    assert "longer" not in ids(client)


def test_an_import_may_be_longer_than_other_bodies(client):
    assert transfer.LONGEST_LINE == 10 * 1024 * 1024
    blank = (b" " * 1023 + b"\n" for _ in range(11 * 1024))
    body = [line(id="first", text="1"), *blank, line(id="end", text="2")]
    assert client.post(f"{HERE}/import", content=iter(body)).json()["added"] == 2
    assert client.post(f"{HERE}/documents", content=b" " * (11 << 20)).status_code == 413


def test_more_bad_lines_than_can_be_told_are_counted(client, monkeypatch):
    monkeypatch.setattr(loading, "MOST_PROBLEMS", 5)
    body = client.post(f"{HERE}/import", content=b"no\n" * 20 + line(id="good", text="x")).json()
    assert len(body["errors"]) == 5
    assert body["detail"].startswith("20 lines of 21 cannot be used. 1 document is stored")


def test_what_was_stored_before_the_disk_was_full_is_told(client, library, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 2)
    handle = library["library"].index("articles")
    own, calls = handle.upsert, []

    def upsert(documents):
        calls.append(list(documents))
        if len(calls) == 4:
            raise StorageError("The disk is full.", "Free some space.")
        return own(calls[-1])

    monkeypatch.setattr(handle, "upsert", upsert)
    response = client.post(f"{HERE}/import", content=b"".join(line(id=f"n{n}", text="x") for n in range(9)))
    assert response.status_code == 507
    detail = response.json()["detail"]
    assert detail == "The disk is full. 4 documents are stored (4 added, 0 updated, 0 unchanged)."


def test_writing_while_another_process_writes_is_a_conflict_and_reading_goes_on(library, tmp_path):
    handle = library["library"].index("articles")
    handle.count()
    handle.close()
    embed, embedding = IndexModels(handle.vertical, handle.noun).wanted()
    folder = tmp_path / "home" / "indexes" / "library" / "articles"
    with (
        DocumentIndex.open(folder, embed, embedding=embedding) as other,
        TestClient(create_app(library, ["library"], pages=False)) as client,
    ):
        answers = [
            client.post(f"{HERE}/documents", json={"documents": [{"id": "a", "text": "x"}]}),
            client.post(f"{HERE}/import", content=line(id="a", text="x")),
            client.delete(f"{HERE}/documents/shipping"),
        ]
        assert [one.status_code for one in answers] == [409] * 3
        assert not client.get(HERE).json()["writable"]
        other.upsert([Document("fresh", "Just written.")])
        hits = client.post(f"{HERE}/search", json={"text": "written", "mode": "lexical"}).json()["hits"]
        assert [hit["document"]["id"] for hit in hits] == ["fresh"]


def test_vectors_of_another_model_are_told_of(library, client):
    handle = library["library"].index("articles")
    index, (embed, name) = handle.opened, IndexModels(handle.vertical, handle.noun).wanted()
    before = client.get(HERE).json()
    assert (before["reembedding"], before["compared"]) == (None, None)
    index.reembed(lambda texts: -embed(texts), "turned", switch=False)
    coming = client.get(HERE).json()["reembedding"]
    assert coming == {"embedding": "turned", "done": 3, "total": 3, "held_back": None}
    index.reembed(lambda texts: -embed(texts), "turned")
    after = client.get(HERE).json()
    assert (after["embedding"], after["reembedding"]) == ("turned", None)
    compared = after["compared"]
    assert (compared["before"], compared["after"], compared["questions"]) == (name, "turned", 3)
    assert (compared["same"], compared["old"], compared["new"]) == (1.0, None, None)
    assert compared["told"] == "100% of the ten best hits are the same, of 3 questions"


def test_a_new_look_at_what_is_live_can_be_asked_for(library, client, monkeypatch):
    answer = client.post(f"{HERE}/reembed", json={})
    assert (answer.status_code, answer.json()["reembedding"]) == (202, None)
    asked = []
    handle = library["library"].index("articles")
    monkeypatch.setattr(handle, "begin_reembedding", lambda *, force: asked.append(force))
    client.post(f"{HERE}/reembed", json={"force": True})
    assert asked == [True]
    assert client.post(f"{HERE}/reembed", json={"forced": True}).status_code == 422
    assert client.post("/v1/platform/indexes/library/articels/reembed", json={}).status_code == 404


def test_nothing_is_asked_of_a_vertical_that_does_not_run(library):
    client = TestClient(create_app(library, ["library"], pages=False))  # not started
    assert client.get(HERE).status_code == 503
    assert client.post(f"{HERE}/search", json={"text": "a"}).status_code == 503
