"""The two search libraries, imported when an index opens and not before."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import Any

from verticals.contract import Unavailable

# From this many queries on, one matrix product beats faiss's own loop over the vectors. faiss 1.15 sets it at
# 128,000, which makes a batch of 128 queries 10 to 15 times slower (100,000 x 384; two cores: 1.0 s against 0.1 s, one
# core beside other work: 7.3 s against 0.47 s).
_MATRIX_PRODUCT_FROM = 4
#: A core does so many multiplications in about a millisecond.
THREADS_FROM = 8_000_000


@functools.cache
def load_faiss() -> Any:
    """The faiss module, tuned for exact search.

    Raises:
        Unavailable: neither of its two distributions is installed.
    """
    try:
        faiss = importlib.import_module("faiss")
    except ImportError as error:
        raise Unavailable(
            f"FAISS cannot be imported ({error}).",
            "Install it with: pip install 'verticals[cpu]', or 'verticals[gpu]' on a machine with an NVIDIA GPU.",
        ) from error
    faiss.cvar.distance_compute_blas_threshold = _MATRIX_PRODUCT_FROM
    return faiss


def gpus() -> int:
    """How many GPUs the installed faiss can search on."""
    faiss = load_faiss()
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


@contextlib.contextmanager
def threads_for(work: int) -> Iterator[None]:
    """As many threads for faiss as a search of so many multiplications is worth.

    Threads begin and end together, so that beside other work each waits for its core: 5,000 vectors took 53 to 93 ms
    with two of them and 5 to 6 ms with one, on two busy cores.
    """
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    if work >= THREADS_FROM or before == 1:
        yield
        return
    faiss.omp_set_num_threads(1)  # of this thread only
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@functools.cache
def load_tantivy() -> Any:
    """The tantivy module.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        return importlib.import_module("tantivy")
    except ImportError as error:
        raise Unavailable(f"tantivy cannot be imported ({error}).", "Install it with: pip install tantivy.") from error
