"""The command ``platform``: one file per group, each imported only when it is asked for.

`main` is the entry point; it turns every error into one message and an exit code.
"""

from .root import main, platform

__all__ = ["main", "platform"]
