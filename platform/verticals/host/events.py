"""The events of one vertical."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, Event, EventKind, resolve, suggest

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .vertical import Vertical


class VerticalEvents:
    """The event log, bound to a vertical: only kinds it declares, only payloads that fit them.

    Args:
        vertical: whose events they are.
    """

    def __init__(self, vertical: Vertical) -> None:
        self._vertical = vertical

    def append(
        self, kind: str, payload: Mapping[str, Any] | BaseModel, *, key: str | None = None, tenant: str = "default"
    ) -> Event:
        """Write one event; it is durable when this returns.

        Args:
            kind: one that the plugin declares.
            payload: a JSON object, or the kind's payload model.
            key: the same key again gives the first event and writes nothing.
            tenant: whose event it is.

        Raises:
            BadInput: the kind is not declared, or the payload does not fit its model.
        """
        kinds = self._vertical.event_kinds
        if kind not in kinds:
            raise BadInput(f"{self._vertical.name} has no events of kind {kind!r}.", suggest(kind, kinds))
        return self._vertical.host.store.events.append(
            self._vertical.name, kind, _fitted(kinds[kind], payload), key=key, tenant=tenant
        )

    def read(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        kinds: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        tenant: str = "default",
    ) -> list[Event]:
        """Events after an offset, oldest first; see `verticals.store.EventLog.read`."""
        return self._vertical.host.store.events.read(
            self._vertical.name, after=after, limit=limit, kinds=kinds, where=where, tenant=tenant
        )

    def last_offset(self, tenant: str = "default") -> int:
        """Offset of the newest event, 0 where there is none."""
        return self._vertical.host.store.events.last_offset(self._vertical.name, tenant)


def _fitted(kind: EventKind, payload: Mapping[str, Any] | BaseModel) -> Mapping[str, Any]:
    """The payload as plain JSON values, checked against the kind's model where it has one."""
    model = resolve(kind.payload)
    if model is None:
        return payload if isinstance(payload, Mapping) else payload.model_dump(mode="json")
    from pydantic import ValidationError

    try:
        checked: BaseModel = model.model_validate(payload)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'payload'}: {problem['msg']}" for problem in error.errors()
        )
        raise BadInput(f"The payload of an event {kind.name!r} does not fit: {told}.") from error
    return checked.model_dump(mode="json")
