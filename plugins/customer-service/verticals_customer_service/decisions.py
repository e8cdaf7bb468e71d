"""Decisions about proposals: what each one writes, computed here and carried out by the command line and the API alike.

An accepted proposal gives the data set ``utterances`` its questions under the intent's name, and the index
``knowledge`` its answer as a document, so that the assistant quotes it from the next message on; the intent is known
by its name once the head was trained on the new version. The data set ``answers`` gets the questions with the answer,
for the head that ranks. An answer that still has a placeholder is refused: it was meant for one customer.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from verticals import BadInput, Document

from .data import LONGEST, Intent, readable
from .greetings import without_greeting
from .proposals import Example, Proposal, ProposalMade, ProposalReviewed, Proposals
from .redaction import KINDS, Redactor

_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
_NAME: TypeAdapter[str] = TypeAdapter(Intent)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision writes.

    Args:
        reviewed: the event.
        key: of the event; the same for every final decision about one proposal, so that only one of them counts.
        document: to put into the index.
        rows: to add to the data set `utterances`.
        pairs: to add to the data set `answers`.
    """

    reviewed: ProposalReviewed
    key: str | None = None
    document: Document | None = None
    rows: tuple[Mapping[str, str], ...] = ()
    pairs: tuple[Mapping[str, str], ...] = ()

    @property
    def tables(self) -> Iterator[tuple[str, tuple[Mapping[str, str], ...]]]:
        """The data sets that get rows, with these."""
        yield from ((name, rows) for name, rows in (("utterances", self.rows), ("answers", self.pairs)) if rows)


def proposed(
    name: str, answer: str, questions: Sequence[str], redactor: Redactor, known: Collection[str]
) -> ProposalMade:
    """A proposal of a person or a program, without personal data.

    Args:
        name, answer, questions: of the intent.
        redactor: takes personal data out.
        known: names of the intents that there are.

    Raises:
        BadInput: the name is none, or the answer is empty.
    """
    name, answer = checked_name(name), redactor.redact(_checked_answer(answer)).text
    texts = [redactor.redact(question).text for question in questions]
    digest = hashlib.sha256("\0".join([name, answer, *texts]).encode()).hexdigest()[:7]
    examples = [Example(id=f"own-{digest}:{n}", question=text, answer=answer) for n, text in enumerate(texts)]
    return ProposalMade(proposal=f"p{digest}", name=name, known=name in known, answer=answer, examples=examples)


def edited(proposals: Proposals, identifier: str, *, name: str | None = None, answer: str | None = None) -> Decision:
    """Give a proposal another name or answer.

    Raises:
        BadInput: the name is none, or there is nothing to change.
    """
    proposal = proposals.open(identifier)
    if name is None and answer is None:
        raise BadInput("Nothing is to be changed.", "Give a name or an answer.")
    new = ProposalReviewed(
        proposal=proposal.id,
        action="edit",
        name=None if name is None else checked_name(name),
        answer=None if answer is None else _checked_answer(answer),
    )
    return Decision(new)


def merged(proposals: Proposals, identifier: str, into: str) -> Decision:
    """Make a proposal part of another.

    Raises:
        BadInput: both are the same.
    """
    proposal, target = proposals.open(identifier), proposals.open(into)
    if proposal.id == target.id:
        raise BadInput(f"The proposal {proposal.id} cannot be merged into itself.", "Name another one.")
    return Decision(ProposalReviewed(proposal=proposal.id, action="merge", into=target.id), _closing(proposal))


def rejected(proposals: Proposals, identifier: str) -> Decision:
    """Leave a proposal aside for good; questions like its own are not proposed again."""
    proposal = proposals.open(identifier)
    return Decision(ProposalReviewed(proposal=proposal.id, action="reject"), _closing(proposal))


def accepted(
    proposals: Proposals,
    identifier: str,
    present: Iterable[Mapping[str, Any]],
    *,
    name: str | None = None,
    answer: str | None = None,
    article: bool | None = None,
    without: Collection[str] = (),
) -> Decision:
    """Teach the assistant a proposal.

    Args:
        proposals, identifier: which one.
        present: rows of the data set, which are not added twice.
        name, answer: instead of the proposal's own.
        article: whether the answer becomes a document; when not said, it does for an intent that was not known.
        without: ids of examples whose questions are not to be learned.

    Raises:
        BadInput: the name is none, or the answer still has a placeholder.
    """
    proposal = proposals.open(identifier)
    proposal = proposal.model_copy(
        update={
            "name": proposal.name if name is None else checked_name(name),
            "answer": proposal.answer if answer is None else _checked_answer(answer),
            "examples": [example for example in proposal.examples if example.id not in without],
        }
    )
    rows = list(present)
    known = any(row["intent"] == proposal.name for row in rows)
    document = _document(proposal) if (not known if article is None else article) else None
    new = tuple(_new_rows(proposal, rows))
    reviewed = ProposalReviewed(
        proposal=proposal.id, action="accept", name=proposal.name, answer=proposal.answer,
        document=document.id if document else None, rows=len(new),
    )  # fmt: skip
    fits_all = not _PLACEHOLDER.search(proposal.answer)
    pairs = tuple({"question": row["text"], "answer": proposal.answer} for row in new if fits_all)
    return Decision(reviewed, _closing(proposal), document, new, pairs)


@contextmanager
def rows_file(rows: Iterable[Mapping[str, str]]) -> Iterator[Path]:
    """The rows as a file that the data set can import, there for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dialogues.jsonl"
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


def _checked_answer(answer: str) -> str:
    if not answer.strip():
        raise BadInput("The answer is empty.", "Write what the assistant should say.")
    return answer.strip()


def _closing(proposal: Proposal) -> str:
    return f"proposal:{proposal.id}:closed"


def _document(proposal: Proposal) -> Document:
    if found := _PLACEHOLDER.findall(proposal.answer):
        raise BadInput(
            f"The answer of {proposal.name} has {', '.join(dict.fromkeys(found))} in it: it suits one customer only.",
            "Edit the answer so that it suits every customer, and accept it then.",
        )
    # The questions lead to the document in a search by meaning, but are not quoted: a title is not part of the text.
    questions = (without_greeting(one.question) for one in proposal.examples)
    title = next((one for one in questions if len(one) <= 120), readable(proposal.name))
    return Document(
        id=f"learned-{proposal.name}",
        title=_PLACEHOLDER.sub("", title).strip() or readable(proposal.name),
        text=proposal.answer,
        source=f"learned/{proposal.name}",
        metadata={"topic": "learned", "intent": proposal.name, "proposal": proposal.id},
    )


def _new_rows(proposal: Proposal, present: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, str]]:
    taken = {" ".join(str(row["text"]).lower().split()) for row in present}
    for example in proposal.examples:
        text = " ".join(_PLACEHOLDER.sub(" ", example.question).split())[:LONGEST]
        if text and text.lower() not in taken:
            taken.add(text.lower())
            yield {"text": text, "intent": proposal.name}
