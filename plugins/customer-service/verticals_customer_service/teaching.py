"""Teaching the assistant: the utterances, pairs and document that an accepted proposal or suggestion becomes.

A document that still has a placeholder is refused: it was meant for one customer. What was written is noted, so that it
can be taken back.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from verticals import BadInput, Document

from .data import LONGEST, Intent, readable
from .greetings import without_greeting
from .redaction import PLACEHOLDER

LONGEST_ANSWER = 10_000  # characters
TITLE = 120  # characters of a question that may be a title
_NAME: TypeAdapter[str] = TypeAdapter(Intent)


class Former(BaseModel):
    """A document whose place another one has taken."""

    title: str
    text: str
    source: str
    metadata: dict[str, Any] = {}


class Taught(BaseModel):
    """What a decision has taught; the part of its event that taking it back needs."""

    document: str | None = Field(None, description="Of the index `knowledge`, with the accepted answer")
    former: Former | None = Field(None, description="The document that was in its place before")
    texts: list[str] = Field([], description="Utterances added to the data set")
    intent: str | None = Field(None, description="That they were added under")
    paired: str | None = Field(None, description="The answer that they were also added with, to the data set `answers`")

    @property
    def tables(self) -> dict[str, list[dict[str, str]]]:
        """The rows that it adds to data sets, by their names."""
        found = {}
        if self.texts and self.intent:
            found["utterances"] = [{"text": text, "intent": self.intent} for text in self.texts]
        if self.texts and self.paired:
            found["answers"] = [{"question": text, "answer": self.paired} for text in self.texts]
        return found


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision writes.

    Args:
        kind: of the event.
        reviewed: the event; it says which rows are added to data sets.
        key: of the event; the same for every final decision about one thing, so that only one of them counts.
        document: to put into the index.
        undo: what was taught by the decision that is taken back.
        subject: the id of what was decided; a document that is somebody else's by now is left as it is.
    """

    kind: str
    reviewed: Taught
    key: str | None = None
    document: Document | None = None
    undo: Taught | None = None
    subject: str = ""

    def without_rows(self) -> Decision:
        """The same without rows: the data sets belong to all tenants."""
        return replace(self, reviewed=self.reviewed.model_copy(update={"texts": []}))

    def in_place_of(self, former: Document | None) -> Decision:
        """The same, noting the document that was there before."""
        if former is None:
            return self
        kept = Former(title=former.title, text=former.text, source=former.source, metadata=dict(former.metadata))
        return replace(self, reviewed=self.reviewed.model_copy(update={"former": kept}))

    @property
    def restored(self) -> Document | None:
        """The document that comes back when this decision takes another one back."""
        if self.undo is None or self.undo.document is None or self.undo.former is None:
            return None
        return Document(id=self.undo.document, **self.undo.former.model_dump())

    @property
    def gone(self) -> dict[str, list[dict[str, str]]]:
        """The rows that go when this decision takes another one back, by the names of data sets."""
        return self.undo.tables if self.undo else {}


def document(name: str, intent: str, answer: str, questions: Iterable[str], **metadata: str) -> Document:
    """An answer as a document of the index `knowledge`.

    Args:
        name: of the document, after ``learned-``.
        intent: that it answers.
        answer: its text.
        questions: the first that is short enough is its title, which leads to it in a search but is never quoted.
        metadata: where it comes from.

    Raises:
        BadInput: the answer is empty, or has a placeholder in it.
    """
    checked_answer(answer)
    if found := PLACEHOLDER.findall(answer):
        raise BadInput(
            f"The answer of {intent} has {', '.join(dict.fromkeys(found))} in it: it suits one customer only.",
            "Edit the answer so that it suits every customer, and accept it then.",
        )
    title = next((one for one in map(without_greeting, questions) if len(one) <= TITLE), readable(intent))
    return Document(
        id=f"learned-{name}",
        title=PLACEHOLDER.sub("", title).strip() or readable(intent),
        text=answer,
        source=f"learned/{name}",
        metadata={"topic": "learned", "intent": intent, **metadata},
    )


def fresh(texts: Iterable[str], present: Iterable[Mapping[str, Any]]) -> list[str]:
    """Texts as utterances, but for those that are present already."""
    taken = {" ".join(str(row["text"]).lower().split()) for row in present}
    new = []
    for one in texts:
        text = bare(one)[:LONGEST]
        if text and text.lower() not in taken:
            taken.add(text.lower())
            new.append(text)
    return new


def general(answer: str) -> str | None:
    """An answer that suits every customer; `None` where there is none, or it has a placeholder in it."""
    return None if PLACEHOLDER.search(answer) else answer or None


def bare(text: str) -> str:
    """A redacted text without its placeholders."""
    return " ".join(PLACEHOLDER.sub(" ", text).split())


@contextmanager
def rows_file(rows: Iterable[Mapping[str, str]]) -> Iterator[Path]:
    """The rows as a file that the data set can import, there for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "learned.jsonl"
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
        yield path


def checked_name(name: str) -> str:
    """An intent's name in snake_case.

    Raises:
        BadInput: it cannot be one.
    """
    try:
        return _NAME.validate_python(name)
    except ValidationError:
        raise BadInput(
            f"{name[:60]!r} cannot be the name of an intent.", "Use letters, digits and underscores, such as gift_list."
        ) from None


def checked_answer(answer: str) -> str:
    """An answer without surrounding space.

    Raises:
        BadInput: it is empty.
    """
    if not answer.strip():
        raise BadInput("The answer is empty.", "Write what the assistant should say.")
    return answer.strip()
