"""Decisions about suggestions, for the API, the page and the command line alike.

An accepted suggestion gives the data set ``utterances`` its question, and the index ``knowledge`` its answer where it
has one that is to be quoted; so a single agent's reply can be learned without waiting for others like it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from verticals import BadInput, Conflict, NotFound, ServedVertical

from . import teaching
from .answering import Answering
from .noticing import noticed
from .redaction import Redactor
from .review import Review, carry_out
from .settings import DEFAULT
from .suggestions import Source, State, Suggestion, SuggestionReviewed, TurnCorrected
from .teaching import Decision, checked_name

KIND = "suggestion-reviewed"


@dataclass(frozen=True)
class Confirming:
    """The suggestions of a running vertical."""

    vertical: ServedVertical

    async def listed(self, state: State | None = None, source: Source | None = None) -> list[Suggestion]:
        """The suggestions, what happened last first; those that a proposal has taken up are decided with it."""
        drafted = (await Review(self.vertical).load()).seen()
        found = []
        for one in (await noticed(self.vertical)).suggestions():
            if one.state == "open" and one.id in drafted:
                continue
            if (state is None or one.state == state) and (
                source is None or any(signal.source == source for signal in one.signals)
            ):
                found.append(one)
        return found

    async def get(self, identifier: str) -> Suggestion:
        """One suggestion.

        Raises:
            NotFound: there is none of this id.
        """
        every = (await noticed(self.vertical)).suggestions()
        found = next((one for one in every if one.id == identifier), None)
        if found is None:
            raise NotFound(
                f"There is no suggestion {identifier[:80]!r}.",
                "They are listed by: platform customer-service suggestions, GET …/suggestions",
            )
        return found

    async def accept(
        self,
        identifier: str,
        *,
        intent: str | None = None,
        text: str | None = None,
        answer: str | None = None,
        article: bool | None = None,
    ) -> Suggestion:
        """Learn from a suggestion.

        Args:
            identifier: which one.
            intent, text, answer: instead of its own.
            article: whether the answer becomes a document; when not said, it does where there is one.

        Raises:
            NotFound: there is none of this id.
            Conflict: it is decided already.
            BadInput: nobody has said what it is about, or the answer suits one customer only.
        """
        one = self._open(await self.get(identifier))
        intent = one.intent if intent is None else checked_name(intent)
        if intent is None:
            raise BadInput("Nobody has said what this question is about.", "Give its intent.")
        redactor = Redactor(self.vertical.settings.order_pattern)
        text = one.text if text is None else redactor.redact(text).text
        answer = one.answer if answer is None else redactor.redact(answer).text
        document = None
        if answer and article is not False:
            name = hashlib.sha256(one.id.encode()).hexdigest()[:7]
            document = teaching.document(name, intent, answer, [text], suggestion=one.id)
        elif self.vertical.tenant != DEFAULT:
            raise BadInput("There is no answer to learn.", "Give one; what questions mean is learned for all tenants.")
        new = teaching.fresh([text], await self.vertical.rows("utterances"))
        reviewed = SuggestionReviewed(
            suggestion=one.id, action="accept", text=text, answer=answer or None, intent=intent,
            document=document.id if document else None, texts=new,
            paired=teaching.general(answer),
        )  # fmt: skip
        return await self._decide(one, Decision(KIND, reviewed, await self._closing(one), document))

    async def reject(self, identifier: str) -> Suggestion:
        """Leave a suggestion aside.

        Raises:
            NotFound: there is none of this id.
            Conflict: it is decided already.
        """
        one = self._open(await self.get(identifier))
        reviewed = SuggestionReviewed(suggestion=one.id, action="reject")
        return await self._decide(one, Decision(KIND, reviewed, await self._closing(one)))

    async def undo(self, identifier: str) -> Suggestion:
        """Take a decision back: the suggestion is open again, and what it has taught is gone.

        Raises:
            NotFound: there is none of this id.
            Conflict: it is open.
        """
        one = await self.get(identifier)
        if one.state == "open":
            raise Conflict(f"The suggestion {one.id} is open.", "There is nothing to undo.")
        latest = next(r for r in reversed((await noticed(self.vertical)).reviews) if r.suggestion == one.id)
        undone = SuggestionReviewed(suggestion=one.id, action="undo")
        key = f"{await self._closing(one)}:undone"
        return await self._decide(one, Decision(KIND, undone, key, undo=latest, subject=one.id))

    async def correct(self, trace_id: str, intent: str, answer: str = "", by: str = "") -> Suggestion:
        """Say what a customer's message was really about; the suggestion that this makes.

        Args:
            trace_id: of the assistant's answer to it.
            intent: what it was about.
            answer: what should have been said.
            by: who says so.

        Raises:
            NotFound: there is no such trace.
            BadInput: the intent cannot be one, or nothing is left of the message without personal data.
        """
        turn = await Answering(self.vertical).traced(trace_id)
        corrected = TurnCorrected(
            session=turn.session, offset=turn.reply_to, trace_id=trace_id, intent=checked_name(intent),
            answer=answer.strip(), by=by,
        )  # fmt: skip
        redactor = Redactor(self.vertical.settings.order_pattern)
        if not teaching.bare(redactor.redact(turn.trace.text).text):
            raise BadInput("The message says nothing but personal data.", "There is nothing to learn from it.")
        await self.vertical.events.append("turn-corrected", corrected)
        return await self.get(f"{turn.session}:{turn.reply_to}")

    def _open(self, one: Suggestion) -> Suggestion:
        if one.state != "open":
            raise Conflict(f"The suggestion {one.id} is {one.state} already.", "Undo that first.")
        return one

    async def _closing(self, one: Suggestion) -> str:
        """The key of the decision; the same for each until it is undone."""
        reviews = (await noticed(self.vertical)).reviews
        undone = sum(review.suggestion == one.id and review.action == "undo" for review in reviews)
        return f"suggestion:{one.id}:closed:{undone}"

    async def _decide(self, one: Suggestion, decision: Decision) -> Suggestion:
        if not await carry_out(self.vertical, decision):
            raise Conflict(f"The suggestion {one.id} was decided by somebody else just now.", "Look at it again.")
        return await self.get(one.id)
