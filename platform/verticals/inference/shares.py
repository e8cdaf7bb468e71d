"""Who is next: what waits, shared out fairly among tenants."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class _Flow(Generic[Item]):
    """What one tenant has waiting: its requests, each with its own items in order."""

    requests: deque[deque[tuple[Item, int]]] = field(default_factory=deque)
    credit: int = 0
    items: int = 0


class Shares(Generic[Item]):
    """Deficit round robin over tenants (Shreedhar and Varghese, 1996), by what items cost, not by how many they are.

    Each tenant in turn may take items for its credit, which grows by a quantum a turn, so one that floods delays
    nobody but itself. The requests of one tenant take turns too, item by item: a single question does not wait for
    the end of a large file.

    Who had nothing waiting comes first, for one turn (as in FQ-CoDel, RFC 8290): those who ask little wait little.

    Args:
        quantum: cost that a tenant may take in each turn: that of a short text or two.
    """

    def __init__(self, quantum: int = 32) -> None:
        self.quantum = quantum
        self.cost = 0
        self._flows: dict[str, _Flow[Item]] = {}
        self._turns: deque[str] = deque()

    def __len__(self) -> int:
        return sum(flow.items for flow in self._flows.values())

    @property
    def tenants(self) -> int:
        """How many have something waiting."""
        return len(self._flows)

    def of(self, tenant: str) -> int:
        """Items that a tenant has waiting."""
        flow = self._flows.get(tenant)
        return flow.items if flow else 0

    def put(self, tenant: str, items: list[tuple[Item, int]]) -> None:
        """Add one request: its items in order, each with its cost."""
        if not items:
            return
        if tenant not in self._flows:
            self._flows[tenant] = _Flow(credit=self.quantum)
            self._turns.appendleft(tenant)
        flow = self._flows[tenant]
        flow.requests.append(deque(items))
        flow.items += len(items)
        self.cost += sum(cost for _, cost in items)

    def take(self, budget: int) -> list[tuple[Item, int]]:
        """The next items, with their costs, of ``budget`` at most together; a dearer one comes alone."""
        taken: list[tuple[Item, int]] = []
        left = budget
        while self._turns:
            flow = self._flows[self._turns[0]]
            cost = flow.requests[0][0][1]
            if cost > left and taken:
                return taken
            if cost > flow.credit:
                flow.credit += self.quantum
                self._turns.rotate(-1)
                continue
            taken.append(self._next(flow))
            left -= cost
        return taken

    def _next(self, flow: _Flow[Item]) -> tuple[Item, int]:
        request = flow.requests.popleft()
        item, cost = request.popleft()
        if request:
            flow.requests.append(request)
        flow.items -= 1
        flow.credit -= cost
        self.cost -= cost
        if not flow.items:  # what waits for nothing saves up no credit
            del self._flows[self._turns.popleft()]
        return item, cost
