"""Files into an index: Markdown, HTML, PDF, Word, text and rows, sent to a running server."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.requests import Request

from verticals.contract import BadFiles
from verticals.web import uploads
from verticals.web.site import CurrentSite

from .documents import Stored

router = APIRouter(prefix="/indexes/{vertical}/{index}")

_PARTS = {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}}
_SCHEMA = {"type": "object", "required": ["files"], "properties": _PARTS}
_BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _SCHEMA}}}}


class Imported(Stored):
    """What an import of files did, in passages."""

    model_config = ConfigDict(from_attributes=True)

    files: int = Field(description="That were read")
    passages: int = Field(description="That there are now of these files")
    deleted: int = Field(description="Passages that the files no longer have")
    skipped: list[tuple[str, str]] = Field(description="Path and reason of what was passed over")
    notes: list[str] = Field(description="What else to know, such as the encoding that a file seems to have")
    problems: list[str] = Field(description="None: with any, the answer is a 422 that names them")


@router.post("/files", summary="Bring an index up to what files hold", openapi_extra=_BODY)
async def import_files(
    vertical: str,
    index: str,
    site: CurrentSite,
    request: Request,
    name: Annotated[str, Query(description="What the folder of the files is called in ids and metadata")] = "files",
    size: Annotated[int, Query(ge=1, le=100_000, description="Characters of a passage, at most")] = 1_000,
    encoding: Annotated[str | None, Query(description="Of text files that are not UTF-8; else found for each")] = None,
) -> Imported:
    """Markdown, HTML, PDF, Word, text, rows of questions with answers (CSV, JSON lines), as `platform index import`.

    Up to 1,000 files and 256 MiB, each under its own name: `guides/returns.md` where it lies in a folder. A file that
    was imported before is brought up to date: only what changed is embedded, and passages that it no longer has are
    deleted. Where files cannot be read the answer is a 422 that says of each why. The others are imported all the same,
    which `stored` tells; of the bad ones the index keeps what it had. 409 where another process writes to the index, or
    files are being imported into it already.
    """
    served = site.running(vertical).index(index)
    async with uploads.received(request) as sent:
        summary = await served.import_uploads(sent, name=name, size=size, encoding=encoding)
    if summary.problems:
        figures = ("files", "added", "updated", "unchanged", "deleted")
        problems = [(one.path, one.problem) for one in summary.problems]
        raise BadFiles(problems, len(sent), {figure: getattr(summary, figure) for figure in figures})
    return Imported.model_validate(summary)
