"""A platform on which a small team turns a pretrained model into a working product for one line of business.

Everything public is here; names that need a heavy library are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .contract import (
    BadInput,
    BadRows,
    Batch,
    Command,
    Conflict,
    Dataset,
    Document,
    Endpoints,
    Event,
    EventKind,
    Evidence,
    FitJob,
    FitReport,
    Hit,
    Index,
    NotFound,
    Notice,
    Page,
    PlatformError,
    PluginError,
    Prediction,
    Predictions,
    Preparation,
    Progress,
    Recipe,
    SettingsError,
    Span,
    StartFrom,
    StorageError,
    TaskHead,
    Unavailable,
    hookimpl,
)

if TYPE_CHECKING:
    from .host import Host as Host
    from .host import ServedVertical as ServedVertical
    from .host import Vertical as Vertical
    from .web.current import CurrentVertical as CurrentVertical

__version__ = "0.1.0"

_LAZY = {
    "CurrentVertical": "verticals.web.current",
    "Host": "verticals.host",
    "ServedVertical": "verticals.host",
    "Vertical": "verticals.host",
}

__all__ = [
    "BadInput", "BadRows", "Batch", "Command", "Conflict", "CurrentVertical", "Dataset", "Document", "Endpoints",
    "Event", "EventKind", "Evidence", "FitJob", "FitReport", "Hit", "Host", "Index", "NotFound", "Notice", "Page",
    "PlatformError", "PluginError", "Prediction", "Predictions", "Preparation", "Progress", "Recipe", "ServedVertical",
    "SettingsError", "Span", "StartFrom", "StorageError", "TaskHead", "Unavailable", "Vertical", "hookimpl",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
