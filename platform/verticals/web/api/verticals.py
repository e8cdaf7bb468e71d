"""What is installed here, what works, and what does not and why."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from verticals.contract import Notice
from verticals.web.site import CurrentSite, Site

router = APIRouter()


class PageLink(BaseModel):
    """One page of a vertical."""

    title: str
    path: str = Field(examples=["/customer-service"])


class VerticalSummary(BaseModel):
    """One plugin: its state, and what it declares where it is served."""

    name: str = Field(examples=["customer-service"])
    title: str
    summary: str = ""
    state: str = Field(examples=["loaded"], description="loaded, blocked, incompatible or failed")
    served: bool = Field(description="This server answers for it under /v1/<name>")
    version: str = ""
    distribution: str = ""
    cause: str = Field("", description="Why it is not loaded")
    heads: list[str] = []
    datasets: list[str] = []
    indexes: list[str] = []
    pages: list[PageLink] = []
    notices: list[Notice] = Field([], description="What whoever runs it should know and do now")


@router.get("/verticals", summary="All plugins, with their state")
def list_verticals(site: CurrentSite) -> list[VerticalSummary]:
    """Served verticals first, in the order they were named; then the other plugins by name."""
    others = sorted(name for name in site.host.plugins if name not in site.names)
    return [summarise(site, name) for name in (*site.names, *others)]


@router.get("/verticals/{vertical}", summary="One served vertical")
def get_vertical(vertical: str, site: CurrentSite) -> VerticalSummary:
    """What a served vertical declares."""
    return summarise(site, site.vertical(vertical).name)


def summarise(site: Site, name: str) -> VerticalSummary:
    """One plugin, served or not."""
    plugin = site.host.plugins[name]
    summary = VerticalSummary(
        name=name,
        title=name,
        summary=plugin.summary or "",
        state=plugin.state,
        served=name in site.names,
        version=plugin.version or "",
        distribution=plugin.distribution or "",
        cause=plugin.cause or "",
    )
    if not summary.served:
        return summary
    vertical = site.host[name]
    pages = [
        PageLink(title=page.title, path=page_path(name, page.path)) for page in vertical.pages if page.in_navigation
    ]
    return summary.model_copy(
        update={
            "title": vertical.title,
            "summary": vertical.summary,
            "heads": list(vertical.heads),
            "datasets": list(vertical.datasets),
            "indexes": list(vertical.indexes),
            "pages": pages,
            "notices": vertical.notices(),
        }
    )


def page_path(vertical: str, path: str) -> str:
    """Where a page of a vertical is mounted."""
    return f"/{vertical}{path}".rstrip("/")
