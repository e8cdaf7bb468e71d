"""What an index promises across restarts, processes and damage."""

import json
import shutil
import sqlite3
import time

import pytest

from verticals import Conflict, Document
from verticals.retrieval import DocumentIndex, replica
from verticals.retrieval import index as index_module

READ = """
import sys, re, hashlib
from pathlib import Path
import numpy as np
from verticals.retrieval import DocumentIndex
def embed(texts):
    return np.ones((len(texts), 64), np.float32)
reader = DocumentIndex.open(Path(sys.argv[1]), embed, writable=False)
for line in sys.stdin:
    print(sorted(hit.document.id for hit in reader.search(line, mode="lexical", k=99)), flush=True)
"""


def found(index, text="parcel", **arguments):
    return sorted(hit.document.id for hit in index.search(text, mode="lexical", k=99, **arguments))


def parts(folder):
    return sorted(path.relative_to(folder / "snapshots").as_posix() for path in (folder / "snapshots").glob("*/v*"))


def test_an_index_survives_closing(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
        before = index.search("parcel refund")
    embed.asked.clear()
    with DocumentIndex.open(folder, embed) as index:
        assert embed.asked == []
        assert index.search("parcel refund") == before
        assert index.documents() == sorted(articles, key=lambda article: article.id)
    assert list((folder / "working").iterdir()) == []


def test_what_came_after_the_snapshot_is_replayed(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
        index.snapshot()
        kept = folder.parent / "kept"
        shutil.copytree(folder / "snapshots", kept)
        index.delete(["returns"])
        index.upsert([Document("shipping", "By pigeon."), Document("new", "Another parcel.")])
    shutil.rmtree(folder / "snapshots")
    shutil.copytree(kept, folder / "snapshots")
    with DocumentIndex.open(folder, embed) as index:
        assert found(index) == ["new"]
        assert found(index, "pigeon") == ["shipping"]
        assert sorted(hit.document.id for hit in index.search("x", mode="dense")) == [
            "new",
            "refunds",
            "shipping",
            "退货",
        ]


def test_a_snapshot_is_replaced_not_collected(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        for article in articles:
            index.upsert([article])
            index.snapshot()
            index.snapshot()
    assert parts(folder) == ["attributes/v4", "dense/v4", "lexical/v4"]


def test_an_unchanged_index_writes_no_snapshot(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
    with DocumentIndex.open(folder, embed):
        pass
    assert parts(folder) == ["attributes/v1", "dense/v1", "lexical/v1"]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, garble, lambda path: path.unlink()])
def test_a_damaged_snapshot_is_built_again(folder, embed, articles, damage):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
        before = index.search("parcel refund")
    for path in sorted((folder / "snapshots").rglob("*")):
        if path.is_file() and path.stat().st_size:
            intact = path.read_bytes()
            damage(path)
            with DocumentIndex.open(folder, embed, writable=False) as index:
                assert index.search("parcel refund") == before, path
            path.write_bytes(intact)


def test_missing_snapshots_are_built_again_and_saved(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
        before = index.search("parcel refund")
    shutil.rmtree(folder / "snapshots")
    with DocumentIndex.open(folder, embed) as index:
        assert index.search("parcel refund") == before
    assert parts(folder) == ["attributes/v1", "dense/v1", "lexical/v1"]


def test_a_snapshot_of_another_truth_is_not_used(tmp_path, embed):
    for name in ("one", "two"):
        with DocumentIndex.open(tmp_path / name, embed) as index:
            index.upsert([Document(name, f"parcel {name}")])
    shutil.rmtree(tmp_path / "one" / "snapshots")
    shutil.copytree(tmp_path / "two" / "snapshots", tmp_path / "one" / "snapshots")
    with DocumentIndex.open(tmp_path / "one", embed) as index:
        assert found(index, "two") == []
        assert found(index, "one") == ["one"]


def test_a_snapshot_from_the_future_of_a_restored_truth_is_not_used(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles[:1])
    shutil.copy(folder / "documents.db", folder.parent / "backup.db")
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles[1:])
    shutil.copy(folder.parent / "backup.db", folder / "documents.db")
    with DocumentIndex.open(folder, embed) as index:
        assert found(index) == ["returns"]


def test_another_language_makes_another_lexical_part(folder, embed):
    with DocumentIndex.open(folder, embed, language="de") as index:
        index.upsert([Document("a", "Die Häuser sind schön.")])
        assert found(index, "Haus") == ["a"]
    with DocumentIndex.open(folder, embed, language="en") as index:
        assert found(index, "Haus") == []
        assert found(index, "hauser") == ["a"]


def test_much_news_is_saved_without_being_asked(folder, embed, monkeypatch):
    monkeypatch.setattr(replica, "_SAVE_AFTER", 20)
    monkeypatch.setattr(index_module, "_REPLAY_EVERY", 10)
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(Document(f"d{number}", "text") for number in range(20))
        assert not (folder / "snapshots").exists()
        index.upsert(Document(f"e{number}", "text") for number in range(10))
        assert parts(folder) == ["attributes/v1", "dense/v1", "lexical/v1"]


def test_readers_in_other_processes_see_changes_on_their_next_search(folder, embed, articles, process):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles[:1])
        reader = process(READ, folder)
        assert reader.ask("parcel") == "['returns']"
        index.upsert(articles[1:])
        assert reader.ask("parcel") == "['returns', 'shipping']"
        index.delete(["returns"])
        index.snapshot()
        assert reader.ask("parcel") == "['shipping']"
    assert reader.ask("parcel") == "['shipping']"
    with DocumentIndex.open(folder, embed) as index:
        index.upsert([Document("late", "parcel")])
        assert reader.ask("parcel") == "['late', 'shipping']"


def test_the_working_copy_of_a_killed_reader_is_cleared_away(folder, embed, articles, process):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
        reader = process(READ, folder)
        reader.ask("parcel")
        assert len(list((folder / "working").glob("*.lock"))) == 2
        reader.kill()
        with DocumentIndex.open(folder, embed, writable=False) as other:
            assert found(other) == ["returns", "shipping"]
            assert len(list((folder / "working").glob("*.lock"))) == 2
    assert list((folder / "working").iterdir()) == []


def test_another_embedding_computes_all_vectors_again(folder, word_bag, articles):
    first, second = word_bag(64), word_bag(32, salt="other")
    with DocumentIndex.open(folder, first, embedding="first") as index:
        index.upsert(articles)
    with DocumentIndex.open(folder, second, embedding="second") as index:
        assert len(second.asked) == 4
        assert index.search("send it back within days", mode="dense")[0].document.id == "returns"
        index.upsert([Document("new", "a new one")])
        assert index.count() == 5
    second.asked.clear()
    with DocumentIndex.open(folder, second, embedding="second") as index:
        assert second.asked == []
        assert index.search("a new one", mode="dense")[0].document.id == "new"


def test_an_interrupted_change_of_embedding_goes_on_where_it_stopped(folder, word_bag):
    documents = [Document(f"d{number}", f"word{number}") for number in range(600)]
    with DocumentIndex.open(folder, word_bag(), embedding="first") as index:
        index.upsert(documents)
    broken = word_bag(32)
    count = 0

    def breaks(texts):
        nonlocal count
        count += 1
        if count > 1:
            raise RuntimeError("power cut")
        return broken(texts)

    with pytest.raises(RuntimeError, match="power cut"):
        DocumentIndex.open(folder, breaks, embedding="second")
    with DocumentIndex.open(folder, word_bag(), embedding="first") as index:
        assert index.search("word7", mode="dense", k=1)[0].similarity == pytest.approx(1)
        index.delete(["d3"])
        index.upsert([Document("d4", "changed meanwhile")])
    second = word_bag(32)
    with DocumentIndex.open(folder, second, embedding="second") as index:
        assert len(second.asked) == 600 - 256 + 1
        assert index.search("changed meanwhile", mode="dense", k=1)[0].document.id == "d4"
        assert len(index.search("x", mode="dense", k=999)) == 599


def test_a_reader_of_another_embedding_is_told(folder, embed, word_bag, articles):
    with DocumentIndex.open(folder, embed, embedding="first") as index:
        index.upsert(articles)
    with pytest.raises(Conflict, match="'first', not of 'second'"):
        DocumentIndex.open(folder, embed, embedding="second", writable=False)
    reader = DocumentIndex.open(folder, embed, embedding="first", writable=False)
    DocumentIndex.open(folder, word_bag(32), embedding="second").close()
    with pytest.raises(Conflict, match="'second', not of 'first'"):
        reader.search("parcel")
    reader.close()


def test_an_index_of_a_newer_release_is_refused(folder, embed):
    DocumentIndex.open(folder, embed).close()
    connection = sqlite3.connect(folder / "documents.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Conflict, match="newer release"):
        DocumentIndex.open(folder, embed)
    with DocumentIndex.open(folder.parent / "other", embed):
        pass


def test_an_index_of_an_older_release_is_brought_up_to_date(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(articles)
    connection = sqlite3.connect(folder / "documents.db")
    connection.executescript("CREATE TABLE attributes (row, key, value); PRAGMA user_version = 1;")
    connection.close()
    shutil.rmtree(folder / "snapshots" / "attributes")
    with DocumentIndex.open(folder, embed) as index:
        assert {hit.document.id for hit in index.search("x", where={"year": 2026})} == {"refunds", "shipping"}
    (tables,) = sqlite3.connect(folder / "documents.db").execute(
        "SELECT count(*) FROM sqlite_master WHERE name = 'attributes'"
    )
    assert tables == (0,)


def test_a_failed_opening_lets_the_next_one_in(folder, embed):
    def fails(texts):
        raise RuntimeError("no model")

    with DocumentIndex.open(folder, embed, embedding="first") as index:
        index.upsert([Document("a", "x")])
    with pytest.raises(RuntimeError, match="no model"):
        DocumentIndex.open(folder, fails, embedding="second")
    DocumentIndex.open(folder, embed, embedding="first").close()


def test_forty_documents_open_in_fifty_milliseconds(folder, embed):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(Document(f"d{number}", "A sentence of some words. " * 20, title="Title") for number in range(40))
    times = []
    for _ in range(7):
        started = time.perf_counter()
        index = DocumentIndex.open(folder, embed)
        times.append(time.perf_counter() - started)
        index.close()
    assert min(times) < 0.05


def test_the_snapshot_says_the_last_change_it_contains(folder, embed, articles):
    with DocumentIndex.open(folder, embed) as index:
        for article in articles:
            index.upsert([article])
    for part in ("dense", "lexical"):
        manifest = json.loads((folder / "snapshots" / part / "v1" / "manifest.json").read_text())
        assert manifest["change"] == 4


def test_importing_the_room_loads_no_heavy_library(other_process):
    loaded = other_process(
        "import sys, verticals.retrieval; print([m for m in ('torch', 'faiss', 'tantivy') if m in sys.modules])"
    )
    assert loaded == "[]"


@pytest.mark.parametrize("library", ["faiss", "tantivy"])
def test_a_missing_library_is_named_with_its_remedy(other_process, tmp_path, library):
    message = other_process(
        "import sys, pathlib; sys.modules[sys.argv[2]] = None\n"
        "from verticals import Unavailable\n"
        "from verticals.retrieval import DocumentIndex\n"
        "try: DocumentIndex.open(pathlib.Path(sys.argv[1]), None)\n"
        "except Unavailable as error: print(error)",
        tmp_path / "index",
        library,
    )
    assert "pip install" in message
    assert not (tmp_path / "index").exists()
