"""From requests to predictions: the engine that answers for every loaded head, and the queue that fills its batches.

Who waits for an answer can be noted before torch is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .caller import CALLER, Caller

if TYPE_CHECKING:
    from .bare import BARE as BARE
    from .engine import Engine as Engine
    from .engine import Request as Request
    from .queue import Queue as Queue
    from .remote import Desk as Desk
    from .remote import RemoteEngine as RemoteEngine
    from .remote import RemoteQueue as RemoteQueue

_LAZY = {
    "BARE": "bare", "Engine": "engine", "Request": "engine", "Queue": "queue",
    "Desk": "remote", "RemoteEngine": "remote", "RemoteQueue": "remote",
}  # fmt: skip

__all__ = ["BARE", "CALLER", "Caller", "Desk", "Engine", "Queue", "RemoteEngine", "RemoteQueue", "Request"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
