"""What faiss does for each kind of index: train, add, remove, search, measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verticals.contract import BadInput

from .kinds import EXACT, HNSW, IVF_PQ, Kind
from .libraries import load_faiss, threads_for
from .truth import Rows, Vectors

_ROUNDS = 10
_LINKS = 16


def trained(kind: Kind, sample: Vectors, stop: Callable[[], bool] = lambda: False) -> Any:
    """An empty index of this kind; row numbers will be its ids. `None` when ``stop`` said so.

    Args:
        kind: which.
        sample: what it learns from [n, dimension].
        stop: asked now and then.
    """
    faiss = load_faiss()
    dimension = sample.shape[1]
    if kind.name == EXACT:
        return faiss.IndexIDMap(faiss.IndexFlatIP(dimension))
    eight_bits, inner = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    if kind.name == HNSW:
        graph = faiss.IndexHNSWSQ(dimension, eight_bits, _LINKS, inner)
        graph.train(sample)
        return faiss.IndexIDMap(graph)
    lists = _lists(sample, kind.lists, stop)
    if lists is None:
        return None
    if kind.name == IVF_PQ:
        base = faiss.IndexIVFPQ(lists, dimension, kind.lists, _parts(dimension), 8, inner)
        base.pq.cp.min_points_per_centroid = 1
    else:
        base = faiss.IndexIVFScalarQuantizer(lists, dimension, kind.lists, eight_bits, inner)
    base.train(sample)
    return faiss.clone_index(base)  # the copy owns its lists; Python owns those of the original


def _lists(sample: Vectors, count: int, stop: Callable[[], bool]) -> Any:
    """Centres of ``count`` lists: k-means on the sphere, a round at a time so that it can be stopped."""
    faiss = load_faiss()
    clustering = faiss.Clustering(sample.shape[1], count)
    clustering.niter, clustering.spherical, clustering.seed = 1, True, 0
    clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, len(sample)
    centres = faiss.IndexFlatIP(sample.shape[1])
    for _ in range(_ROUNDS):
        if stop():
            return None
        centres.reset()
        clustering.train(sample, centres)
    return centres


def _parts(dimension: int) -> int:
    """Into how many parts a vector is cut, each of them one byte: a quarter of its width, or what divides it."""
    return next(parts for parts in range(max(1, dimension // 4), 0, -1) if dimension % parts == 0)


def extended(base: Any, kind: Kind, removed: Rows, rows: Rows, vectors: Vectors) -> Any:
    """A copy of ``base`` without ``removed``, where that can be done, and with ``rows`` [n] of ``vectors``."""
    faiss = load_faiss()
    copy = faiss.clone_index(base)
    if removed.size and kind.removes:
        copy.remove_ids(faiss.IDSelectorBatch(removed))
    if rows.size:
        copy.add_with_ids(np.ascontiguousarray(vectors), rows)
    return copy


def rows_of(base: Any, kind: Kind) -> Rows:
    """The row numbers in ``base``, ascending."""
    faiss = load_faiss()
    if not kind.lists:
        rows: Rows = faiss.vector_to_array(base.id_map)
        return rows
    lists = base.invlists
    sizes = [lists.list_size(number) for number in range(lists.nlist)]
    ids = [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in enumerate(sizes) if size]
    return np.sort(np.concatenate(ids)) if ids else np.empty(0, np.int64)


def search(base: Any, kind: Kind, query: Vectors, limit: int, selector: Any, effort: int) -> tuple[Rows, Vectors]:
    """The nearest rows [n] and their similarities [n], as far as the kind can tell.

    Args:
        base: of this kind.
        kind: its kind; a graph that is asked for its `most_effort` is passed over, and all its vectors are compared.
        query: one vector [dimension].
        limit: how many at most.
        selector: faiss's, or `None`: which rows may be found.
        effort: see `Kind`.
    """
    faiss = load_faiss()
    chosen = {} if selector is None else {"sel": selector}
    if kind.name == HNSW and effort >= kind.most_effort:
        return _scan(base, query, limit, selector)
    if kind.name == HNSW:
        parameters = faiss.SearchParametersHNSW(efSearch=max(effort, limit), **chosen)
    elif kind.lists:
        parameters = faiss.SearchParametersIVF(nprobe=min(effort, kind.lists), **chosen)
    else:
        parameters = faiss.SearchParameters(**chosen) if chosen else None
    with threads_for(work(base, kind, effort)):
        return _found(*base.search(query[np.newaxis], limit, params=parameters))


def work(base: Any, kind: Kind, effort: int) -> int:
    """About how many multiplications a search with this effort takes."""
    looked_at = effort * (base.ntotal // kind.lists if kind.lists else 32) if not kind.exact else base.ntotal
    return int(looked_at * base.d)


def _scan(base: Any, query: Vectors, limit: int, selector: Any) -> tuple[Rows, Vectors]:
    faiss = load_faiss()
    vectors = faiss.downcast_index(base.index).storage
    places = None
    if selector is not None:
        places = faiss.SearchParameters(sel=faiss.IDSelectorTranslated(base.id_map, selector))
    found, similarities = _found(*vectors.search(query[np.newaxis], limit, params=places))
    return faiss.vector_to_array(base.id_map)[found], similarities


def _found(similarities: Any, rows: Any) -> tuple[Rows, Vectors]:
    there = rows[0] >= 0
    return rows[0][there], similarities[0][there]


def exact_vectors(base: Any) -> Vectors:
    """The vectors of an ``exact`` base [n, dimension], in the order of their rows; a view that lives as ``base``."""
    faiss = load_faiss()
    flat = faiss.downcast_index(base.index)
    vectors: Vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    return vectors


def memory(base: Any, kind: Kind) -> int:
    """Bytes of its vectors, ids, centres and links."""
    faiss = load_faiss()
    ids = 8 * base.ntotal
    if kind.name == HNSW:
        graph = faiss.downcast_index(base.index)
        links = 4 * graph.hnsw.neighbors.size() + 8 * graph.hnsw.offsets.size()
        return int(ids + links + base.ntotal * graph.storage.sa_code_size())
    if kind.lists:
        return int(ids + base.ntotal * base.code_size + 4 * base.d * kind.lists)
    return int(ids + 4 * base.d * base.ntotal)


def check_width(base: Any, width: int) -> None:
    """Make sure that vectors of this width can be compared with the index's.

    Raises:
        BadInput: they cannot.
    """
    if base is not None and base.d != width:
        raise BadInput(
            f"The query has {width} numbers, but the index holds vectors of {base.d}.",
            "Use the embedding that the index was built with.",
        )


def compact(base: Any) -> Any:
    """The same index without the spare room that growing lists leave."""
    return load_faiss().clone_index(base)
