"""Every kind of index finds what a comparison with every vector finds, whatever happened to it before."""

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from verticals import BadInput, Conflict, Document, NotFound
from verticals.retrieval import DocumentIndex, bases, building, dense, kinds
from verticals.retrieval.calibration import Tuned, calibrated, perturbed, with_effort
from verticals.retrieval.dense import Dense
from verticals.retrieval.exact import Nearest

WIDTH = 16
APPROXIMATE = [kinds.IVF_SQ8, kinds.IVF_PQ, kinds.HNSW]
ALL = [kinds.EXACT, *APPROXIMATE]


@pytest.fixture(autouse=True)
def every_candidate_is_compared(monkeypatch):
    """Two bits a number tell random vectors apart badly, so take all of them for candidates."""
    monkeypatch.setitem(kinds._SPARE, kinds.IVF_PQ, 1000.0)


def vectors(count, seed=0, width=WIDTH):
    drawn = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


class Held:
    """A plain dictionary of vectors: the model, and the source to build from."""

    def __init__(self, rows=(), drawn=()):
        self.change = 1
        self.by_row = dict(zip(rows, drawn, strict=True))

    def rows(self):
        return np.array(sorted(self.by_row), np.int64)

    def vectors_in(self, rows):
        ascending = sorted(rows)
        return np.array(ascending, np.int64), np.stack([self.by_row[row] for row in ascending])

    def vector_batches(self):
        rows = self.rows()
        for start in range(0, rows.size, 100):
            some = rows[start : start + 100]
            yield some, np.stack([self.by_row[row] for row in some.tolist()])

    def best(self, query, limit, allowed=None):
        rows = [row for row in self.by_row if allowed is None or row in allowed]
        ranked = sorted(rows, key=lambda row: (-float(self.by_row[row] @ query), row))
        return ranked[:limit]


def built(name, held, recall=0.9):
    return building.build(name, held, recall)[0]


def thorough(part):
    """The same index, of which searches look at everything."""
    return part if part.kind.exact else with_effort(part, part.kind.most_effort)


