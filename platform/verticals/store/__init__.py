"""What must not be forgotten: events, training runs, trained versions and their promotions, in one database.

`Store` is the database (SQLite in the home folder, or PostgreSQL by URL); `Registry` joins its rows with the folders
of trained heads on disk.
"""

from .curves import CurveLog, Curves, Point
from .drafts import Drafts
from .events import EventLog
from .registry import Registry, VersionFolder
from .runs import RunLog, RunRecord
from .store import Store
from .versions import PROMOTION, Promotion, VersionRecord, VersionTable

__all__ = [
    "PROMOTION", "CurveLog", "Curves", "Drafts", "EventLog", "Point", "Promotion", "Registry", "RunLog", "RunRecord",
    "Store", "VersionFolder", "VersionRecord", "VersionTable",
]  # fmt: skip
