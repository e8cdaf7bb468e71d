"""Reviewing while the vertical serves: the same for the API and for the page.

A tenant's answers go into the tenant's own index. The data set of utterances belongs to all of them, as the heads do:
only what the default tenant accepts is added to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from verticals import Conflict, Document, NotFound, ServedVertical

from . import decisions
from .proposals import KINDS, Proposal, Proposals
from .redaction import Redactor
from .settings import DEFAULT
from .teaching import Decision, rows_file

_PAGE = 500


@dataclass(frozen=True)
class Review:
    """The proposals of a running vertical."""

    vertical: ServedVertical

    async def load(self) -> Proposals:
        """All proposals as they stand; what was read before is not read again."""
        name = f"proposals of {self.vertical.tenant}"
        lock: asyncio.Lock = self.vertical.state.setdefault(f"{name}: lock", asyncio.Lock())
        async with lock:
            proposals, after = self.vertical.state.get(name, (Proposals(), 0))
            while page := await self.vertical.events.read(after=after, limit=_PAGE, kinds=KINDS):
                for event in page:
                    proposals.apply(event)
                after = page[-1].offset
            self.vertical.state[name] = (proposals, after)
            return proposals  # type: ignore[no-any-return]

    async def propose(self, name: str, answer: str, questions: Sequence[str]) -> Proposal:
        """Add a proposal of one's own; see `decisions.proposed`."""
        rows = await self.vertical.rows("utterances")
        redactor = Redactor(self.vertical.settings.order_pattern)
        made = decisions.proposed(name, answer, questions, redactor, known={row["intent"] for row in rows})
        await self.vertical.events.append("proposal-made", made, key=f"proposal:{made.proposal}:made")
        return (await self.load()).get(made.proposal)

    async def edit(self, proposal: str, name: str | None, answer: str | None) -> Proposal:
        """Give a proposal another name or answer; see `decisions.edited`."""
        return await self._carry_out(decisions.edited, proposal, name=name, answer=answer)

    async def merge(self, proposal: str, into: str) -> Proposal:
        """Make a proposal part of another; that other one."""
        gone = await self._carry_out(decisions.merged, proposal, into)
        return (await self.load()).final(gone.id)

    async def reject(self, proposal: str) -> Proposal:
        """Leave a proposal aside for good."""
        return await self._carry_out(decisions.rejected, proposal)

    async def accept(
        self,
        proposal: str,
        name: str | None = None,
        answer: str | None = None,
        article: bool | None = None,
        without: Collection[str] = (),
    ) -> Proposal:
        """Teach the assistant a proposal; see `decisions.accepted`."""
        rows = await self.vertical.rows("utterances")
        if self.vertical.tenant != DEFAULT and article is None:
            article = True  # there is nothing else that a tenant could learn from it
        return await self._carry_out(
            decisions.accepted, proposal, rows, name=name, answer=answer, article=article, without=without
        )

    async def undo(self, proposal: str) -> Proposal:
        """Take back that a proposal was accepted or rejected; see `decisions.undone`."""
        return await self._carry_out(decisions.undone, proposal)

    async def _carry_out(self, decide: Callable[..., Decision], proposal: str, *given: Any, **more: Any) -> Proposal:
        proposals = await self.load()
        identifier = proposals.get(proposal).id
        decided = await carry_out(self.vertical, decide(proposals, identifier, *given, **more))
        after = await self.load()
        if not decided:
            raise Conflict(f"The proposal {identifier} was decided by somebody else just now.", "Look at it again.")
        return after.get(identifier)


async def carry_out(vertical: ServedVertical, decision: Decision) -> bool:
    """Write what was decided: document and rows first, for both may be written twice, then the event.

    Returns:
        Whether it was this decision that counts, and not another one about the same thing.
    """
    if vertical.tenant != DEFAULT:
        decision = decision.without_rows()
    index = vertical.index("knowledge")
    if document := decision.document:
        decision = decision.in_place_of(await _document(vertical, document.id))
        await index.upsert([document])
    for dataset, rows in decision.reviewed.tables.items():
        with rows_file(rows) as path:
            await vertical.import_file(dataset, path)
    if decision.undo and decision.undo.document and await _is_of(vertical, decision.undo.document, decision.subject):
        if restored := decision.restored:
            await index.upsert([restored])
        else:
            await index.delete([decision.undo.document])
    for dataset, rows in decision.gone.items():
        await vertical.remove_rows(dataset, rows)
    event = await vertical.events.append(decision.kind, decision.reviewed, key=decision.key)
    same: bool = event.payload == decision.reviewed.model_dump(mode="json")
    return same


async def _is_of(vertical: ServedVertical, identifier: str, subject: str) -> bool:
    """Whether a document is still the one that came of a proposal or suggestion."""
    found = await _document(vertical, identifier)
    return found is not None and subject in (found.metadata.get("proposal"), found.metadata.get("suggestion"))


async def _document(vertical: ServedVertical, identifier: str) -> Document | None:
    try:
        found: Document = await vertical.index("knowledge").get(identifier)
    except NotFound:
        return None
    return found