def check(part, held, query, limit=5, allowed=None):
    rows = None if allowed is None else np.array(sorted(allowed), np.int64)
    hits = part.search(query, limit, rows, held.vectors_in)
    assert [row for row, _ in hits] == held.best(query, limit, allowed)
    for row, similarity in hits:
        assert similarity == pytest.approx(float(held.by_row[row] @ query), abs=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_looking_at_everything_every_kind_is_exact(name):
    held = Held(range(1, 1001), vectors(1000))
    part = thorough(built(name, held))
    assert part.kind.name == name
    assert part.count == 1000
    for query in vectors(30, seed=1):
        check(part, held, query)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.002, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_a_filter_restricts_and_never_thins(name, share, monkeypatch):
    held = Held(range(1, 1001), vectors(1000))
    generator = np.random.default_rng(3)
    part = built(name, held)
    for few in (0, 1024):
        monkeypatch.setattr(dense, "_FEW", few)
        for query in vectors(10, seed=2):
            allowed = set(generator.choice(np.arange(1, 1001), int(1000 * share), replace=False).tolist())
            rows = np.array(sorted(allowed), np.int64)
            hits = part.search(query, 20, rows, held.vectors_in)
            assert {row for row, _ in hits} <= allowed
            assert len(hits) == min(20, len(allowed))
            check(thorough(part), held, query, 20, allowed)
            if few and len(allowed) <= few:
                check(part, held, query, 20, allowed)


@pytest.mark.parametrize("name", ALL)
def test_more_hits_than_there_are_is_all_there_are(name):
    held = Held(range(1, 301), vectors(300))
    part = with_effort(built(name, held), 1)
    assert sorted(row for row, _ in part.search(vectors(1)[0], 5000, None, held.vectors_in)) == list(range(1, 301))


@pytest.mark.parametrize("name", [name for name in ALL if name != kinds.IVF_PQ])  # which takes ten seconds
def test_the_recall_that_was_asked_for_is_reached(name):
    held = Held(range(1, 3001), vectors(3000))
    part, steps = building.build(name, held, 0.9)
    queries = perturbed(vectors(100, seed=0), np.random.default_rng(9))
    found = [len({row for row, _ in part.search(query, 10, None, held.vectors_in)} & set(held.best(query, 10)))
             for query in queries]  # fmt: skip
    assert np.mean(found) / 10 >= 0.9
    assert bool(steps) == (name != kinds.EXACT)


@pytest.mark.parametrize("name", ALL)
def test_a_part_is_the_same_after_saving_and_loading(name, tmp_path):
    held = Held(range(1, 601), vectors(600))
    part = built(name, held)
    gone = np.arange(1, 400, 7)
    for row in gone.tolist():
        del held.by_row[row]
    part = part.advanced(2, gone, np.empty(0, np.int64), np.empty((0, WIDTH), np.float32)).folded()
    part.save(tmp_path)
    assert json.loads((tmp_path / "kind.json").read_text())["name"] == name
    loaded = Dense.load(tmp_path, 2)
    assert loaded.kind == part.kind
    assert loaded.count == part.count == len(held.by_row)
    assert (loaded.base_rows == part.base_rows).all()
    assert loaded.memory == pytest.approx(part.memory, rel=0.01)
    for query in vectors(20, seed=5):
        assert loaded.search(query, 9, None, held.vectors_in) == part.search(query, 9, None, held.vectors_in)
        check(thorough(loaded), held, query)


@pytest.mark.parametrize("name", ALL)
def test_an_emptied_index_can_be_filled_again(name):
    held = Held(range(1, 301), vectors(300))
    part = built(name, held).advanced(2, np.arange(1, 301), np.empty(0, np.int64), np.empty((0, WIDTH), np.float32))
    assert part.search(vectors(1)[0], 5, None, held.vectors_in) == []
    part = part.folded().advanced(3, np.empty(0, np.int64), np.array([301]), vectors(1, seed=7))
    assert [row for row, _ in part.search(vectors(1)[0], 5, None, lambda rows: {301: vectors(1, seed=7)[0]})] == [301]


def test_an_index_of_nothing_finds_nothing():
    assert Dense().search(vectors(1)[0], 5, None) == []
    assert Dense().search_many(vectors(2), 3)[0].tolist() == [[-1] * 3] * 2


@pytest.mark.parametrize("name", ALL)
def test_a_query_of_another_width_is_refused(name):
    held = Held(range(1, 301), vectors(300))
    part = built(name, held)
    with pytest.raises(BadInput, match="16"):
        part.search(vectors(1, width=8)[0], 5, None)
    with pytest.raises(BadInput, match="16"):
        part.search_many(vectors(2, width=8), 5)


def test_a_build_stops_when_it_is_told():
    held = Held(range(1, 1001), vectors(1000))
    for patience in range(6):
        left = iter([False] * patience)
        assert building.build(kinds.IVF_SQ8, held, 0.9, lambda left=left: next(left, True)) is None


class History(RuleBasedStateMachine):
    """Random changes, folds, saves and loads; a plain dictionary beside it."""

    name = kinds.EXACT

    def __init__(self):
        super().__init__()
        self.next_row = 301
        self.held = Held(range(1, 301), vectors(300))
        self.part = thorough(built(self.name, self.held))

    @rule(count=st.integers(0, 40), seed=st.integers(0, 1000), gone=st.sets(st.integers(0, 400), max_size=60))
    def change(self, count, seed, gone):
        there = sorted(self.held.by_row)
        removed = np.array(sorted({there[place % len(there)] for place in gone} if there else ()), np.int64)
        rows = np.arange(self.next_row, self.next_row + count)
        self.next_row += count
        drawn = vectors(count, seed=seed) if count else np.empty((0, WIDTH), np.float32)
        for row in removed.tolist():
            del self.held.by_row[row]
        self.held.by_row.update(zip(rows.tolist(), drawn, strict=True))
        self.part = self.part.advanced(self.part.change + 1, removed, rows, drawn)

    @rule()
    def fold(self):
        self.part = self.part.folded()

    @rule()
    def save_and_load(self):
        folder = self.folder / "saved"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.part = self.part.folded()
        self.part.save(folder)
        self.part = Dense.load(folder, self.part.change)

    @precondition(lambda self: len(self.held.by_row) > 256)
    @rule()
    def build_again(self):
        change = self.part.change
        self.part = replace(thorough(built(self.name, self.held)), change=change)

    @rule(seed=st.integers(0, 1000), limit=st.integers(1, 400), share=st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    def search(self, seed, limit, share):
        query = vectors(1, seed=seed)[0]
        # The graph is passed over when it is asked for all it has; its size changes, so ask anew.
        part = thorough(self.part)
        check(part, self.held, query, limit)
        generator = np.random.default_rng(seed)
        allowed = {row for row in self.held.by_row if generator.random() < share}
        check(part, self.held, query, limit, allowed)

    @invariant()
    def counts(self):
        assert self.part.count == len(self.held.by_row)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name.startswith("ivf") else ()) for name in ALL]
)
def test_after_any_history_every_kind_is_what_a_dictionary_is(name, tmp_path):
    machine = type(f"History_{name}", (History,), {"name": name, "folder": tmp_path})
    case = machine.TestCase
    case.settings = settings(
        max_examples=1 if name == kinds.IVF_PQ else 3, stateful_step_count=10, deadline=None, derandomize=True
    )
    case().runTest()


