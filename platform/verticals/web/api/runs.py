"""Training runs: what was tried, how far it is, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from verticals.web.site import CurrentSite

router = APIRouter()


class Run(BaseModel):
    """One training run."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["20260521-213700-ab12"])
    vertical: str
    head: str
    status: str = Field(examples=["finished"], description="running, interrupted, failed or finished")
    started: datetime
    updated: datetime = Field(description="The last sign of life; for a run that has ended, when it did")
    dataset_version: str
    seed: int
    recipe: dict[str, Any]
    progress: dict[str, Any]
    metrics: dict[str, Any]
    version: str | None = Field(None, description="The version it saved")
    error: str | None = None


@router.get("/runs", summary="Training runs, newest first")
def list_runs(
    site: CurrentSite,
    vertical: str | None = None,
    head: str | None = None,
    status: Literal["running", "interrupted", "failed", "finished"] | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[Run]:
    """Runs of all heads, or of one vertical, head or status."""
    found = site.host.store.runs.list(vertical=vertical, head=head, status=status, limit=limit)
    return [Run.model_validate(record) for record in found]


@router.get("/runs/{run}", summary="One training run")
def get_run(run: str, site: CurrentSite) -> Run:
    """With its recipe, progress and metrics."""
    return Run.model_validate(site.host.store.runs.get(run))
