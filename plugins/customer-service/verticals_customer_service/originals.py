"""The words behind the placeholders, kept apart for a while where a shop asks for it.

One SQLite file that only its owner may read (mode 0600). Each word has an end of its life; what is past it is gone
with the next opening, and what is deleted is overwritten (``secure_delete``). Without the file the placeholders are
final, which is the default.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from verticals import StorageError

from .redaction import PLACEHOLDER, Found

_TABLE = """
create table if not exists originals (
  dialogue text, turn integer, place integer, kind text, value text, until real, primary key (dialogue, turn, place)
) without rowid
"""


class Originals:
    """The file, open; what is past its life is deleted at once.

    Args:
        path: of the file, which is made where it is missing.
        days: that a word is kept.
        now: for tests; the present when not given.

    Raises:
        StorageError: the file cannot be opened or written, or others may read it.
    """

    def __init__(self, path: Path, days: int, now: datetime | None = None) -> None:
        self._now = now or datetime.now(UTC)
        self._until = (self._now + timedelta(days=days)).timestamp()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Made with its mode before SQLite writes the first byte, so that there is no moment when others may read.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            if path.stat().st_mode & 0o077:
                raise StorageError(f"{path} may be read by others than its owner.", f"Run: chmod 600 {path}")
            self._connection = sqlite3.connect(path, timeout=30)
            self._connection.execute("pragma secure_delete = on")
            with self._connection:
                self._connection.execute(_TABLE)
                self._connection.execute("delete from originals where until <= ?", (self._now.timestamp(),))
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{path} cannot be used for the original words: {error}.") from error

    def keep(self, dialogue: str, turns: Iterable[tuple[int, Iterable[Found]]]) -> None:
        """Keep what was taken out of a dialogue: for each turn the words in their order."""
        rows = [
            (dialogue, turn, place, one.kind, one.value, self._until)
            for turn, found in turns
            for place, one in enumerate(found)
        ]
        with self._connection:
            self._connection.executemany("insert or ignore into originals values (?, ?, ?, ?, ?, ?)", rows)

    def restore(self, dialogue: str, turn: int, text: str) -> str:
        """A stored text with its words back in their places; a placeholder whose word is gone stays."""
        rows = self._connection.execute(
            "select place, value from originals where dialogue = ? and turn = ?", (dialogue, turn)
        )
        words: dict[int, str] = dict(rows)
        places = iter(range(len(text)))
        return PLACEHOLDER.sub(lambda match: words.get(next(places), match.group()), text)

    def forget(self, dialogue: str) -> int:
        """Delete what was kept of a dialogue; how many words."""
        with self._connection:
            return self._connection.execute("delete from originals where dialogue = ?", (dialogue,)).rowcount

    def __enter__(self) -> Originals:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
