"""The API under ``/v1/financial-sentiment``."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from verticals import CurrentVertical

from . import service
from .data import AnalysedDocument, Sentiment
from .documents import Filter
from .schemas import (
    AnalyzedText,
    AnalyzeRequest,
    AnalyzeResponse,
    DocumentAdded,
    DocumentIn,
    DocumentPage,
    DocumentsAdded,
    DocumentsIn,
    TrendPoint,
    TrendResponse,
    TrendSeries,
    today,
)
from .trends import Bucket

router = APIRouter(tags=["financial-sentiment"])

Topics = Annotated[list[str] | None, Query(description="Only this topic; repeat it for several", examples=[["energy"]])]
From = Annotated[dt.date | None, Query(alias="from", description="First day, included", examples=["2026-03-01"])]
To = Annotated[dt.date | None, Query(alias="to", description="Last day, included", examples=["2026-03-31"])]


@router.post("/analyze")
async def analyze(body: AnalyzeRequest, vertical: CurrentVertical) -> AnalyzeResponse:
    """Sentiment, signed score and topic of one text or many. Nothing is stored."""
    texts = body.texts if body.texts is not None else [body.text or ""]
    analyses = await service.analyse(vertical, texts)
    return AnalyzeResponse(
        results=[
            AnalyzedText(
                text=text,
                sentiment=one.sentiment,
                probabilities=one.probabilities,
                score=one.score,
                confidence=one.confidence,
                topic=one.topic,
                topic_confidence=one.topic_confidence,
                abstained=one.abstained,
                tokens_cut=one.tokens_cut,
            )
            for text, one in zip(texts, analyses, strict=True)
        ],
        versions=list(dict.fromkeys(version for one in analyses for version in one.versions)),
    )


@router.post("/documents", status_code=201)
async def add_documents(
    body: Annotated[
        DocumentIn | DocumentsIn,
        Body(
            openapi_examples={
                "one": {
                    "summary": "One document",
                    "value": {
                        "id": "wire-81723",
                        "date": "2026-06-30",
                        "text": "Crude slides 4% as exporters agree to pump more",
                        "source": "Ledgerline Wire",
                    },
                },
                "many": {
                    "summary": "Several documents",
                    "value": {
                        "documents": [
                            {"id": "wire-81724", "date": "2026-06-30", "text": "Rates left unchanged, as expected"},
                            {"id": "wire-81725", "date": "2026-06-30", "text": "Lender doubles its profit forecast"},
                        ]
                    },
                },
            }
        ),
    ],
    vertical: CurrentVertical,
) -> DocumentsAdded:
    """Analyse documents and add them to log, search and trends. May be repeated safely: an id counts once."""
    incoming = body.documents if isinstance(body, DocumentsIn) else [body]
    stored = await service.add(
        vertical,
        [
            service.NewDocument(text=one.text, date=one.date or today(), id=one.id or "", source=one.source)
            for one in incoming
        ],
    )
    return DocumentsAdded(
        documents=[
            DocumentAdded(**document.model_dump(), status="added" if new else "known") for document, new in stored
        ],
        added=sum(new for _, new in stored),
    )


@router.get("/documents")
async def list_documents(
    vertical: CurrentVertical,
    topic: Topics = None,
    sentiment: Annotated[list[Sentiment] | None, Query(description="Only this; repeat it for several")] = None,
    start: From = None,
    end: To = None,
    query: Annotated[
        str, Query(alias="q", max_length=500, description="Search the texts; best match first", examples=["rate cut"])
    ] = "",
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DocumentPage:
    """The analysed documents, newest first; with ``q`` the best matching first."""
    wanted = Filter(tuple(topic or ()), tuple(sentiment or ()), start, end)
    found = await service.find(vertical, wanted, query=query, offset=offset, limit=limit)
    return DocumentPage(documents=found.documents, total=found.total, next_offset=found.next_offset)


@router.get("/documents/{document_id}")
async def get_document(
    vertical: CurrentVertical, document_id: Annotated[str, Path(max_length=128, examples=["h-0001"])]
) -> AnalysedDocument:
    """One analysed document."""
    return service.get(vertical, document_id)


@router.get("/trends")
async def get_trends(
    vertical: CurrentVertical,
    topic: Topics = None,
    start: From = None,
    end: To = None,
    bucket: Annotated[Bucket, Query(description="Weeks begin on Monday")] = "week",
    evidence: Annotated[int, Query(ge=0, le=20, description="At most so many headlines per point")] = 3,
) -> TrendResponse:
    """The mood over time: one series per topic asked for, or one over all documents.

    ``from`` and ``to`` are widened to whole buckets. Documents that the heads declined are left out.
    """
    topics: list[str | None] = list(topic) if topic else [None]
    series = await service.trend(vertical, topics, bucket, start=start, end=end, evidence=evidence)
    return TrendResponse(
        bucket=bucket,
        series=[
            TrendSeries(
                topic=one.topic,
                mood=one.mood.score if one.mood else None,
                mood_change=one.mood.change if one.mood else None,
                points=[TrendPoint.model_validate(dataclasses.asdict(point)) for point in one.points],
            )
            for one in series
        ],
    )
