"""Heads and their versions: what answers now, what answered before, and the switch between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from verticals.contract import BadInput, Prediction
from verticals.web.site import CurrentSite, Site

router = APIRouter()
_Why = Annotated[str, Field(max_length=1000, description="Kept in the history", examples=["better on returns"])]


class Version(BaseModel):
    """One trained head in the registry."""

    model_config = ConfigDict(from_attributes=True)

    reference: str = Field(examples=["customer-service/intent@v3"])
    vertical: str
    head: str
    version: str = Field(examples=["v3"])
    stage: str = Field(examples=["live"], description="candidate, live or retired")
    created: datetime
    objective: str = Field(examples=["classify"])
    plugin: str
    plugin_version: str
    dataset_version: str
    metrics: dict[str, Any] = Field(examples=[{"accuracy": 0.941}])
    run: str | None = None


class Promotion(BaseModel):
    """One change of the live version."""

    model_config = ConfigDict(from_attributes=True)

    version: str
    previous: str | None
    at: datetime
    why: str
    kind: str = Field(examples=["promotion"])


class Difference(BaseModel):
    """One figure of two versions."""

    model_config = ConfigDict(from_attributes=True)

    first: float
    second: float
    difference: float = Field(description="second less first")
    interval: tuple[float, float] | None = Field(description="Of the difference, 95 %, by the paired bootstrap")
    p: float | None = Field(description="Two-sided, from the same draws")


class Comparison(BaseModel):
    """A second version against a first one, on the same rows."""

    model_config = ConfigDict(from_attributes=True)

    first: str = Field(examples=["v2"])
    second: str = Field(examples=["v3"])
    split: str
    rows: int
    metric: str = Field(examples=["accuracy"])
    figures: dict[str, Difference]
    verdict: Literal["better", "worse", "alike"] = Field(description="Of the second; alike: chance may explain it")
    p: float | None = Field(description="That the verdict rests on")
    test: str = Field(examples=["McNemar's exact test"])
    gained: int | None = Field(description="Rows that only the second has right")
    lost: int | None = Field(description="Rows that only the first has right")
    sentence: str


class HeadSummary(BaseModel):
    """One head and the version that answers for it."""

    vertical: str
    head: str
    objective: str
    description: str
    dataset: str
    inputs: list[str]
    example: Any = Field(None, description="An input as predict takes it")
    live: Version | None


class PromotionOrder(BaseModel):
    """Which version to make live."""

    version: str = Field(examples=["v3"])
    why: _Why = ""


class RollbackOrder(BaseModel):
    """Why the live version is taken back."""

    why: _Why = ""


class Inputs(BaseModel):
    """What to predict.

    An input is a text, a pair of texts, or a mapping of the head's input fields; one of ``tag`` may be a list of
    words; one of ``rank`` is ``{"query": …, "candidates": {id: text}}``; one of ``classify_image`` is the image in
    base64, as ``data:image/png;base64,…`` or ``{"base64": …}``; one of ``generate`` is a text, or the head's fields
    with ``max_new_tokens``, ``temperature``, ``top_p`` and ``seed`` beside them.
    """

    inputs: list[str | list[str] | dict[str, Any]] = Field(min_length=1, max_length=1024)


class Predicted(BaseModel):
    """One prediction per input, in the same order."""

    version: str = Field(examples=["intent@v3"])
    predictions: Sequence[Prediction]


@router.post("/heads/{vertical}/{head}/predict", summary="Ask the live version")
async def predict(
    vertical: str,
    head: str,
    site: CurrentSite,
    body: Annotated[
        Inputs,
        Body(
            openapi_examples={
                "texts": {"summary": "Texts", "value": {"inputs": ["Where is my parcel?"]}},
                "candidates": {
                    "summary": "Candidates to rank",
                    "value": {"inputs": [{"query": "hiking", "candidates": {"a": "Boots", "b": "A lamp"}}]},
                },
            }
        ),
    ],
) -> Predicted:
    """Labels or values with calibrated confidence, for up to 1,024 inputs."""
    task = site.task(vertical, head)
    for number, given in enumerate(body.inputs):
        if not given:
            raise BadInput(f"inputs.{number} is empty.", "Give a text, two texts, or the head's input fields.")
        if task.objective == "classify_image" and not _in_hand(given, task.inputs[0]):
            raise BadInput(
                f"inputs.{number} names a file; files of the server cannot be asked about.",
                "Send the image itself: 'data:image/png;base64,…'.",
            )
    predictions = await site.running(vertical).head(head).predict_many(list(body.inputs))
    return Predicted(version=predictions[0].version, predictions=predictions)


@router.get("/heads", summary="All heads, with their live versions")
def list_heads(site: CurrentSite, vertical: str | None = None) -> list[HeadSummary]:
    """Every head of the served verticals, or of one."""
    chosen = site.verticals if vertical is None else [site.vertical(vertical)]
    return [summarise(site, one.name, head) for one in chosen for head in one.heads]


@router.get("/heads/{vertical}/{head}", summary="One head")
def get_head(vertical: str, head: str, site: CurrentSite) -> HeadSummary:
    """One head and its live version."""
    return summarise(site, vertical, head)


@router.get("/heads/{vertical}/{head}/versions", summary="The versions of a head, newest first")
def list_versions_of_head(vertical: str, head: str, site: CurrentSite) -> list[Version]:
    """All stages."""
    site.task(vertical, head)
    return versions(site, vertical, head)


@router.get("/heads/{vertical}/{head}/history", summary="How the live version changed")
def history(vertical: str, head: str, site: CurrentSite) -> list[Promotion]:
    """Promotions and rollbacks, with their reasons."""
    site.task(vertical, head)
    return [Promotion.model_validate(entry) for entry in site.host.registry.history(vertical, head)]


@router.get("/heads/{vertical}/{head}/compare", summary="Compare two versions on the same rows")
def compare(
    vertical: str,
    head: str,
    site: CurrentSite,
    second: Annotated[str, Query(description="The new version", examples=["v3"])],
    first: Annotated[str, Query(description="The old version", examples=["v2"])] = "live",
    split: Annotated[str, Query(examples=["test"])] = "test",
) -> Comparison:
    """Both versions answer all rows of the split, so it takes as long as that; the sentence sums it up."""
    site.task(vertical, head)
    return Comparison.model_validate(site.vertical(vertical).head(head).compare(first, second, split))


@router.post("/heads/{vertical}/{head}/promote", summary="Make a version live")
def promote(vertical: str, head: str, order: PromotionOrder, site: CurrentSite) -> Version:
    """The version that was live before is retired; rollback brings it back."""
    site.task(vertical, head)
    return Version.model_validate(site.host.registry.promote(vertical, head, order.version, why=order.why))


@router.post("/heads/{vertical}/{head}/rollback", summary="Go back to the version that was live before")
def rollback(vertical: str, head: str, site: CurrentSite, order: RollbackOrder | None = None) -> Version:
    """409 where no version was live before."""
    site.task(vertical, head)
    why = order.why if order else ""
    return Version.model_validate(site.host.registry.rollback(vertical, head, why=why))


@router.get("/versions", summary="All versions, newest first")
def list_versions(site: CurrentSite, vertical: str | None = None, head: str | None = None) -> list[Version]:
    """Versions of the served verticals; those of one vertical or head on request."""
    return versions(site, vertical, head)


@router.get("/versions/{vertical}/{head}/{version}", summary="One version")
def get_version(vertical: str, head: str, version: str, site: CurrentSite) -> Version:
    """``version`` is ``v<number>``, ``live`` or ``latest``."""
    site.task(vertical, head)
    return Version.model_validate(site.host.registry.get(vertical, head, version))


def _in_hand(given: str | list[str] | dict[str, Any], name: str) -> bool:
    """Whether an input holds an image, not the path of one: a client must not make the server read its files."""
    from verticals.data.images import in_hand

    return in_hand(given.get(name, given) if isinstance(given, dict) else given)


def summarise(site: Site, vertical: str, head: str) -> HeadSummary:
    """One head, as lists show it."""
    task = site.task(vertical, head)
    live = site.host.registry.live(vertical, head)
    return HeadSummary(
        vertical=vertical,
        head=head,
        objective=task.objective,
        description=task.description,
        dataset=task.dataset,
        inputs=list(task.inputs),
        example=task.example,
        live=None if live is None else Version.model_validate(live),
    )


def versions(site: Site, vertical: str | None = None, head: str | None = None) -> list[Version]:
    """Versions of the served verticals, newest first."""
    if vertical is not None:
        site.vertical(vertical)
    found = [record for record in site.host.registry.list(vertical, head) if record.vertical in site.names]
    return [Version.model_validate(record) for record in sorted(found, key=lambda one: one.created, reverse=True)]
