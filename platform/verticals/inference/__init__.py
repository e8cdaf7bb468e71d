"""From requests to predictions: the engine that answers for every loaded head, and the queue that fills its batches."""

from .engine import Engine, Request
from .queue import Queue

__all__ = ["Engine", "Queue", "Request"]
