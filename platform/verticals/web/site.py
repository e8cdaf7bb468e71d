"""What one running application knows: its host, the verticals it serves, and whether it is ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from verticals.contract import NotFound, Page, TaskHead, Unavailable

if TYPE_CHECKING:
    from verticals.host import Host, ServedVertical, Vertical

DEFAULT_TENANT = "default"
TENANT = "tenant"
"""Where the state of a request says whose it is."""


@dataclass(slots=True)
class Site:
    """The state of one application.

    Args:
        host: where everything comes from.
        names: of the verticals that are served, in the order of the navigation.
        served: their running faces; empty before the application has started and after it has stopped.
        ready: requests may come.
        tenant: whose data is looked at through this object.
        signed_in: whether who looks has signed in, so that pages can let them sign out.
    """

    host: Host
    names: tuple[str, ...]
    served: dict[str, ServedVertical] = field(default_factory=dict)
    ready: bool = False
    tenant: str = DEFAULT_TENANT
    signed_in: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def verticals(self) -> Sequence[Vertical]:
        """The served verticals' declarations."""
        return [self.host[name] for name in self.names]

    def vertical(self, name: str) -> Vertical:
        """What a served vertical declares.

        Raises:
            NotFound: no vertical of this name is served here.
        """
        if name not in self.names:
            raise NotFound.named("vertical", name, self.names)
        return self.host[name]

    def task(self, vertical: str, head: str) -> TaskHead:
        """The declaration of one head.

        Raises:
            NotFound: no such vertical, or it has no such head.
        """
        heads = self.vertical(vertical).heads
        if head not in heads:
            raise NotFound.named("head", head, heads, of=vertical)
        task: TaskHead = heads[head]
        return task

    def pages(self, name: str) -> list[Page]:
        """The pages of a served vertical in the navigation, as far as the tenant may look at them."""
        return [page for page in self.vertical(name).pages if page.in_navigation and self.shows(page)]

    def shows(self, page: Page) -> bool:
        """Whether the tenant may look at a page of a vertical."""
        return page.tenants or self.tenant == DEFAULT_TENANT

    def running(self, name: str) -> ServedVertical:
        """A served vertical's running face, with the tenant's data.

        Raises:
            NotFound: no vertical of this name is served here.
            Unavailable: it is still starting, or already stopping.
        """
        self.vertical(name)
        if name not in self.served:
            raise Unavailable(f"{name} is not running at the moment.", "Try again when /readyz answers 200.")
        return self.served[name].of(self.tenant)


async def current_site(connection: HTTPConnection) -> Site:  # not async, it would be called in a thread of its own
    """The site of the application that got the request, as the tenant sees it whose key it carries."""
    site: Site = connection.app.state.site
    tenant = tenant_of(connection)
    return site if tenant == DEFAULT_TENANT else replace(site, tenant=tenant)


def site_for(connection: HTTPConnection, site: Site) -> Site:
    """The site as who asks for a page sees it."""
    tenant = getattr(connection.state, TENANT, None)
    return site if tenant is None else replace(site, tenant=tenant, signed_in=True)


def tenant_of(connection: HTTPConnection) -> str:
    """Whose request this is."""
    found: str = getattr(connection.state, TENANT, DEFAULT_TENANT)
    return found


CurrentSite = Annotated[Site, Depends(current_site)]
