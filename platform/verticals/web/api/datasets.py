"""Data sets and their versions."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from verticals.contract import Dataset, NotFound
from verticals.web.site import CurrentSite, Site

router = APIRouter()


class DatasetVersion(BaseModel):
    """One version of a data set's rows."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(examples=["v2"])
    rows: int
    splits: dict[str, int] = Field(examples=[{"train": 800, "validation": 100, "test": 100}])
    source: str = Field(examples=["train.csv"])
    created: datetime
    sha256: str


class DatasetSummary(BaseModel):
    """One data set and its newest version."""

    vertical: str
    dataset: str
    description: str
    newest: DatasetVersion | None


@router.get("/datasets", summary="All data sets, with their newest versions")
def list_datasets(site: CurrentSite, vertical: str | None = None) -> list[DatasetSummary]:
    """Every data set of the served verticals, or of one."""
    chosen = site.verticals if vertical is None else [site.vertical(vertical)]
    return [summarise(site, one.name, dataset) for one in chosen for dataset in one.datasets.values()]


@router.get("/datasets/{vertical}/{dataset}/versions", summary="The versions of a data set, newest first")
def list_dataset_versions(vertical: str, dataset: str, site: CurrentSite) -> list[DatasetVersion]:
    """Rows by split, and where they came from."""
    declared = site.vertical(vertical).datasets
    if dataset not in declared:
        raise NotFound.named("data set", dataset, declared, of=vertical)
    return versions(site, vertical, declared[dataset])


def summarise(site: Site, vertical: str, dataset: Dataset) -> DatasetSummary:
    """One data set, as lists show it."""
    found = versions(site, vertical, dataset)
    return DatasetSummary(
        vertical=vertical,
        dataset=dataset.name,
        description=dataset.description,
        newest=found[0] if found else None,
    )


def versions(site: Site, vertical: str, dataset: Dataset) -> list[DatasetVersion]:
    """The versions of one data set, newest first."""
    found = [DatasetVersion.model_validate(record) for record in site.host.datasets.list(vertical, dataset)]
    return sorted(found, key=lambda one: int(one.version.removeprefix("v")), reverse=True)
