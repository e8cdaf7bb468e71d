"""The starter documents of an index: what the plugin brings along, until the user makes it their own."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from verticals.contract import Document, Index, NotFound, PlatformError, PluginError, Progress, resolve

if TYPE_CHECKING:
    from verticals.retrieval import DocumentIndex

_AT_ONCE = 128  # documents that are embedded and committed together


def starters(noun: Index, name: str) -> list[Document]:
    """The starter documents that an index declares.

    Args:
        noun: the declaration.
        name: of the index, for messages.

    Raises:
        PluginError: they cannot be had, or one is no document.
    """
    try:
        documents = list(resolve(noun.documents)())
    except PlatformError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise PluginError(f"The starter documents of {name} cannot be had: {told}.") from error
    for document in documents:
        if not isinstance(document, Document):
            raise PluginError(
                f"A starter document of {name} is a {type(document).__name__}.", "Yield objects of type Document."
            )
    return documents


def load_starters(
    index: DocumentIndex,
    starters: Iterable[Document],
    memory: Path,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Bring the starter documents of an index up to what the plugin now has, and leave the user's alone.

    A document is the user's when no starter put it there, or when it was changed or deleted since. What was loaded
    is remembered by content, in the file ``memory``. ``progress`` is told in documents.
    """
    from verticals.files import write_file

    remembered: dict[str, str] = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    wanted = {document.id: document for document in starters}
    digests = {name: _digest(document) for name, document in wanted.items()}
    if digests == remembered:
        return
    changed = [name for name in wanted if digests[name] != remembered.get(name)]
    fresh = [wanted[name] for name in changed if _present(index, name) == remembered.get(name)]
    gone = [name for name in remembered if name not in wanted and _present(index, name) == remembered[name]]
    began = time.monotonic()
    for start in range(0, len(fresh), _AT_ONCE):
        _tell(progress, start, len(fresh), began)
        index.upsert(fresh[start : start + _AT_ONCE])
    _tell(progress, len(fresh), len(fresh), began)
    index.delete(gone)
    write_file(memory, json.dumps(digests, indent=0, sort_keys=True).encode())


def _tell(progress: Callable[[Progress], None] | None, done: int, total: int, began: float) -> None:
    if progress is not None and total:
        rate = done / max(time.monotonic() - began, 1e-9)
        progress(Progress("embedding", done, total, "documents", rate, (total - done) / rate if rate else 0.0))


def _present(index: DocumentIndex, id: str) -> str | None:  # noqa: A002
    """The digest of the document that the index holds, if it does."""
    try:
        return _digest(index.get(id))
    except NotFound:
        return None


def _digest(document: Document) -> str:
    content = [document.text, document.title, document.source, dict(document.metadata)]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