def test_many_queries_at_once_find_what_single_ones_find():
    drawn = vectors(20_000, seed=1)
    drawn[500:600] = drawn[400]  # equally near
    part = Dense().advanced(1, np.empty(0, np.int64), np.arange(20_000), drawn)
    part = part.advanced(2, np.arange(0, 900, 9), np.arange(20_000, 20_100), vectors(100, seed=2))
    queries = np.concatenate([vectors(40, seed=3), drawn[400:402]])
    rows, similarities = part.search_many(queries, 30)
    everything = np.concatenate([drawn, vectors(100, seed=2)])
    everything[np.arange(0, 900, 9)] = 0
    expected = np.sort(queries @ everything.T, axis=1)[:, ::-1][:, :30]
    np.testing.assert_allclose(similarities, expected, atol=1e-5)
    for query, found, values in zip(queries[:40], rows[:40], similarities[:40], strict=True):
        assert [row for row, _ in part.search(query, 30, None)] == found.tolist()
        np.testing.assert_allclose(everything[found] @ query, values, atol=1e-5)
    live = set(range(20_100)) - set(range(0, 900, 9))
    assert all(set(found) <= live for found in rows.tolist())


@pytest.mark.parametrize("limit", [1, 7, 50, 300])
def test_the_nearest_are_the_same_however_they_are_shown(limit):
    drawn, queries = vectors(200, seed=4), vectors(9, seed=5)
    nearest = Nearest(queries, limit)
    for start in range(0, 200, 23):
        nearest.show(np.arange(start, min(start + 23, 200)), drawn[start : start + 23])
    similarities = queries @ drawn.T
    for found, values, row in zip(nearest.rows, nearest.similarities, similarities, strict=True):
        order = np.lexsort((np.arange(200), -row))[:limit]
        assert found[:200].tolist() == order.tolist()
        np.testing.assert_allclose(values[:200], row[order], rtol=1e-5)
        assert (found[200:] == -1).all()


def test_the_kind_follows_the_size_and_does_not_flap():
    assert kinds.wanted("auto", 50_000) == "exact"
    assert kinds.wanted("auto", 50_001) == "ivf-sq8"
    assert kinds.wanted("auto", 30_000, "ivf-sq8") == "ivf-sq8"
    assert kinds.wanted("auto", 25_000, "ivf-sq8") == "exact"
    assert kinds.wanted("hnsw", 1_000) == "hnsw"
    assert kinds.wanted("hnsw", 10) == "exact"
    with pytest.raises(BadInput, match="hnsw"):
        kinds.checked("hnws")


