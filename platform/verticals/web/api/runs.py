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
    status: str = Field(examples=["finished"], description="running, interrupted, failed, pruned or finished")
    started: datetime
    updated: datetime = Field(description="The last sign of life; for a run that has ended, when it did")
    dataset_version: str
    seed: int
    recipe: dict[str, Any]
    progress: dict[str, Any]
    metrics: dict[str, Any]
    version: str | None = Field(None, description="The version it saved")
    error: str | None = None
    search: str | None = Field(None, description="The search of recipes that it is a trial of")


class CurvePoint(BaseModel):
    """Figures at one moment of training."""

    model_config = ConfigDict(from_attributes=True)

    at: int = Field(description="Of a step: the training rows seen so far. Of an epoch: its number", examples=[1])
    figures: dict[str, float | None] = Field(examples=[{"loss": 0.31, "accuracy": 0.94}])


class RunCurves(BaseModel):
    """What a run measured on its way."""

    model_config = ConfigDict(from_attributes=True)

    steps: list[CurvePoint] = Field(description="On training batches, thinned to 512 points at most")
    epochs: list[CurvePoint] = Field(description="On the held-out rows, after each epoch")


class RunDetail(Run):
    """One training run with its curves."""

    curves: RunCurves


@router.get("/runs", summary="Training runs, newest first")
def list_runs(
    site: CurrentSite,
    vertical: str | None = None,
    head: str | None = None,
    status: Literal["running", "interrupted", "failed", "pruned", "finished"] | None = None,
    search: Annotated[str | None, Query(description="The trials of this search")] = None,
    trials: Annotated[bool, Query(description="The trials of searches too")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[Run]:
    """Runs of all heads, or of one vertical, head or status."""
    runs = site.host.store.runs
    found = runs.list(vertical=vertical, head=head, status=status, limit=limit, search=search, trials=trials)
    return [Run.model_validate(record) for record in found]


@router.get("/runs/{run}", summary="One training run")
def get_run(run: str, site: CurrentSite) -> RunDetail:
    """With its recipe, progress, metrics and curves."""
    store = site.host.store
    plain = Run.model_validate(store.runs.get(run))
    return RunDetail(**plain.model_dump(), curves=RunCurves.model_validate(store.curves.of(run)))
