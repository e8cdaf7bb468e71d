"""``--tenant``: whose documents of an index a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from verticals.contract import NotFound

from .targets import find

if TYPE_CHECKING:
    from verticals.host.indexes import IndexHandle

    from .session import Session

_DEFAULT = "default"

tenant_option = click.option(
    "--tenant", default=_DEFAULT, show_default=True, help="Whose documents; each tenant's are apart from all others."
)


class Chosen(NamedTuple):
    """An index and one tenant's handle of it; as text, what a further command is called with."""

    handle: IndexHandle

    @property
    def name(self) -> str:
        """``vertical/index``."""
        return f"{self.handle.vertical.name}/{self.handle.name}"

    def __str__(self) -> str:
        tenant = self.handle.tenant
        return self.name if tenant == _DEFAULT else f"{self.name} --tenant {tenant}"


def choose(session: Session, target: str, tenant: str, *, new: bool = False) -> Chosen:
    """The index that ``target`` means, with a tenant's documents.

    Args:
        session, target: see `find`.
        tenant: whose documents.
        new: whether the tenant may have none yet; otherwise a slip of the pen would make one.

    Raises:
        NotFound: see `find`; or the tenant has nothing here.
    """
    found = find(session.host(), target, "index")
    handle = found.vertical.index(found.name).of(tenant)
    if not new and tenant != _DEFAULT and tenant not in handle.tenants():
        raise NotFound.named("tenant", tenant, handle.tenants(), of=str(found))
    return Chosen(handle)
