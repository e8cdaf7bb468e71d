"""The two search libraries, imported when an index opens and not before."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from verticals.contract import Unavailable

# From this many queries on, one matrix product beats faiss's own loop over the vectors. faiss 1.15 sets it at
# 128,000, which makes a batch of 128 queries 10 to 15 times slower (100,000 x 384; two cores: 1.0 s against 0.1 s, one
# core beside other work: 7.3 s against 0.47 s).
_MATRIX_PRODUCT_FROM = 4


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
