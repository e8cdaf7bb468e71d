"""Past dialogues: read from logs of several forms, cleaned, redacted and stored, each once.

A reader gives dialogues as plain mappings with the row they stand in; cleaning makes records of them, without personal
data, or says what is wrong; an import stores the records as events and reports all bad rows together.
"""

from .importing import ImportSummary, import_log, stored
from .records import Dialogue, Problem, Role, Turn

__all__ = ["Dialogue", "ImportSummary", "Problem", "Role", "Turn", "import_log", "stored"]
