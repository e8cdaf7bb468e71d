"""What is written at once, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from verticals.contract import BadInput, Document

#: One commit takes so many documents or characters, whichever comes first.
BATCH = 512
BATCH_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Changes:
    """What an `upsert` did, in documents."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0


def batches(documents: Iterable[Document]) -> Iterator[dict[str, Document]]:
    """Checked documents by id, in batches for one commit each."""
    batch: dict[str, Document] = {}
    characters = 0
    for number, document in enumerate(documents, start=1):
        _check_document(number, document)
        batch.pop(document.id, None)
        batch[document.id] = document
        characters += len(document.text)
        if len(batch) >= BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = {}, 0
    if batch:
        yield batch


def _check_document(number: int, document: Document) -> None:
    where = f"Document {number}"
    if not isinstance(document, Document):
        raise BadInput(f"{where} is a {type(document).__name__}.", "Give verticals.Document objects.")
    for name in ("id", "text", "title", "source"):
        value = getattr(document, name)
        if not isinstance(value, str):
            raise BadInput(f"{where} ({document.id!r}): {name} is not a string but {value!r}.")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadInput(
                f"{where} ({document.id!r}): {name} is not valid Unicode: {error}.", "Decode it with errors='replace'."
            ) from error
    if not document.id:
        raise BadInput(f"{where} has an empty id.", "Give every document an id of its own.")
