"""Which searches go to a GPU, that they find the same there, and that the CPU goes on where it fails.

No GPU is needed but by the last test: in the others faiss's CPU index stands in for its copy.
"""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from verticals import Document
from verticals.retrieval import DocumentIndex, building, gpu, kinds, libraries
from verticals.retrieval.dense import Dense
from verticals.retrieval.gpu import Gpu

faiss = libraries.load_faiss()
KINDS = [kinds.EXACT, kinds.IVF_SQ8]
COUNT, WIDTH = 3_000, 16


class Source:
    """Vectors in memory, to build from."""

    change = 1

    def __init__(self, count, seed=0):
        drawn = np.random.default_rng(seed).standard_normal((count, WIDTH)).astype(np.float32)
        self.vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def rows(self):
        return np.arange(1, len(self.vectors) + 1)

    def vectors_in(self, rows):
        ascending = np.sort(np.array(rows, np.int64))
        return ascending, self.vectors[ascending - 1]

    def vector_batches(self):
        yield self.rows(), self.vectors


@pytest.fixture(scope="module")
def source():
    return Source(COUNT + 200)


@pytest.fixture(scope="module")
def queries():
    return Source(20, seed=1).vectors


@pytest.fixture(scope="module", params=KINDS)
def part(request, source):
    """A part of which some vectors are gone and some came lately."""
    first = Source(0)
    first.vectors = source.vectors[:COUNT]
    built = building.build(request.param, first, 0.97)[0]
    late = source.rows()[COUNT:]
    return built.advanced(2, np.arange(5, 400, 7), late, source.vectors[late - 1])


@pytest.fixture
def copies(monkeypatch):
    """What was copied to a GPU that is none."""
    made = []

    def copied(resources, number, index):
        made.append(number)
        return faiss.clone_index(index)

    given = {"StandardGpuResources": lambda: SimpleNamespace(setTempMemory=int), "index_cpu_to_gpu": copied}
    library = SimpleNamespace(SearchParametersIVF=faiss.SearchParametersIVF, **given)
    monkeypatch.setattr(gpu, "load_faiss", lambda: library)
    monkeypatch.setattr(gpu, "gpus", lambda: 2)
    return made


def check_same(part, other, source, queries):
    for query in queries:
        expected, found = (one.search(query, 10, None, source.vectors_in) for one in (part, other))
        assert [row for row, _ in found] == [row for row, _ in expected]
        assert [value for _, value in found] == pytest.approx([value for _, value in expected], abs=1e-5)
    for limit in (3, COUNT):
        expected, found = (one.search_many(queries[:4], limit, source.vectors_in) for one in (part, other))
        assert np.array_equal(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


def test_a_copy_finds_the_same_and_is_made_anew_with_the_index(part, source, queries, copies):
    other = replace(part, gpu=Gpu("cuda:1"))
    check_same(part, other, source, queries)
    assert copies == [1], "one copy for all searches"
    changed = other.advanced(3, np.array([1, 2]), np.empty(0, np.int64), np.empty((0, WIDTH), np.float32))
    assert 1 not in [row for row, _ in changed.search(source.vectors[0], 10, None, source.vectors_in)]
    assert copies == [1], "what only went is left out of what the copy finds"
    changed.folded().search(queries[0], 10, None, source.vectors_in)
    assert copies == [1, 1]


def test_the_cpu_searches_what_is_little_filtered_or_more_than_a_gpu_can(part, source, queries, copies):
    for device in ("auto", "cpu", "cuda:2"):
        replace(part, gpu=Gpu(device)).search(queries[0], 10, None, source.vectors_in)
    always = replace(part, gpu=Gpu("cuda"))
    always.search(queries[0], 10, np.arange(1, 2_000), source.vectors_in)
    always.search(queries[0], 2_049, None, source.vectors_in)
    assert copies == []


def test_a_gpu_is_chosen_where_there_is_much_to_compare(part, source, queries, copies, monkeypatch):
    monkeypatch.setattr(gpu, "THREADS_FROM", 3_000)
    replace(part, gpu=Gpu()).search(queries[0], 10, None, source.vectors_in)
    assert copies == [0]


def test_where_the_gpu_fails_the_cpu_goes_on_and_says_once_why(part, source, queries, copies, monkeypatch, caplog):
    tried = []

    def full(resources, number, index):
        tried.append(number)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(gpu.load_faiss(), "index_cpu_to_gpu", full)
    with caplog.at_level(logging.WARNING):
        check_same(part, replace(part, gpu=Gpu("cuda")), source, queries)
    assert tried == [0]
    assert [one.message for one in caplog.records] == [
        "The GPU cannot be searched on, and the CPU goes on alone: out of memory"
    ]


def test_an_index_opens_where_there_is_no_gpu_and_its_snapshot_is_the_same(folder, embed):
    texts = [Document(f"d{number}", f"word{number} book") for number in range(20)]
    with DocumentIndex.open(folder, embed, device="cuda") as index:
        index.upsert(texts)
        expected = [hit.document.id for hit in index.search("word7 book", mode="dense")]
    with DocumentIndex.open(folder, embed, device="cpu") as index:
        assert [hit.document.id for hit in index.search("word7 book", mode="dense")] == expected


@pytest.mark.gpu
@pytest.mark.skipif(
    not libraries.gpus(), reason="needs a CUDA device, and verticals[gpu] in the place of verticals[cpu]"
)
def test_a_real_gpu_finds_what_the_cpu_finds(part, source, queries, caplog):
    chosen = Gpu("cuda")
    other = replace(part, gpu=chosen)
    with caplog.at_level(logging.WARNING):
        expected, found = (
            [{row for row, _ in one.search(query, 10, None, source.vectors_in)} for query in queries]
            for one in (part, other)
        )
    assert not caplog.records
    assert chosen._copied is not None
    same = [len(a & b) / 10 for a, b in zip(expected, found, strict=True)]
    assert np.mean(same) >= (1 if part.kind.exact else 0.98)


def test_an_empty_part_searches_on_none(copies):
    assert replace(Dense(), gpu=Gpu("cuda")).search(np.ones(4, np.float32), 3, None) == []
    assert copies == []
