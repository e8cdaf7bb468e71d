"""What an index finds, on SciFact and XQuAD, and how fast it is filled."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.commands import needs
from tests.benchmarks.scifact import documents, judgements, lines, ndcg_at_10

from verticals import Document
from verticals.encoder import Encoder, locate
from verticals.encoder.precision import set_threads
from verticals.retrieval import DocumentIndex

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    set_threads()
    return Encoder.open(locate())


@needs("scifact")
def test_scifact_without_training(tmp_path: Path, encoder: Encoder) -> None:
    texts = {line["_id"]: line["text"] for line in lines("scifact/queries.jsonl")}
    with DocumentIndex.open(tmp_path / "scifact", encoder.embed) as index:
        began = time.perf_counter()
        index.upsert(documents("scifact/corpus.jsonl"))
        print(f"\n5,183 abstracts encoded and added in {time.perf_counter() - began:.0f} s")
        figures = {}
        for name, options in {
            "dense": {"mode": "dense"}, "lexical": {"mode": "lexical"},
            "hybrid": {}, "hybrid by ranks": {"fusion": "ranks"},
        }.items():  # fmt: skip
            each = [
                ndcg_at_10([hit.document.id for hit in index.search(texts[query], k=10, **options)], wanted)
                for query, wanted in judgements("test").items()
            ]
            figures[name] = statistics.fmean(each)
    told = ", ".join(f"{name} {figure:.4f}" for name, figure in figures.items())
    print(f"SciFact test, nDCG@10 of {len(each)} queries: {told}")
    assert figures["hybrid"] >= 0.72


@needs("xquad")
@pytest.mark.parametrize(("language", "least"), [("en", 0.97), ("zh", 0.85)])
def test_xquad(tmp_path: Path, encoder: Encoder, language: str, least: float) -> None:
    queries = lines(f"xquad/{language}_queries.jsonl")
    with DocumentIndex.open(tmp_path / "xquad", encoder.embed, language=language) as index:
        index.upsert(documents(f"xquad/{language}_corpus.jsonl"))
        recall = {}
        for name, options in {"hybrid": {}, "hybrid by ranks": {"fusion": "ranks"}}.items():
            found = [[hit.document.id for hit in index.search(query["text"], k=10, **options)] for query in queries]
            recall[name] = statistics.fmean(query["doc"] in hits for query, hits in zip(queries, found, strict=True))
    told = ", ".join(f"{name} {figure:.4f}" for name, figure in recall.items())
    print(f"\nXQuAD {language}, recall@10 of {len(queries)} questions among 240 passages: {told}")
    assert recall["hybrid"] >= least


@needs("scifact")
def test_encoding_and_adding_against_sentence_transformers_and_faiss(tmp_path: Path, encoder: Encoder) -> None:
    import faiss

    models = pytest.importorskip("sentence_transformers", reason="the peer is not installed")
    peer = models.SentenceTransformer(str(locate().path), device="cpu")
    some = documents("scifact/corpus.jsonl")[:640]
    texts = [f"{document.title}\n{document.text}" for document in some]

    def ours(number: int) -> None:
        with DocumentIndex.open(tmp_path / str(number), encoder.embed) as index:
            index.upsert(some)

    def theirs(number: int) -> None:
        flat = faiss.IndexFlatIP(encoder.dimension)
        flat.add(np.ascontiguousarray(peer.encode(texts, normalize_embeddings=True), np.float32))

    taken = interleaved({"ours": ours, "theirs": theirs})
    print(f"\n{len(some)} abstracts encoded and added, durably and with words: {len(some) / taken['ours']:.0f}/s, "
          f"sentence-transformers and faiss {len(some) / taken['theirs']:.0f}/s "
          f"({taken['theirs'] / taken['ours']:.2f}x)")  # fmt: skip
    assert taken["ours"] * 3 <= taken["theirs"]


def test_upserts_with_vectors_given(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(5000)]
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20_000, 384)).astype(np.float32)
    texts = [" ".join(words[at] for at in random.integers(0, 5000, 40)) for _ in vectors]
    table = dict(zip(texts, vectors, strict=True))

    def embed(asked: Sequence[str]) -> np.ndarray:
        return np.stack([table[text] for text in asked])

    with DocumentIndex.open(tmp_path / "index", embed) as index:
        began = time.perf_counter()
        index.upsert(Document(f"d{n}", text, metadata={"n": n % 10}) for n, text in enumerate(texts))
        rate = len(texts) / (time.perf_counter() - began)
        print(f"\n{len(texts):,} documents upserted durably, vectors given: {rate:,.0f}/s")
        assert index.count() == len(texts)
        assert index.search(texts[77], k=1)[0].document.id == "d77"
    assert rate >= 2000


def interleaved(calls: dict[str, Callable[[int], None]], rounds: int = 3) -> dict[str, float]:
    """Median seconds of each call, all in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call(number)
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
