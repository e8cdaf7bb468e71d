"""A GPU's copy of an index's vectors, for the searches that it makes faster.

The index in the computer's own memory stays: it is what is changed, saved and searched with a filter, so that a
snapshot is the same file wherever it was written, and the CPU can take over at any moment.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Any

from . import bases
from .kinds import EXACT, IVF_SQ8, Kind
from .libraries import THREADS_FROM, gpus, load_faiss
from .truth import Vectors

_LOG = logging.getLogger(__name__)
_KINDS = (EXACT, IVF_SQ8)  # faiss has no graphs on a GPU, and products of some widths only
_MOST = 2048  # hits of a query, and lists that it looks at: more no GPU of faiss can
_SCRATCH = 64 << 20  # bytes; faiss would take 1.5 GB


class Gpu:
    """Searches one index on a GPU where that pays and can be done.

    Once something fails there, as when its memory is full, it is left alone until the index is opened again. A fault
    of the driver ends the process: faiss sees to that.

    Args:
        device: ``auto``: the first GPU, for searches that compare enough; ``cpu``: none; ``cuda`` or
            ``cuda:<number>``: this one, for all that it can do.
    """

    def __init__(self, device: str = "auto") -> None:
        self._always = device.startswith("cuda")
        self._number = int(device.partition(":")[2] or 0)
        self._usable = device != "cpu"
        self._lock = threading.Lock()  # a GPU's index takes one search at a time
        self._copied: tuple[weakref.ref[Any], Any, Any] | None = None

    def search(self, base: Any, kind: Kind, queries: Vectors, limit: int) -> tuple[Vectors, Any] | None:
        """Similarities and ids [queries, limit] as faiss gives them, best first; `None`: the CPU is to search.

        Args:
            base: the index in the computer's memory; of an exact one, the places of its vectors stand for the ids.
            kind: of ``base``.
            queries: [queries, dimension].
            limit: hits of each.
        """
        if not self._takes(base, kind, len(queries), limit):
            return None
        with self._lock:
            if not self._usable:  # since it was asked
                return None
            try:
                copy = self._copy(base, kind)
                parameters = load_faiss().SearchParametersIVF(nprobe=kind.effort) if kind.lists else None
                similarities, ids = copy.search(queries, limit, params=parameters)
            except Exception as error:  # noqa: BLE001 - whatever it is, the CPU serves on
                self._usable, self._copied = False, None
                _LOG.warning("The GPU cannot be searched on, and the CPU goes on alone: %s", error)
                return None
        return similarities, ids

    def close(self) -> None:
        """Give its memory back."""
        with self._lock:
            self._usable, self._copied = False, None

    def _takes(self, base: Any, kind: Kind, queries: int, limit: int) -> bool:
        if not self._usable or self._number >= gpus() or kind.name not in _KINDS:
            return False
        if max(limit, kind.effort) > _MOST:
            return False
        return self._always or queries * bases.work(base, kind, kind.effort) >= THREADS_FROM

    def _copy(self, base: Any, kind: Kind) -> Any:
        if self._copied is None or self._copied[0]() is not base:
            self._copied = None  # two need not fit
            faiss = load_faiss()
            resources = faiss.StandardGpuResources()
            resources.setTempMemory(_SCRATCH)
            copied = faiss.index_cpu_to_gpu(resources, self._number, base.index if kind.exact else base)
            self._copied = weakref.ref(base), copied, resources
        return self._copied[1]