def test_an_index_that_has_outgrown_itself_is_due():
    present = kinds.planned("ivf-sq8", 100_000)
    assert not kinds.due("auto", present, 400_000, 0)
    assert kinds.due("auto", present, 400_001, 0)
    graph = kinds.planned("hnsw", 100_000)
    assert not kinds.due("hnsw", graph, 90_000, 10_000)
    assert kinds.due("hnsw", graph, 70_000, 30_000)


def test_queries_resemble_the_vectors_they_come_from():
    drawn = vectors(50, seed=6)
    queries = perturbed(drawn, np.random.default_rng(0))
    np.testing.assert_allclose((queries * drawn).sum(1), 0.8, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)


def test_less_recall_is_less_effort():
    held = Held(range(1, 3001), vectors(3000))
    part = built(kinds.IVF_SQ8, held)
    queries = vectors(64, seed=8)
    expected = np.array([held.best(query, 10) for query in queries])
    little, _ = calibrated(part, queries, expected, 0.4, held.vectors_in)
    much, steps = calibrated(part, queries, expected, 0.95, held.vectors_in)
    assert little.kind.effort < much.kind.effort
    assert [step.recall for step in sorted(steps, key=lambda step: step.effort)] == sorted(s.recall for s in steps)


# The same through a whole index ------------------------------------------------------------------------------------


def documents(count, start=0):
    return [Document(f"d{number}", f"text number{number} word{number % 7}") for number in range(start, start + count)]


def kind_of(index):
    return index._replica._dense.kind


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_a_kind_that_is_asked_for_is_built_beside_and_kept(folder, embed, kind):
    with DocumentIndex.open(folder, embed, kind="exact") as index:
        index.upsert(documents(400))
        index.snapshot()
        expected = [hit.document.id for hit in index.search("number17", mode="dense", k=3)]
        assert kind_of(index).name == "exact"
    with DocumentIndex.open(folder, embed, kind=kind) as index:
        index.snapshot()
        assert kind_of(index).name == kind
        assert [hit.document.id for hit in index.search("number17", mode="dense", k=3)] == expected
        index.upsert([Document("new", "brand new number17")])
        index.delete(["d3"])
        found = [hit.document.id for hit in index.search("number17", mode="dense", k=999)]
        assert len(found) == 400
        assert "new" in found
        assert "d3" not in found
    with DocumentIndex.open(folder, embed, kind=kind) as index:
        assert kind_of(index).name == kind
        assert len(index.search("number17", mode="dense", k=999)) == 400
    with DocumentIndex.open(folder, embed, kind="exact") as index:
        assert len(index.search("number17", mode="dense", k=999)) == 400
        index.snapshot()
        assert kind_of(index).name == "exact"


