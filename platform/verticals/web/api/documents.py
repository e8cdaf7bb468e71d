"""The documents of an index: read, written and removed, one by one or all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from fastapi.exceptions import HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from verticals.contract import BadInput, Document, NotFound
from verticals.web.problems import FieldProblem, problem
from verticals.web.site import CurrentSite

router = APIRouter(prefix="/indexes/{vertical}/{index}")

LINES = "application/x-ndjson"
_LINES = {LINES: {"schema": {"type": "string"}}}
_BODY = {"requestBody": {"required": True, "content": _LINES}}
_After = Annotated[str, Query(description="Only documents behind this id")]
_Id = Annotated[str, Path(description="Its id; one with slashes may be written as it is")]


class StoredDocuments(BaseModel):
    """Some documents in the order of their ids."""

    documents: list[Document]
    next: str | None = Field(description="Give it as `after` to get the next page; none on the last one")


class GivenDocument(BaseModel):
    """A document to store."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, examples=["help/returns"])
    text: str = Field(examples=["Send it back within 30 days."])
    title: str = Field("", examples=["How to return an item"])
    source: str = ""
    metadata: dict[str, Any] = Field({}, description="JSON values that filters can ask for")


class GivenDocuments(BaseModel):
    """Documents to store; of several with one id the last counts."""

    documents: list[GivenDocument] = Field(min_length=1, max_length=10_000)


class Stored(BaseModel):
    """What was done, in documents. All of it is durable, and found by the next search."""

    model_config = ConfigDict(from_attributes=True)

    added: int
    updated: int
    unchanged: int = Field(description="They were there as they are")


class StoredLines(Stored):
    """What was done with the lines of a body."""

    rows: int = Field(description="Lines, without blank ones")


_EXAMPLE = {
    "documents": [
        {
            "id": "help/returns",
            "title": "How to return an item",
            "text": "Send it back within 30 days.",
            "source": "help/returns.md",
            "metadata": {"topic": "returns"},
        }
    ]
}


@router.get("/documents", summary="A page of documents")
async def list_documents(
    vertical: str,
    index: str,
    site: CurrentSite,
    after: _After = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> StoredDocuments:
    """In the order of their ids."""
    documents = await site.running(vertical).index(index).documents(after, limit + 1)
    more = len(documents) > limit
    return StoredDocuments(documents=documents[:limit], next=documents[limit - 1].id if more else None)


@router.post("/documents", summary="Add or replace documents")
async def put_documents(
    vertical: str,
    index: str,
    site: CurrentSite,
    body: Annotated[GivenDocuments, Body(openapi_examples={"one": {"summary": "One document", "value": _EXAMPLE}})],
) -> Stored:
    """A document whose id is there already is replaced; of several with one id the last counts.

    Only documents whose title or text changed are embedded, so the same request can be repeated safely. 409 where
    another process writes to the index.
    """
    documents = [Document(**given.model_dump()) for given in body.documents]
    return Stored.model_validate(await site.running(vertical).index(index).upsert(documents))


@router.get("/documents/{id:path}", summary="One document")
async def get_document(vertical: str, index: str, id: _Id, site: CurrentSite) -> Document:  # noqa: A002 - as it is called
    """As it was stored."""
    return await site.running(vertical).index(index).get(id)


@router.delete("/documents/{id:path}", status_code=204, summary="Remove a document")
async def delete_document(vertical: str, index: str, id: _Id, site: CurrentSite) -> None:  # noqa: A002
    """404 where there is none of this id; 409 where another process writes to the index."""
    served = site.running(vertical).index(index)
    if not await served.delete([id]):
        raise NotFound(f"There is no document {id!r} in the index {index!r}.", "Ids are case-sensitive.")


@router.get(
    "/export",
    summary="All documents, as JSON lines",
    response_class=StreamingResponse,
    responses={200: {"content": _LINES}},
)
async def export(vertical: str, index: str, site: CurrentSite, after: _After = "") -> StreamingResponse:
    """One document a line, in the order of their ids, as `import` takes them.

    A reader that was cut off goes on with the last id it has, as `after`.
    """
    lines = site.running(vertical).index(index).lines(after)
    first = await anext(lines, b"")  # what is wrong with the index is a problem, not a stream that breaks off

    async def pieces() -> AsyncIterator[bytes]:
        yield first
        async for piece in lines:
            yield piece

    headers = {"content-disposition": f'attachment; filename="{vertical}-{index}.jsonl"'}
    return StreamingResponse(pieces(), media_type=LINES, headers=headers)


@router.post(
    "/import",
    summary="Add or replace documents given as JSON lines",
    response_model=StoredLines,
    openapi_extra=_BODY,
)
async def import_lines(vertical: str, index: str, site: CurrentSite, request: Request) -> StoredLines | Response:
    """Any number of documents, one a line, stored in batches while they come in; a line may have up to 10 MiB.

    Of several documents with one id the last counts. Where lines cannot be used the answer is a 422 that names the
    first thousand of them by number and tells in `stored` what became of the others, which are stored all the same:
    correct these lines and send them again. A request that was cut off can be sent again as it is: what is there is
    unchanged.
    """
    try:
        loaded = await site.running(vertical).index(index).load_lines(request.stream())
    except ClientDisconnect:
        raise HTTPException(400, "The body ended before it was complete.") from None
    if not loaded.rows:
        raise BadInput("The body holds no line.", "Send one document a line, as JSON.")
    if not loaded.bad:
        return StoredLines.model_validate(loaded)
    lines = "1 line" if loaded.bad == 1 else f"{loaded.bad:,} lines"
    return problem(
        422,
        "bad-rows",
        f"{lines} of {loaded.rows:,} cannot be used. {loaded.told()}",
        remedy="Correct these lines and send them again.",
        errors=[FieldProblem(field=one.field, problem=one.problem, row=one.row) for one in loaded.problems],
        stored=Stored.model_validate(loaded).model_dump(),
    )
