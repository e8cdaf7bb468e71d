"""What an author of a vertical touches: nouns to declare, hooks to implement, records that flow, errors to raise.

Nothing here imports anything heavy; a plugin that only declares costs nothing until it works.
"""

from .errors import (
    BadFiles,
    BadInput,
    BadRows,
    Conflict,
    Damaged,
    NotFound,
    PlatformError,
    PluginError,
    RowProblem,
    SettingsError,
    StorageError,
    TooLate,
    TooMany,
    Unavailable,
    suggest,
)
from .hooks import PROJECT, Hooks, hookimpl, hookspec
from .names import NAME, check_name, resolve
from .nouns import Command, Dataset, Endpoints, EventKind, Index, Page, TaskHead, Weights, check_weights
from .recipe import Extent, Recipe
from .records import (
    SPLITS,
    Batch,
    Document,
    Event,
    Evidence,
    FitJob,
    FitReport,
    Hit,
    Notice,
    Prediction,
    Predictions,
    Preparation,
    Progress,
    Span,
    StartFrom,
)

__all__ = [
    "NAME", "PROJECT", "SPLITS", "BadFiles", "BadInput", "BadRows", "Batch", "Command", "Conflict", "Damaged",
    "Dataset", "Document", "Endpoints", "Event", "EventKind", "Evidence", "Extent", "FitJob", "FitReport", "Hit",
    "Hooks", "Index", "NotFound", "Notice", "Page", "PlatformError", "PluginError", "Prediction", "Predictions",
    "Preparation", "Progress", "Recipe", "RowProblem", "SettingsError", "Span", "StartFrom", "StorageError", "TaskHead",
    "TooLate", "TooMany", "Unavailable", "Weights",
    "check_name", "check_weights", "hookimpl", "hookspec", "resolve", "suggest",
]  # fmt: skip