def test_searches_and_changes_go_on_while_it_is_built(folder, embed, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    original = building.bases.trained

    def slow(kind, *arguments):
        if kind.name == "ivf-sq8":
            begun.set()
            assert go_on.wait(30)
        return original(kind, *arguments)

    monkeypatch.setattr(building.bases, "trained", slow)
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        index.upsert(documents(300))
        assert len(index.search("number5", mode="dense", k=999)) == 300
        assert begun.wait(30)
        index.upsert(documents(20, start=300))
        index.delete(["d5"])
        assert len(index.search("number5", mode="dense", k=999)) == 319
        assert kind_of(index).name == "exact"
        go_on.set()
        index.snapshot()
        assert kind_of(index).name == "ivf-sq8"
        found = {hit.document.id for hit in index.search("number5", mode="dense", k=999)}
        assert len(found) == 319
        assert "d5" not in found


def test_a_build_that_fails_leaves_the_index_as_it_is(folder, embed, monkeypatch, caplog):
    original = building.bases.trained

    def broken(kind, *arguments):
        if kind.name != "exact":
            raise RuntimeError("out of luck")
        return original(kind, *arguments)

    monkeypatch.setattr(building.bases, "trained", broken)
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        index.upsert(documents(300))
        index.snapshot()
        assert len(index.search("number5", mode="dense", k=999)) == 300
        assert kind_of(index).name == "exact"
    assert "out of luck" in caplog.text


def test_a_reader_takes_the_kind_from_the_writers_snapshot(folder, embed, monkeypatch):
    monkeypatch.setattr("verticals.retrieval.replica._TRY_AGAIN", 0.0)
    with DocumentIndex.open(folder, embed, kind="exact") as writer:
        writer.upsert(documents(300))
    reader = DocumentIndex.open(folder, embed, kind="ivf-sq8", writable=False)
    with reader, DocumentIndex.open(folder, embed, kind="ivf-sq8") as writer:
        writer.snapshot()
        for _ in range(200):
            assert len(reader.search("number5", mode="dense", k=999)) == 300
            if kind_of(reader).name == "ivf-sq8":
                break
            threading.Event().wait(0.05)
        assert kind_of(reader).name == "ivf-sq8"


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(("kind", "damage"), [("ivf-sq8", cut), ("hnsw", garble)])
def test_a_damaged_snapshot_of_any_kind_is_built_again(folder, embed, kind, damage):
    with DocumentIndex.open(folder, embed, kind=kind) as index:
        index.upsert(documents(300))
        index.snapshot()
    for path in sorted((folder / "snapshots" / "dense").rglob("*")):
        if path.is_file():
            intact = path.read_bytes()
            damage(path)
            with DocumentIndex.open(folder, embed, kind=kind, writable=False) as index:
                assert len(index.search("number17", mode="dense", k=999)) == 300, path
            path.write_bytes(intact)
    damage(next((folder / "snapshots" / "dense").rglob("vectors.faiss")))
    with DocumentIndex.open(folder, embed, kind=kind) as index:
        index.snapshot()
        assert kind_of(index).name == kind
        assert len(index.search("number17", mode="dense", k=999)) == 300


def test_a_probe_tells_recall_times_and_memory(folder, embed):
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        with pytest.raises(NotFound, match="empty"):
            index.probe()
        index.upsert(documents(400))
        index.snapshot()
        probe = index.probe(queries=30)
        assert probe.kind == "ivf-sq8"
        assert probe.documents == 400
        assert probe.queries == 30
        assert 0.5 < probe.found.recall <= 1
        assert 0 < probe.found.p50_ms <= probe.found.p95_ms
        assert 0 < probe.exact_p50_ms <= probe.exact_p95_ms
        assert probe.memory > 400 * embed.width
        assert index.probe(["text number3", "word4"]).queries == 2
        with pytest.raises(BadInput, match="0 queries"):
            index.probe(queries=0)


def test_what_tune_finds_is_kept(folder, embed):
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        index.upsert(documents(1000))
        index.snapshot()
        low = index.tune(0.3)
        assert low.found.recall >= 0.3
        high = index.tune(1.0)
        assert high.before == low.effort
        assert high.effort > low.effort
        assert kind_of(index).effort == high.effort
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        assert kind_of(index).effort == high.effort
    with DocumentIndex.open(folder, embed, writable=False, kind="ivf-sq8") as reader, pytest.raises(Conflict):
        reader.tune()
    (folder / "search.json").write_text("{")
    assert Tuned.read(folder) == Tuned()
    with DocumentIndex.open(folder, embed, kind="ivf-sq8") as index:
        assert kind_of(index).effort != 0
        for wrong in (0, -1, 1.1):
            with pytest.raises(BadInput, match="recall"):
                index.tune(wrong)


def test_an_exact_index_has_nothing_to_tune(folder, embed):
    with DocumentIndex.open(folder, embed) as index:
        index.upsert(documents(20))
        assert index.tune(0.9).found is None
        assert index.probe(queries=5).found.recall == 1
    assert Tuned.read(folder).recall == 0.9


def test_there_is_no_other_kind(folder, embed):
    with pytest.raises(BadInput, match="ivf-sq8"):
        DocumentIndex.open(folder, embed, kind="ivf-sq9")


def test_vectors_are_cut_into_parts_of_equal_width():
    assert [bases._parts(width) for width in (384, 64, 50, 7, 3)] == [96, 16, 10, 1, 1]
