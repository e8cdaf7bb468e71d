"""From requests to predictions: the engine that answers for every loaded head, and the queue that fills its batches.

Who waits for an answer can be noted before torch is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .caller import CALLER, Caller

if TYPE_CHECKING:
    from .engine import Engine as Engine
    from .engine import Request as Request
    from .queue import Queue as Queue

_LAZY = {"Engine": "engine", "Request": "engine", "Queue": "queue"}

__all__ = ["CALLER", "Caller", "Engine", "Queue", "Request"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
