"""Reviewing while the vertical serves: the same for the API and for the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from verticals import Conflict, ServedVertical

from . import decisions
from .decisions import Decision
from .proposals import KINDS, Proposal, Proposals
from .redaction import Redactor

_PAGE = 500


@dataclass(frozen=True)
class Review:
    """The proposals of a running vertical."""

    vertical: ServedVertical

    async def load(self) -> Proposals:
        """All proposals as they stand; what was read before is not read again."""
        lock: asyncio.Lock = self.vertical.state.setdefault("proposals-lock", asyncio.Lock())
        async with lock:
            proposals, after = self.vertical.state.get("proposals", (Proposals(), 0))
            while page := await self.vertical.events.read(after=after, limit=_PAGE, kinds=KINDS):
                for event in page:
                    proposals.apply(event)
                after = page[-1].offset
            self.vertical.state["proposals"] = (proposals, after)
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
        return await self._carry_out(
            decisions.accepted, proposal, rows, name=name, answer=answer, article=article, without=without
        )

    async def _carry_out(self, decide: Callable[..., Decision], proposal: str, *given: Any, **more: Any) -> Proposal:
        """Decide and write: the document and the rows first, for both may be written twice, then the event."""
        proposals = await self.load()
        identifier = proposals.get(proposal).id
        decision = decide(proposals, identifier, *given, **more)
        if decision.document:
            await self.vertical.index("knowledge").upsert([decision.document])
        for dataset, rows in decision.tables:
            with decisions.rows_file(rows) as path:
                await self.vertical.import_file(dataset, path)
        event = await self.vertical.events.append("proposal-reviewed", decision.reviewed, key=decision.key)
        after = await self.load()
        if event.payload != decision.reviewed.model_dump(mode="json"):
            raise Conflict(f"The proposal {identifier} was decided by somebody else just now.", "Look at it again.")
        return after.get(identifier)
