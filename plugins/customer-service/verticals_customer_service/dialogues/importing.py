"""A log becomes events, one a dialogue: imported again it changes nothing, and its bad rows are told together."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from verticals_customer_service.originals import Originals
from verticals_customer_service.redaction import KINDS, Redactor

from .cleaning import clean
from .reading import read_log
from .records import Dialogue, Problem, Raw

if TYPE_CHECKING:
    from verticals import Vertical

TOLD = 1_000  # problems kept for the report; the others are counted
_PAGE = 100


@dataclass(slots=True)
class ImportSummary:
    """What an import did.

    Args:
        read: dialogues and bad rows of the file.
        added: dialogues that were stored.
        known: dialogues that had been stored before, as they are.
        changed: of the added ones, those that take the place of an older form, for the file has more or other turns.
        left_out: rows that were not stored.
        problems: the first thousand, in the order of the file.
        problem_count: of all.
        turns: stored.
        redacted: pieces of personal data that were replaced, by kind.
    """

    read: int = 0
    added: int = 0
    known: int = 0
    changed: int = 0
    left_out: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    turns: int = 0
    redacted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def tell(self, problems: tuple[Problem, ...]) -> None:
        """Note problems."""
        self.problem_count += len(problems)
        self.problems += problems[: max(0, TOLD - len(self.problems))]


def import_log(
    vertical: Vertical, path: Path, encoding: str | None = None, progress: Callable[[int], None] | None = None
) -> ImportSummary:
    """Store the dialogues of a log, without personal data; good rows are stored, bad ones told.

    Args:
        vertical: whose past it is.
        path, encoding, progress: see `read_log`.

    Raises:
        BadInput: the file is no log.
        StorageError: they cannot be stored. What was stored stays, and is known when the import is repeated.
    """
    settings, summary = vertical.settings, ImportSummary()
    redactor = Redactor(settings.order_pattern)
    with contextlib.ExitStack() as opened:
        originals = (
            opened.enter_context(Originals(settings.keep_originals, settings.keep_originals_days))
            if settings.keep_originals
            else None
        )
        last = vertical.events.last_offset()
        for row in read_log(path, encoding, progress):
            summary.read += 1
            if isinstance(row, Problem):
                summary.left_out += 1
                summary.tell((row,))
            else:
                last = _store(vertical, row, path.name, redactor, originals, last, summary)
    return summary


def _store(
    vertical: Vertical,
    raw: Raw,
    source: str,
    redactor: Redactor,
    originals: Originals | None,
    last: int,
    summary: ImportSummary,
) -> int:
    """Store one dialogue unless it is known; the offset up to which events are known from now on."""
    cleaned = clean(raw, redactor)
    summary.tell(cleaned.problems)
    if cleaned.dialogue is None:
        summary.left_out += 1
        return last
    dialogue = cleaned.dialogue.model_copy(update={"source": source})
    event = vertical.events.append("dialogue", dialogue, key=f"dialogue:{_digest(dialogue)}")
    if event.offset <= last:
        summary.known += 1
        return last
    summary.added += 1
    first = vertical.events.read(kinds=["dialogue"], where={"dialogue": dialogue.dialogue}, limit=1)
    changed = first[0].offset < event.offset
    summary.changed += changed
    if originals is not None:
        if changed:
            originals.forget(dialogue.dialogue)
        originals.keep(dialogue.dialogue, cleaned.originals)
    summary.turns += len(dialogue.turns)
    for _, found in cleaned.originals:
        for one in found:
            summary.redacted[one.kind] += 1
    return event.offset


def stored(vertical: Vertical) -> Iterator[tuple[int, Dialogue]]:
    """Every stored dialogue with its offset, few in memory at a time; a later form of one comes after the earlier."""
    after = 0
    while page := vertical.events.read(after=after, limit=_PAGE, kinds=["dialogue"]):
        for event in page:
            yield event.offset, Dialogue.model_validate(event.payload)
        after = page[-1].offset


def _digest(dialogue: Dialogue) -> str:
    """Equal for equal content, whatever file it came in."""
    return hashlib.sha256(dialogue.model_dump_json(exclude={"source"}).encode()).hexdigest()
