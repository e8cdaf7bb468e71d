"""Decisions about proposals: what each one writes, computed here and carried out by the command line and the API alike.

An accepted proposal gives the data set ``utterances`` its questions under the intent's name, and the index
``knowledge`` its answer as a document, so that the assistant quotes it from the next message on; the intent is known
by its name once the head was trained on the new version. The data set ``answers`` gets the questions with the answer,
for the head that ranks. An accepted one can be undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from verticals import BadInput, Conflict

from . import teaching
from .proposals import Example, Proposal, ProposalMade, ProposalReviewed, Proposals
from .redaction import Redactor
from .teaching import Decision, checked_answer, checked_name

KIND = "proposal-reviewed"


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
    name, answer = checked_name(name), redactor.redact(checked_answer(answer)).text
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
        answer=None if answer is None else checked_answer(answer),
    )
    return Decision(KIND, new)


def merged(proposals: Proposals, identifier: str, into: str) -> Decision:
    """Make a proposal part of another.

    Raises:
        BadInput: both are the same.
    """
    proposal, target = proposals.open(identifier), proposals.open(into)
    if proposal.id == target.id:
        raise BadInput(f"The proposal {proposal.id} cannot be merged into itself.", "Name another one.")
    return Decision(KIND, ProposalReviewed(proposal=proposal.id, action="merge", into=target.id), _closing(proposal))


def rejected(proposals: Proposals, identifier: str) -> Decision:
    """Leave a proposal aside for good; questions like its own are not proposed again."""
    proposal = proposals.open(identifier)
    return Decision(KIND, ProposalReviewed(proposal=proposal.id, action="reject"), _closing(proposal))


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
        BadInput: the name is none, an example is not there, or the answer still has a placeholder.
    """
    proposal = proposals.open(identifier)
    if unknown := set(without) - {example.id for example in proposal.examples}:
        raise BadInput(
            f"The proposal {proposal.id} ({proposal.name}) has no example {', '.join(sorted(unknown))[:200]}.",
            f"Their ids are listed by: platform customer-service proposals {proposal.id}",
        )
    proposal = proposal.model_copy(
        update={
            "name": proposal.name if name is None else checked_name(name),
            "answer": proposal.answer if answer is None else checked_answer(answer),
            "examples": [example for example in proposal.examples if example.id not in without],
        }
    )
    before = list(present)
    questions = [example.question for example in proposal.examples]
    known = any(row["intent"] == proposal.name for row in before)
    document = None
    if not known if article is None else article:
        document = teaching.document(proposal.name, proposal.name, proposal.answer, questions, proposal=proposal.id)
    reviewed = ProposalReviewed(
        proposal=proposal.id, action="accept", name=proposal.name, answer=proposal.answer or None, intent=proposal.name,
        document=document.id if document else None, texts=teaching.fresh(questions, before),
        paired=teaching.general(proposal.answer),
    )  # fmt: skip
    return Decision(KIND, reviewed, _closing(proposal), document)


def undone(proposals: Proposals, identifier: str) -> Decision:
    """Take back that a proposal was accepted or rejected: it is open again, and what it has taught is gone.

    Raises:
        Conflict: it is open, or merged into another one.
    """
    proposal = proposals.get(identifier)
    if proposal.state not in ("accepted", "rejected"):
        raise Conflict(
            f"The proposal {proposal.id} ({proposal.name}) is {proposal.state}.", "There is nothing to undo."
        )
    reviewed = ProposalReviewed(proposal=proposal.id, action="undo")
    return Decision(KIND, reviewed, f"{_closing(proposal)}:undone", undo=proposal.taught, subject=proposal.id)


def _closing(proposal: Proposal) -> str:
    again = f":{proposal.undone}" if proposal.undone else ""  # once per time that it was open
    return f"proposal:{proposal.id}:closed{again}"
